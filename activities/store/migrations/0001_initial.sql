-- Runs on PostgreSQL 15 and newer. Money is bigint minor units, times are timestamptz.

-- One row per event a source delivered: the queue of the relay and, for ever, the answer to "what became of it?".
create table inbox_keys (
    id uuid primary key,
    source text not null,
    account text not null,
    event_key text not null,
    body_sha256 text not null,
    conflict boolean not null default false,
    received_at timestamptz not null,
    times_received integer not null default 1,
    traceparent text,
    state text not null default 'waiting' check (state in ('waiting', 'delivered', 'ignored', 'dead')),
    reason text,
    detail text,
    case_id text,
    tries integer not null default 0,
    next_try_at timestamptz not null,
    claimed_until timestamptz,
    finished_at timestamptz,
    unique (source, account, event_key, body_sha256)
);
create index inbox_waiting on inbox_keys (next_try_at) where state = 'waiting';

-- The raw bytes, by month, so that old ones are dropped by the partition.
create table inbox_bodies (
    id uuid not null,
    received_at timestamptz not null,
    headers jsonb not null,
    body bytea not null,
    primary key (id, received_at)
) partition by range (received_at);
create table inbox_bodies_default partition of inbox_bodies default;

-- What sources said of invoices that have no running case: repairs the order of late news.
create table invoices (
    source text not null,
    account text not null,
    invoice_id text not null,
    status text not null,
    happened_at timestamptz not null,
    primary key (source, account, invoice_id)
);

create table cases (
    case_id text not null,
    reopen integer not null,
    source text not null,
    account text not null,
    invoice_id text not null,
    customer_id text not null,
    subscription_id text,
    segment text not null,
    policy text not null,
    policy_sha256 text not null,
    gateway text not null,
    amount_minor bigint not null,
    currency text not null,
    category text not null,
    opened_at timestamptz not null,
    closed_at timestamptz,
    outcome text check (outcome in ('recovered', 'written_off', 'cancelled', 'disputed')),
    because text,
    closing_fact_at timestamptz,
    attempts integer,
    messages integer,
    timeline jsonb,
    primary key (case_id, reopen)
);
create index cases_by_customer on cases (source, account, customer_id, opened_at);
create index cases_open_by_subscription on cases (source, account, subscription_id) where outcome is null;

create table customers (
    source text not null,
    account text not null,
    customer_id text not null,
    record jsonb not null,
    updated_at timestamptz not null,
    primary key (source, account, customer_id)
);

-- Attempt ledger, append-only: `attempts` is the reservation, `attempt_results` what became of it.
create table attempts (
    key text primary key,
    source text not null,
    account text not null,
    case_id text,
    credential_id text not null,
    actor text not null,
    initiator text not null check (initiator in ('merchant', 'customer')),
    amount_minor bigint not null,
    currency text not null,
    at timestamptz not null,
    reserved_at timestamptz not null
);
create index attempts_by_case on attempts (case_id);
create index attempts_by_credential on attempts (source, account, credential_id, at desc);

create table attempt_results (
    id bigint generated always as identity primary key,
    key text not null references attempts (key),
    outcome text not null check (outcome in ('sent', 'succeeded', 'declined', 'pending', 'unknown', 'not_accepted')),
    category text,
    decline jsonb,
    reference text,
    at timestamptz not null
);
create index attempt_results_by_key on attempt_results (key, id desc);
create unique index attempt_settled_once on attempt_results (key)
    where outcome in ('succeeded', 'declined');

-- Contact ledger, append-only, the same way.
create table messages (
    key text primary key,
    source text not null,
    account text not null,
    case_id text not null,
    customer_id text not null,
    template text not null,
    at timestamptz not null
);
create index messages_by_customer on messages (source, account, customer_id, at desc);

create table message_results (
    id bigint generated always as identity primary key,
    key text not null references messages (key),
    channel text,
    status text not null check (status in ('sending', 'not_sent', 'accepted', 'undelivered', 'unclear')),
    detail text,
    at timestamptz not null
);
create index message_results_by_key on message_results (key, id desc);

-- What a person must look at.
create table tasks (
    key text primary key,
    case_id text not null,
    kind text not null,
    assignee text not null,
    summary text not null,
    created_at timestamptz not null,
    done_at timestamptz,
    done_by text
);
