-- The sandbox's own tables, in its own database. Run at every start, so every statement can be repeated.

create table if not exists customers (
    customer_id     text primary key,
    segment         text not null,
    default_card    text,
    benefits        text[] not null,
    benefits_taken  text[] not null default '{}',
    access_level    text not null default 'full'
);

create table if not exists cards (
    card_id         text primary key,
    customer_id     text not null references customers,
    kind            text not null,
    params          jsonb not null,
    first_call_lost boolean not null default false,
    renewed_as      text,
    renewed_at      timestamptz
);
alter table cards add column if not exists renewed_as text;
alter table cards add column if not exists renewed_at timestamptz;

create table if not exists invoices (
    invoice_id          text primary key,
    customer_id         text not null references customers,
    subscription_id     text not null,
    payment_intent_id   text not null,
    amount_minor        bigint not null check (amount_minor > 0),
    paid_minor          bigint not null default 0 check (paid_minor between 0 and amount_minor),
    currency            text not null,
    status              text not null,
    failed_at           timestamptz not null,
    changed_at          timestamptz not null,
    -- the owner's own first attempt, which failed before Recoup heard of the invoice
    first_charge_id     text not null,
    first_credential_id text not null,
    first_code          text not null,
    first_payment       boolean not null,
    collected_manually  boolean not null,
    dispute_id          text,
    dispute_open        boolean not null default false,
    api_version         text not null,
    retries_at          timestamptz,
    attempt_count       integer not null default 1
);
alter table invoices add column if not exists retries_at timestamptz;
alter table invoices add column if not exists attempt_count integer not null default 1;
create unique index if not exists invoices_payment_intent on invoices (payment_intent_id);

-- Every attempt that reached the gateway, with its whole outcome: the ledger that convicts.
create table if not exists charges (
    idempotency_key text primary key,
    invoice_id      text not null references invoices,
    credential_id   text not null,
    amount_minor    bigint not null,
    currency        text not null,
    at              timestamptz not null,
    status          text not null check (status in ('succeeded', 'declined', 'pending')),
    code            text,
    reference       text not null unique,
    position        bigint generated always as identity,
    -- which of the gateway accounts took it; whether it collected the invoice, or the owner is told afterwards
    gateway          text not null default 'sandbox',
    collects_invoice boolean not null default true,
    -- 'owner' for a retry of the owner's own
    made_by          text not null default 'caller'
);
alter table charges add column if not exists gateway text not null default 'sandbox';
alter table charges add column if not exists collects_invoice boolean not null default true;
alter table charges add column if not exists made_by text not null default 'caller';
create index if not exists charges_of_invoice on charges (invoice_id, position);

create table if not exists gateway_outages (
    begins_at timestamptz not null,
    ends_at   timestamptz not null,
    gateway   text not null default 'sandbox'
);
alter table gateway_outages add column if not exists gateway text not null default 'sandbox';

-- What share of a gateway's charge requests gets lost, and what became of each try.
create table if not exists wire_faults (
    gateway      text primary key,
    drop_before  double precision not null,
    drop_after   double precision not null,
    slow_seconds double precision not null,
    seed         bigint not null
);
create table if not exists wire_tries (
    gateway         text not null,
    idempotency_key text not null,
    tries           integer not null,
    dropped_before  integer not null default 0,
    dropped_after   integer not null default 0,
    primary key (gateway, idempotency_key)
);

-- Money that the owner was told of, and how it was told to end an invoice.
create table if not exists payments (
    key          text primary key,
    invoice_id   text not null,
    amount_minor bigint not null,
    currency     text not null,
    gateway      text not null,
    reference    text not null,
    at           timestamptz not null
);
create table if not exists endings (
    key        text primary key,
    invoice_id text not null,
    how        text not null,
    at         timestamptz not null
);

create table if not exists outbox (
    position  bigint generated always as identity primary key,
    channel   text not null,
    key       text not null,
    case_id   text not null,
    number    integer not null,
    recipient text not null,
    subject   text not null,
    body      text not null,
    at        timestamptz not null,
    reference text not null,
    times     integer not null default 1,
    unique (channel, key),
    unique (case_id, number)
);
alter table outbox add column if not exists times integer not null default 1;

-- What was told, whether or not it arrived: the list that a receiver may ask for.
create table if not exists events (
    position  bigint generated always as identity primary key,
    event_id  text not null unique,
    body      text not null,
    told_at   timestamptz not null
);
create index if not exists events_by_time on events (told_at);

create table if not exists access_changes (
    key            text primary key,
    customer_id    text not null references customers,
    level          text not null,
    takes          text[] not null,
    benefits_taken text[] not null,
    at             timestamptz not null,
    position       bigint generated always as identity
);

-- What a customer sees of a stored way to pay. Of a number there are the last four characters, never more.
alter table cards add column if not exists payment_type text not null default 'card';
alter table cards add column if not exists brand text;
alter table cards add column if not exists last4 text check (length(last4) <= 4);
alter table cards add column if not exists expires text;
alter table cards add column if not exists fingerprint text;

-- false: the customer lends the card for this charge, and later invoices stay with her default
alter table charges add column if not exists keep boolean not null default true;

-- A customer is about to give a way to pay. `way`: what she gave and has yet to confirm, without its number.
-- `return_url` only where the browser is sent there.
create table if not exists gateway_sessions (
    session_id    text primary key,
    customer_id   text not null,
    payment_type  text not null,
    confirms      text,
    locale        text not null,
    return_url    text,
    expires_at    timestamptz not null,
    status        text not null default 'open' check (status in ('open', 'given', 'refused')),
    code          text,
    way           jsonb,
    credential_id text
);
