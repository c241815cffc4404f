-- The customer's page: links that lead there, who has shown that they are the customer, and what was tried.

-- A link without a row here is none that we have sent.
create table pay_links (
    link_id text primary key,
    source text not null,
    account text not null,
    customer_id text not null,
    channel text not null,
    made_at timestamptz not null,
    revoked_at timestamptz,
    revoked_because text
);
create index pay_links_by_customer on pay_links (source, account, customer_id) where revoked_at is null;

-- Codes sent to an address of the customer; of the code only a keyed hash is kept. `session_hash`: the browser that
-- asked for it, and the only one that may use it.
create table page_codes (
    id uuid primary key,
    source text not null,
    account text not null,
    customer_id text not null,
    link_id text not null,
    session_hash text not null,
    channel text not null,
    code_hash text not null,
    made_at timestamptz not null,
    tries integer not null default 0,
    used_at timestamptz
);
create index page_codes_by_customer on page_codes (source, account, customer_id, made_at);
create index page_codes_by_made_at on page_codes (made_at);

-- Browsers whose holder has typed in such a code.
create table page_sessions (
    session_hash text not null,
    link_id text not null,
    verified_at timestamptz not null,
    expires_at timestamptz not null,
    primary key (session_hash, link_id)
);
create index page_sessions_by_end on page_sessions (expires_at);

-- Tries to pay on the page. `succeeded` null: nobody knows yet, which counts like a failure. An action that is tried
-- again after it has ended is another try.
create table page_tries (
    id bigint generated always as identity primary key,
    action_id text not null,
    source text not null,
    account text not null,
    customer_id text not null,
    case_id text not null,
    at timestamptz not null,
    succeeded boolean
);
create index page_tries_by_customer on page_tries (source, account, customer_id, at);
create index page_tries_by_action on page_tries (action_id);

-- One intention to pay: what is to be paid, in which fields of which gateway, and what came of it. `record` is an
-- activities.store.checkouts.Checkout; it holds tokens and the last digits of a card, never more of it.
create table page_checkouts (
    id text primary key,
    link_id text not null,
    source text not null,
    account text not null,
    customer_id text not null,
    made_at timestamptz not null,
    record jsonb not null
);
create index page_checkouts_by_customer on page_checkouts (source, account, customer_id);
create index page_checkouts_by_made_at on page_checkouts (made_at);

-- When customers who agreed to it were busy on their page: which hours of the day they can be reached in.
create table page_visits (
    source text not null,
    account text not null,
    customer_id text not null,
    at timestamptz not null
);
create index page_visits_by_customer on page_visits (source, account, customer_id, at);
create index page_visits_by_time on page_visits (at);
