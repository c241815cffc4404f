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
    first_call_lost boolean not null default false
);

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
    api_version         text not null
);
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
    position        bigint generated always as identity
);
create index if not exists charges_of_invoice on charges (invoice_id, position);

create table if not exists gateway_outages (
    begins_at timestamptz not null,
    ends_at   timestamptz not null
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
    unique (channel, key),
    unique (case_id, number)
);

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
