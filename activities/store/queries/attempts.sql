-- name: lock_credential(credential)$
select pg_advisory_xact_lock(hashtextextended(:credential, 0));

-- name: of_credential(source, account, credential_id, since)
-- What became of an attempt is the gateway's yes or no, whatever was written before or after it; else that it never
-- arrived, which we only infer; else the latest word.
select a.key, a.actor, a.at, a.amount_minor, a.currency, a.case_id, a.initiator, r.outcome, r.decline
from attempts a
left join lateral (
    select outcome, decline from attempt_results where key = a.key
    order by array_position(array['succeeded', 'declined', 'not_accepted'], outcome) nulls last, id desc limit 1
) r on true
where a.source = :source and a.account = :account and a.credential_id = :credential_id and a.at > :since
order by a.at;

-- name: by_key(key)^
select a.key, a.at, a.reserved_at, a.credential_id, a.amount_minor, a.currency, r.outcome, r.decline
from attempts a
left join lateral (
    select outcome, decline from attempt_results where key = a.key
    order by array_position(array['succeeded', 'declined', 'not_accepted'], outcome) nulls last, id desc limit 1
) r on true
where a.key = :key;

-- name: reserve(key, source, account, case_id, credential_id, actor, initiator, amount_minor, currency, at, reserved_at)!
insert into attempts (key, source, account, case_id, credential_id, actor, initiator, amount_minor, currency, at,
    reserved_at)
values (:key, :source, :account, :case_id, :credential_id, :actor, :initiator, :amount_minor, :currency, :at, :reserved_at)
on conflict (key) do nothing;

-- name: mark_sent(key, at)$
-- What is settled is not sent any more.
insert into attempt_results (key, outcome, at)
select :key, 'sent', :at
where not exists (
    select from attempt_results where key = :key and outcome in ('succeeded', 'declined', 'not_accepted')
)
returning true;

-- name: add_result(key, outcome, category, decline, reference, at)!
insert into attempt_results (key, outcome, category, decline, reference, at)
select :key, :outcome, :category, :decline, :reference, :at
where exists (select from attempts where key = :key)
on conflict (key) where outcome in ('succeeded', 'declined') do nothing;
