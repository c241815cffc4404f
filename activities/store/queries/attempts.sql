-- name: lock_credential(credential)$
select pg_advisory_xact_lock(hashtextextended(:credential, 0));

-- name: of_credentials(source, account, credential_ids, fingerprints, since)
-- What became of an attempt is the gateway's yes or no, whatever was written before or after it; else that it never
-- arrived, which we only infer; else the latest word.
select a.key, a.actor, a.at, a.amount_minor, a.currency, a.case_id, a.initiator, a.credential_id, a.fingerprint,
    r.outcome, r.decline
from attempts a
left join lateral (
    select outcome, decline from attempt_results where key = a.key
    order by array_position(array['succeeded', 'declined', 'not_accepted'], outcome) nulls last, id desc limit 1
) r on true
where a.source = :source and a.account = :account and a.at > :since
    and (a.credential_id = any(:credential_ids) or a.fingerprint = any(:fingerprints))
order by a.at;

-- name: by_key(key)^
-- Under way: one more call was begun than certainly had no effect, whichever of several runs of an activity wrote last.
select a.*, r.outcome, r.decline, r.reference, t.key is not null as told, s.sends, s.under_way, s.last_sent_at,
    s.last_sent_now
from attempts a
cross join lateral (
    select count(*) filter (where outcome = 'sent') as sends,
        count(*) filter (where outcome = 'sent') > count(*) filter (where outcome = 'unsent') as under_way,
        max(written_at) filter (where outcome = 'sent') as last_sent_at,
        max(at) filter (where outcome = 'sent') as last_sent_now
    from attempt_results where key = a.key
) s
left join lateral (
    select outcome, decline, reference from attempt_results where key = a.key
    order by array_position(array['succeeded', 'declined', 'not_accepted'], outcome) nulls last, id desc limit 1
) r on true
left join payments_told t on t.key = a.key
where a.key = :key;

-- name: key_by_reference(gateways, reference)$
select a.key from attempt_results r join attempts a on a.key = r.key
where r.reference = :reference and a.gateway like any(:gateways)
order by r.id desc limit 1;

-- name: is_ours(source, account, reference)$
-- An attempt of our own, as its gateway names it.
select exists (
    select from attempt_results r join attempts a on a.key = r.key
    where r.reference = :reference and a.actor = 'recoup' and a.source = :source and a.account = :account
);

-- name: reserve(key, source, account, case_id, credential_id, actor, initiator, amount_minor, currency, at, reserved_at, gateway, gateway_customer_id, fingerprint, instrument)!
insert into attempts (key, source, account, case_id, credential_id, actor, initiator, amount_minor, currency, at,
    reserved_at, gateway, gateway_customer_id, fingerprint, instrument)
values (:key, :source, :account, :case_id, :credential_id, :actor, :initiator, :amount_minor, :currency, :at,
    :reserved_at, :gateway, :gateway_customer_id, :fingerprint, :instrument)
on conflict (key) do update set credential_id = excluded.credential_id, initiator = excluded.initiator,
    amount_minor = excluded.amount_minor, currency = excluded.currency, at = excluded.at,
    reserved_at = excluded.reserved_at, gateway = excluded.gateway,
    gateway_customer_id = excluded.gateway_customer_id, fingerprint = excluded.fingerprint,
    instrument = excluded.instrument
where (select outcome from attempt_results where key = excluded.key order by id desc limit 1) = 'withdrawn';

-- name: reserve_again(key, at)!
-- A reservation that was withdrawn holds the credential once more.
insert into attempt_results (key, outcome, at)
select :key, 'reserved', :at
where (select outcome from attempt_results where key = :key order by id desc limit 1) = 'withdrawn';

-- name: lock_attempt(key)$
select pg_advisory_xact_lock(hashtextextended('attempt ' || :key, 0));

-- name: mark_sent(key, at, written_at, quiet_since)$
-- What is settled or was given up is not sent any more; with `quiet_since`, nor is what was sent after it and may be
-- under way.
insert into attempt_results (key, outcome, at, written_at)
select :key, 'sent', :at, :written_at
where not exists (
    select from attempt_results where key = :key and outcome in ('succeeded', 'declined', 'not_accepted')
)
and (select outcome from attempt_results where key = :key order by id desc limit 1) is distinct from 'withdrawn'
and (
    :quiet_since::timestamptz is null
    or (
        select count(*) filter (where outcome = 'sent') <= count(*) filter (where outcome = 'unsent')
            or max(written_at) filter (where outcome = 'sent') <= :quiet_since::timestamptz
        from attempt_results where key = :key
    )
)
returning true;

-- name: give_up(key, outcome, sends, at)$
-- Only if nobody has begun to send since then.
insert into attempt_results (key, outcome, at)
select :key, :outcome, :at
where (select count(*) from attempt_results where key = :key and outcome = 'sent') = :sends
    and exists (select from attempts where key = :key)
returning true;

-- name: add_result(key, outcome, category, decline, reference, at)!
insert into attempt_results (key, outcome, category, decline, reference, at)
select :key, :outcome, :category, :decline, :reference, :at
where exists (select from attempts where key = :key)
on conflict (key) where outcome in ('succeeded', 'declined') do nothing;

-- name: mark_told(key, at)!
insert into payments_told (key, at) values (:key, :at) on conflict do nothing;

-- name: untold(case_id)
-- Successes of ours that the invoice's owner may not know of yet.
select a.key from attempts a
join attempt_results r on r.key = a.key and r.outcome = 'succeeded'
left join payments_told t on t.key = a.key
where a.case_id = :case_id and a.actor = 'recoup' and t.key is null
order by a.at;
