-- name: receive(id, source, account, event_key, body_sha256, received_at, traceparent, claimed_until, unproven, headers, body)^
-- One statement, one commit. A body that is already there is counted, not stored again.
with known as (
    select exists (
        select from inbox_keys
        where source = :source and account = :account and event_key = :event_key and body_sha256 <> :body_sha256
    ) as conflict
), key as (
    insert into inbox_keys as k
        (id, source, account, event_key, body_sha256, conflict, received_at, traceparent, next_try_at, claimed_until,
        unproven)
    select :id, :source, :account, :event_key, :body_sha256, known.conflict, :received_at, :traceparent,
        :received_at, :claimed_until, :unproven
    from known
    on conflict (source, account, event_key, body_sha256)
        do update set times_received = k.times_received + 1, last_received_at = excluded.received_at
    returning k.id, k.received_at, k.times_received, k.conflict, k.state
), stored as (
    insert into inbox_bodies (id, received_at, headers, body)
    select key.id, key.received_at, :headers, :body from key where key.times_received = 1
)
select id, times_received, conflict, state from key;

-- name: receive_many(id, source, account, event_key, body_sha256, received_at, traceparent, claimed_until, unproven, headers, body)
-- The same for many events, each of another id; in one commit.
with given as (
    select * from unnest(:id::uuid[], :source::text[], :account::text[], :event_key::text[], :body_sha256::text[],
        :received_at::timestamptz[], :traceparent::text[], :claimed_until::timestamptz[], :unproven::boolean[],
        :headers::jsonb[], :body::bytea[])
        as g (id, source, account, event_key, body_sha256, received_at, traceparent, claimed_until, unproven, headers, body)
), key as (
    insert into inbox_keys as k
        (id, source, account, event_key, body_sha256, conflict, received_at, traceparent, next_try_at, claimed_until,
        unproven)
    select g.id, g.source, g.account, g.event_key, g.body_sha256, exists (
            select from inbox_keys o
            where o.source = g.source and o.account = g.account and o.event_key = g.event_key
                and o.body_sha256 <> g.body_sha256
        ), g.received_at, g.traceparent, g.received_at, g.claimed_until, g.unproven
    from given g
    on conflict (source, account, event_key, body_sha256)
        do update set times_received = k.times_received + 1, last_received_at = excluded.received_at
    returning k.id, k.received_at, k.times_received, k.conflict, k.state, k.source, k.account, k.event_key
), stored as (
    insert into inbox_bodies (id, received_at, headers, body)
    select key.id, key.received_at, g.headers, g.body from key join given g on g.id = key.id
)
select id, times_received, conflict, state, source, account, event_key from key;

-- name: lease(now, claimed_until, batch)
with due as (
    select id from inbox_keys
    where (state = 'waiting' or replay) and next_try_at <= :now and (claimed_until is null or claimed_until < :now)
    order by next_try_at
    limit :batch
    for update skip locked
), leased as (
    update inbox_keys k set claimed_until = :claimed_until, tries = k.tries + 1
    from due where k.id = due.id
    returning k.id, k.source, k.account, k.received_at, k.traceparent, k.tries, k.unproven, k.replay, k.state
)
select leased.*, b.body, case when leased.unproven then b.headers end as headers
from leased join inbox_bodies b on b.id = leased.id and b.received_at = leased.received_at
order by leased.received_at;

-- name: finish(id, state, reason, detail, case_id, customer_id, finished_at)!
-- What became of a row the first time stands when it is delivered once more. An event that reached a case shows that
-- its invoice is real: rules that spoke of an earlier event of that invoice were wrong about it.
with done as (
    update inbox_keys
    set state = :state, reason = :reason, detail = :detail, case_id = :case_id, finished_at = :finished_at,
        claimed_until = null, customer_id = coalesce(:customer_id, customer_id)
    where id = :id and state = 'waiting'
    returning id, source, account, state, received_at
)
update intake_findings f set proven_good_at = :finished_at, proven_good_by = 'a later event'
from done
where done.state = 'delivered' and f.source = done.source and f.account = done.account
    and f.invoice_id = split_part(:case_id, '/', 3) and f.row_id <> done.id and f.proven_good_at is null
    and done.received_at > f.at;

-- name: replayed(id)!
update inbox_keys set replay = false, claimed_until = null where id = :id and replay;

-- name: proven(id)!
update inbox_keys set unproven = false where id = :id;

-- name: try_again(id, next_try_at, detail)!
update inbox_keys
set next_try_at = :next_try_at, claimed_until = null, detail = case when state = 'waiting' then :detail else detail end
where id = :id and (state = 'waiting' or replay);

-- name: bury(id, state, reason, field, detail, finished_at, kind, invoice_id, customer_id, amount_minor, currency, stake)!
update inbox_keys
set state = :state, reason = :reason, field = :field, detail = :detail, finished_at = :finished_at, kind = :kind,
    invoice_id = :invoice_id, customer_id = :customer_id, amount_minor = :amount_minor, currency = :currency,
    stake = :stake, claimed_until = null
where id = :id and state = 'waiting';

-- name: add_finding(row_id, source, account, rule, action, shadow, field, detail, invoice_id, at)!
insert into intake_findings (row_id, source, account, rule, action, shadow, field, detail, invoice_id, at)
values (:row_id, :source, :account, :rule, :action, :shadow, :field, :detail, :invoice_id, :at)
on conflict (row_id, rule) do nothing;

-- name: replay(source, account, since, until)$
-- What was delivered or ignored in that time is delivered once more; returns how many rows that are. Dead letters stay:
-- people let them through, and say why.
with again as (
    update inbox_keys set replay = true, next_try_at = now(), claimed_until = null
    where state in ('delivered', 'ignored') and not replay
        and (cast(:source as text) is null or source = :source)
        and (cast(:account as text) is null or account = :account)
        and received_at >= :since and received_at < :until
        -- Bodies that are too old are gone.
        and exists (select from inbox_bodies b where b.id = inbox_keys.id and b.received_at = inbox_keys.received_at)
    returning 1
)
select count(*) from again;

-- name: knows(source, account, event_key)$
select exists (select from inbox_keys where source = :source and account = :account and event_key = :event_key);

-- name: row(id)^
select * from inbox_keys where id = :id;

-- name: counts()
select state, reason, count(*) as rows from inbox_keys group by state, reason order by state, reason;
