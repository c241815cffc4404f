-- name: count_call(gateway, kinds, names, at, approved, declined, failed, issuer_failed, slow, seconds)
-- A minute and an hour of each scope, always in the same order, so that two who count never wait for each other in a
-- ring. Returns the outages that the call falls under.
with counted as (
    insert into gateway_calls as c
        (gateway, kind, name, hourly, begins_at, approved, declined, failed, issuer_failed, slow, seconds, longest)
    select :gateway, s.kind, s.name, h.hourly,
        date_trunc(case when h.hourly then 'hour' else 'minute' end, cast(:at as timestamptz), 'UTC'),
        :approved, :declined, :failed, :issuer_failed, :slow, :seconds, :seconds
    from unnest(cast(:kinds as text[]), cast(:names as text[])) as s (kind, name),
        unnest(array[false, true]) as h (hourly)
    order by s.kind, s.name, h.hourly
    on conflict (gateway, kind, hourly, name, begins_at) do update
        set approved = c.approved + excluded.approved, declined = c.declined + excluded.declined,
            failed = c.failed + excluded.failed, issuer_failed = c.issuer_failed + excluded.issuer_failed,
            slow = c.slow + excluded.slow, seconds = c.seconds + excluded.seconds,
            longest = greatest(c.longest, excluded.longest)
)
select o.* from outages o
join unnest(cast(:kinds as text[]), cast(:names as text[])) as s (kind, name) using (kind, name)
where o.gateway = :gateway and o.ended_at is null and o.began_at <= :at;

-- name: open_outages(gateway, kinds, names, now)
select o.* from outages o
join unnest(cast(:kinds as text[]), cast(:names as text[])) as s (kind, name) using (kind, name)
where o.gateway = :gateway and o.ended_at is null and o.began_at <= :now;

-- name: locked_outages(gateway, kinds, names, now)
-- In the order of their ids: whoever takes several probes at once takes them in the same order.
select o.* from outages o
where o.gateway = :gateway and o.ended_at is null and o.began_at <= :now
    and (o.kind, o.name) in (select * from unnest(cast(:kinds as text[]), cast(:names as text[])))
order by o.id for update;

-- name: health(gateways, kinds, names, now, window_begins, base_begins)
-- Of each scope: its calls, its open outage, its last one. Minutes in which an outage had not ended yet do not count.
select s.gateway, s.kind, s.name, to_jsonb(o) as outage, e.began_at as last_began_at, e.ended_at as last_ended_at,
    r.recent, b.base,
    case when s.kind = 'account' then (
        select count(distinct i.name) from gateway_calls i
        where i.gateway = s.gateway and i.kind = 'issuer' and not i.hourly and i.issuer_failed > 0
            and i.begins_at > :window_begins and i.begins_at >= coalesce(e.ended_at, '-infinity')
            and i.begins_at <= :now
    ) else 0 end as issuers_failing
from unnest(cast(:gateways as text[]), cast(:kinds as text[]), cast(:names as text[])) with ordinality
    as s (gateway, kind, name, place)
left join outages o on o.gateway = s.gateway and o.kind = s.kind and o.name = s.name
    and o.ended_at is null and o.began_at <= :now
left join lateral (
    select p.began_at, p.ended_at from outages p
    where p.gateway = s.gateway and p.kind = s.kind and p.name = s.name and p.ended_at <= :now
    order by p.ended_at desc limit 1
) e on true
cross join lateral (
    select jsonb_build_object('approved', coalesce(sum(approved), 0), 'declined', coalesce(sum(declined), 0),
        'failed', coalesce(sum(failed), 0), 'issuer_failed', coalesce(sum(issuer_failed), 0),
        'slow', coalesce(sum(slow), 0), 'seconds', coalesce(sum(seconds), 0), 'longest', coalesce(max(longest), 0)
    ) as recent
    from gateway_calls c
    where c.gateway = s.gateway and c.kind = s.kind and c.name = s.name and not c.hourly
        and c.begins_at > :window_begins and c.begins_at >= coalesce(e.ended_at, '-infinity') and c.begins_at <= :now
) r
cross join lateral (
    select jsonb_build_object('approved', coalesce(sum(approved), 0), 'declined', coalesce(sum(declined), 0)) as base
    from gateway_calls c
    where c.gateway = s.gateway and c.kind = s.kind and c.name = s.name and c.hourly
        and c.begins_at > :base_begins and c.begins_at <= :now
) b
order by s.place;

-- name: scopes(since, window_begins, now)
-- Accounts and regions that were called in the last day, issuers in the last minutes; and whatever is out of order.
select distinct gateway, kind, name from gateway_calls
where begins_at <= :now and (
    (hourly and kind <> 'issuer' and begins_at > :since) or (not hourly and kind = 'issuer' and begins_at > :window_begins)
)
union select gateway, kind, name from outages where ended_at is null and began_at <= :now
order by gateway, kind, name;

-- name: open_outage(gateway, kind, name, because, began_at, pause, next_probe_at)^
-- One row, however many see it at once. Outages of parts of the account end in the one of the whole.
with opened as (
    insert into outages (gateway, kind, name, because, began_at, pause, next_probe_at)
    values (:gateway, :kind, :name, :because, :began_at, :pause, :next_probe_at)
    on conflict do nothing
    returning id
), taken_up as (
    update outages set ended_at = :began_at, ended_by = 'a wider outage', probe_key = null
    where gateway = :gateway and ended_at is null and kind <> 'account' and :kind = 'account'
        and began_at <= :began_at and exists (select from opened)
)
select id from opened;

-- name: lease_probe(ids, key, next_probe_at)!
update outages set probe_key = :key, next_probe_at = :next_probe_at where id = any(:ids) and ended_at is null;

-- name: probed(id, key, pause, next_probe_at, good_probes, ended_at)!
-- Only the probe that is awaited counts: one whose lease has passed to another is too late.
update outages set pause = :pause, next_probe_at = :next_probe_at, good_probes = :good_probes, probe_key = null,
    ended_at = :ended_at, ended_by = case when cast(:ended_at as timestamptz) is null then null else 'probes' end
where id = :id and probe_key = :key and ended_at is null;

-- name: end_by_hand(gateway, kind, name, actor, reason, at)
-- `kind` null: every one of the account.
update outages set ended_at = greatest(:at, began_at), ended_by = :actor, ended_because = :reason, probe_key = null
where gateway = :gateway and ended_at is null
    and (cast(:kind as text) is null or (kind = :kind and name = :name))
returning kind, name;

-- name: history(gateway, count)
select gateway, kind, name, because, began_at, ended_at, ended_by, ended_because from outages
where cast(:gateway as text) is null or gateway = :gateway
order by began_at desc, id desc limit :count;

-- name: forget(before)!
delete from gateway_calls where begins_at < :before;
