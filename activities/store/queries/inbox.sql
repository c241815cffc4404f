-- name: receive(id, source, account, event_key, body_sha256, received_at, traceparent, claimed_until, headers, body)^
-- One statement, one commit. A body that is already there is counted, not stored again.
with known as (
    select exists (
        select from inbox_keys
        where source = :source and account = :account and event_key = :event_key and body_sha256 <> :body_sha256
    ) as conflict
), key as (
    insert into inbox_keys as k
        (id, source, account, event_key, body_sha256, conflict, received_at, traceparent, next_try_at, claimed_until)
    select :id, :source, :account, :event_key, :body_sha256, known.conflict, :received_at, :traceparent,
        :received_at, :claimed_until
    from known
    on conflict (source, account, event_key, body_sha256)
        do update set times_received = k.times_received + 1
    returning k.id, k.received_at, k.times_received, k.conflict
), stored as (
    insert into inbox_bodies (id, received_at, headers, body)
    select key.id, key.received_at, :headers, :body from key where key.times_received = 1
)
select id, times_received, conflict from key;

-- name: lease(now, claimed_until, batch)
with due as (
    select id from inbox_keys
    where state = 'waiting' and next_try_at <= :now and (claimed_until is null or claimed_until < :now)
    order by next_try_at
    limit :batch
    for update skip locked
), leased as (
    update inbox_keys k set claimed_until = :claimed_until, tries = k.tries + 1
    from due where k.id = due.id
    returning k.id, k.source, k.account, k.received_at, k.traceparent, k.tries
)
select leased.id, leased.source, leased.account, leased.received_at, leased.traceparent, leased.tries, b.body
from leased join inbox_bodies b on b.id = leased.id and b.received_at = leased.received_at
order by leased.received_at;

-- name: finish(id, state, reason, detail, case_id, finished_at)!
update inbox_keys
set state = :state, reason = :reason, detail = :detail, case_id = :case_id, finished_at = :finished_at,
    claimed_until = null
where id = :id and state = 'waiting';

-- name: try_again(id, next_try_at, detail)!
update inbox_keys set next_try_at = :next_try_at, detail = :detail, claimed_until = null
where id = :id and state = 'waiting';

-- name: row(id)^
select * from inbox_keys where id = :id;

-- name: counts()
select state, reason, count(*) as rows from inbox_keys group by state, reason order by state, reason;
