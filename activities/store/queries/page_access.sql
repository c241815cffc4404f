-- name: alone(customer)!
-- Whoever asks for this customer at the same time, also in another process, waits until the transaction ends.
select pg_advisory_xact_lock(hashtextextended(:customer, 5270018));

-- name: codes_since(source, account, customer_id, since)
select made_at from page_codes
where source = :source and account = :account and customer_id = :customer_id and made_at > :since
order by made_at;

-- name: add_code(id, source, account, customer_id, link_id, session_hash, channel, code_hash, made_at)!
insert into page_codes (id, source, account, customer_id, link_id, session_hash, channel, code_hash, made_at)
values (:id, :source, :account, :customer_id, :link_id, :session_hash, :channel, :code_hash, :made_at);

-- name: drop_code(id)!
delete from page_codes where id = :id;

-- name: newest_code(source, account, customer_id, link_id, session_hash)^
-- Locked, so that of guesses at the same time each is counted.
select id, code_hash, made_at, tries, used_at from page_codes
where source = :source and account = :account and customer_id = :customer_id
    and link_id = :link_id and session_hash = :session_hash
order by made_at desc, id limit 1
for update;

-- name: tried_code(id)!
update page_codes set tries = tries + 1 where id = :id;

-- name: used_code(id, at)!
update page_codes set used_at = :at where id = :id;

-- name: add_session(session_hash, link_id, verified_at, expires_at)!
insert into page_sessions (session_hash, link_id, verified_at, expires_at)
values (:session_hash, :link_id, :verified_at, :expires_at)
on conflict (session_hash, link_id) do update
    set verified_at = excluded.verified_at, expires_at = excluded.expires_at;

-- name: verified_until(session_hash, link_id, now)$
select expires_at from page_sessions
where session_hash = :session_hash and link_id = :link_id and expires_at > :now;

-- name: forget_codes(before)!
delete from page_codes where made_at < :before;

-- name: forget_sessions(before)!
delete from page_sessions where expires_at < :before;

-- name: runs(source, account, customer_id, action_id)$
select exists (
    select from page_tries
    where source = :source and account = :account and customer_id = :customer_id
        and action_id = :action_id and succeeded is null
);

-- name: unsuccessful_since(source, account, customer_id, since)
select at from page_tries
where source = :source and account = :account and customer_id = :customer_id
    and at > :since and succeeded is not true;

-- name: add_try(action_id, source, account, customer_id, case_id, at)!
insert into page_tries (action_id, source, account, customer_id, case_id, at)
values (:action_id, :source, :account, :customer_id, :case_id, :at);

-- name: ended_try(action_id, succeeded)!
-- Money that has come stays; a try that seemed to have failed may turn out to have gone through.
update page_tries set succeeded = :succeeded
where id = (select max(id) from page_tries where action_id = :action_id) and succeeded is not true;

-- name: recent_tries(source, account, customer_id, since_hour, since_day)^
select
    count(*) filter (where at > :since_hour and succeeded is not true) as unsuccessful_in_hour,
    count(*) filter (where succeeded is not true) as unsuccessful_in_day,
    count(*) filter (where succeeded) as succeeded_in_day,
    count(distinct case_id) as cases_in_day
from page_tries
where source = :source and account = :account and customer_id = :customer_id and at > :since_day;
