-- Governed intake: proofs that come later, refusals, dead letters worked by impact, replay, the health of sources.

alter table inbox_keys drop constraint inbox_keys_state_check;
alter table inbox_keys add constraint inbox_keys_state_check
    check (state in ('waiting', 'delivered', 'ignored', 'dead', 'refused'));
alter table inbox_keys
    -- The signature could not be checked when it came; the relay has it proven first.
    add column unproven boolean not null default false,
    -- A person looked at it and let it through: rules that refuse or quarantine do not apply again.
    add column released boolean not null default false,
    -- Delivered once more; what became of it the first time stands.
    add column replay boolean not null default false,
    add column last_received_at timestamptz,
    -- What a dead letter is about, as far as it could be read.
    add column field text,
    add column kind text,
    add column invoice_id text,
    add column customer_id text,
    add column amount_minor bigint,
    add column currency text,
    -- What it weighs: the amount in minor units of the base currency times the weight of the customer's segment.
    add column stake double precision,
    add column discarded_at timestamptz;
drop index inbox_waiting;
create index inbox_due on inbox_keys (next_try_at) where state = 'waiting' or replay;
create index inbox_dead on inbox_keys (stake desc) where state in ('dead', 'refused') and discarded_at is null;

-- Which rule of a validation profile spoke of which event. A shadow rule changes nothing.
create table intake_findings (
    id bigint generated always as identity primary key,
    row_id uuid not null references inbox_keys (id),
    source text not null,
    account text not null,
    rule text not null,
    action text not null check (action in ('warn', 'quarantine', 'refuse')),
    shadow boolean not null,
    field text,
    detail text not null,
    invoice_id text,
    at timestamptz not null,
    -- Set when the event turned out to be good: a person let it through, or a later event spoke of the same invoice.
    proven_good_at timestamptz,
    proven_good_by text,
    unique (row_id, rule)
);
create index intake_findings_unproven on intake_findings (source, account, invoice_id) where proven_good_at is null;

-- What a dead letter weighs: policies/intake/impact.py says why, and a test that both agree.
create function dead_letter_impact(stake double precision, since timestamptz, at timestamptz) returns double precision
    language sql immutable parallel safe
    return coalesce(stake, 0) * (1 + cast(greatest(extract(epoch from at - since), 0) as double precision) / 604800);

-- What people did with dead letters; append-only. `was`: the reason that the letter had then.
create table dead_letter_actions (
    id bigint generated always as identity primary key,
    row_id uuid not null references inbox_keys (id),
    action text not null check (action in ('retry', 'release', 'discard')),
    actor text not null,
    reason text not null,
    was text,
    at timestamptz not null
);
create index dead_letter_actions_by_row on dead_letter_actions (row_id, id);

-- Deliveries by source, account and hour: what is usual, and what is not.
create table source_hours (
    source text not null,
    account text not null,
    hour timestamptz not null,
    events bigint not null default 0,
    bad_signatures bigint not null default 0,
    malformed bigint not null default 0,
    refused bigint not null default 0,
    dead bigint not null default 0,
    last_event_at timestamptz,
    primary key (source, account, hour)
);

-- When a source's own list of events is asked next, and up to when it has been read.
create table source_polls (
    source text not null,
    account text not null,
    next_poll_at timestamptz not null,
    read_until timestamptz,
    found bigint not null default 0,
    detail text,
    primary key (source, account)
);

-- `record` is what the merchant wrote, and outranks `told`, what sources told; the newest telling of a field counts, and
-- `told_times` has the time of each.
alter table customers
    add column told jsonb not null default '{}',
    add column told_times jsonb not null default '{}',
    alter column record set default '{}';

alter table invoices add column version bigint not null default 0;

alter table cases add column credential_id text;
create index cases_open_by_credential on cases (source, account, credential_id) where outcome is null;

-- Decline codes that stand in no table; the most frequent should get a row.
create table unknown_declines (
    gateway text not null,
    code text not null,
    network_code text not null,
    advice_code text not null,
    times bigint not null default 1,
    first_seen timestamptz not null,
    last_seen timestamptz not null,
    primary key (gateway, code, network_code, advice_code)
);
