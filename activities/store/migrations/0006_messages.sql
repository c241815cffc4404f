-- What was said to whom, as it was said, and what became of it.

alter table messages
    add column reopen integer not null default 0,
    add column name text not null default '',
    add column stage text not null default '',
    add column covers text[] not null default '{}',
    add column variant text,
    add column counted boolean not null default true;
create index messages_by_case on messages (case_id);

-- Before this moment nothing is said of the claim, also not in the message of another case.
alter table cases add column silent_until timestamptz;

-- `held_out`: nobody was written to, on purpose, to see what the message is worth.
alter table message_results drop constraint message_results_status_check;
alter table message_results add constraint message_results_status_check
    check (status in ('sending', 'not_sent', 'accepted', 'undelivered', 'unclear', 'held_out'));
alter table message_results add column reference text;
create index message_results_by_reference on message_results (reference) where reference is not null;

-- The words as they went out on one channel. `address_hash`: keyed, so that it proves and does not tell. Erasing a
-- person's data empties subject, text and html and keeps the rest.
create table message_texts (
    key text not null references messages (key),
    channel text not null,
    address_hash text not null,
    locale text not null,
    template_edition text not null,
    subject text,
    text text,
    html text,
    body_sha256 text not null,
    written_at timestamptz not null,
    erased_at timestamptz,
    primary key (key, channel)
);

-- What a provider told of a message, each word once.
create table message_receipts (
    key text not null references messages (key),
    channel text not null,
    what text not null check (what in ('delivered', 'undelivered', 'opened', 'clicked', 'complained', 'opted_out')),
    detail text,
    happened_at timestamptz not null,
    received_at timestamptz not null,
    primary key (key, channel, what)
);

-- Addresses that must not be used, whoever has them; `ended_at`: the person asked to be written to again.
create table channel_stops (
    channel text not null,
    address_hash text not null,
    because text not null,
    at timestamptz not null,
    ended_at timestamptz,
    primary key (channel, address_hash, at)
);

-- Browsers and telephones that take push messages. `subscription`: a web push subscription, or {"token": ...} of FCM.
create table push_devices (
    id uuid primary key,
    source text not null,
    account text not null,
    customer_id text not null,
    kind text not null check (kind in ('web', 'fcm')),
    device_hash text not null,
    subscription jsonb not null,
    created_at timestamptz not null,
    gone_at timestamptz,
    unique (source, account, customer_id, device_hash)
);

-- The in-app feed. What is withdrawn (paid, closed, replaced) is shown no more.
create table feed_items (
    position bigint generated always as identity primary key,
    key text not null unique,
    source text not null,
    account text not null,
    customer_id text not null,
    case_id text not null,
    stage text not null,
    template text not null,
    subject text not null,
    text text not null,
    link text,
    locale text not null,
    direction text not null,
    at timestamptz not null,
    created_at timestamptz not null,
    read_at timestamptz,
    withdrawn_at timestamptz
);
create index feed_items_by_customer on feed_items (source, account, customer_id, position desc);
create index feed_items_by_case on feed_items (case_id) where withdrawn_at is null;

-- A person's events are found by the cases they were told to, so that they can be erased.
create index inbox_keys_by_case on inbox_keys (case_id) where case_id is not null;
