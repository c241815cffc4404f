-- name: fitting(now, source, account, reason, held_back, rule, text, kind, came_before, came_after, invoice_id, customer_id, after_impact, after_id, count)
-- Heaviest first. `after_...`: where the page before this one ended.
with letters as (
    select k.*, dead_letter_impact(k.stake, k.received_at, :now) as impact
    from inbox_keys k
    where k.state in ('dead', 'refused') and k.discarded_at is null
        and (cast(:source as text) is null or k.source = :source)
        and (cast(:account as text) is null or k.account = :account)
        and (cast(:reason as text) is null or k.reason = :reason)
        and (cast(:held_back as boolean) is null or (coalesce(k.reason, '') in ('quarantined', 'refused')) = :held_back)
        and (cast(:rule as text) is null or exists (
            select from intake_findings f where f.row_id = k.id and f.rule = :rule and not f.shadow
        ))
        and (cast(:text as text) is null or strpos(lower(concat_ws(' ', k.field, k.detail)), lower(:text)) > 0)
        and (cast(:kind as text) is null or k.kind = :kind)
        and (cast(:came_before as timestamptz) is null or k.received_at < :came_before)
        and (cast(:came_after as timestamptz) is null or k.received_at >= :came_after)
        and (cast(:invoice_id as text) is null or k.invoice_id = :invoice_id)
        and (cast(:customer_id as text) is null or k.customer_id = :customer_id)
), page as (
    select * from letters
    where cast(:after_impact as double precision) is null or (impact, id) < (:after_impact, cast(:after_id as uuid))
    order by impact desc, id desc
    limit :count
)
select page.*, coalesce(done.actions, '[]') as actions
from page left join lateral (
    select jsonb_agg(to_jsonb(a) order by a.id) as actions from dead_letter_actions a where a.row_id = page.id
) done on true
order by page.impact desc, page.id desc;

-- name: shown(id, now)^
-- Also one that people have dealt with, whatever became of it since.
select k.*, dead_letter_impact(k.stake, k.received_at, :now) as impact, coalesce(done.actions, '[]') as actions,
    b.headers, b.body
from inbox_keys k
left join inbox_bodies b on b.id = k.id and b.received_at = k.received_at
left join lateral (
    select jsonb_agg(to_jsonb(a) order by a.id) as actions from dead_letter_actions a where a.row_id = k.id
) done on true
where k.id = :id and (k.state in ('dead', 'refused') or done.actions is not null);

-- name: counts(source, account)
select reason, count(*) as letters from inbox_keys
where state in ('dead', 'refused') and discarded_at is null
    and (cast(:source as text) is null or source = :source)
    and (cast(:account as text) is null or account = :account)
group by reason order by letters desc, reason;

-- name: let_through(ids, action, actor, reason, at)
-- What a rule holds back is released, everything else is tried again. The new state, who did it and, for a release, that
-- the rules were wrong are one commit.
with letters as (
    select k.id, k.reason from inbox_keys k
    where k.id = any(:ids) and exists (select from inbox_bodies b where b.id = k.id and b.received_at = k.received_at)
    order by k.id for update
), acted as (
    update inbox_keys k
    set state = 'waiting', released = k.released or :action = 'release', tries = 0, next_try_at = :at,
        claimed_until = null, finished_at = null, discarded_at = null, reason = null, field = null, detail = null
    from letters
    where k.id = letters.id and k.state in ('dead', 'refused')
        and (coalesce(k.reason, '') in ('quarantined', 'refused')) = (:action = 'release')
    returning k.id, letters.reason as was
), recorded as (
    insert into dead_letter_actions (row_id, action, actor, reason, was, at)
    select id, :action, :actor, :reason, was, :at from acted
), proven as (
    update intake_findings f set proven_good_at = :at, proven_good_by = 'released by ' || cast(:actor as text)
    from acted where :action = 'release' and f.row_id = acted.id
)
select id from acted;

-- name: discard(ids, actor, reason, at)
with letters as (
    select id from inbox_keys where id = any(:ids) order by id for update
), acted as (
    update inbox_keys k set discarded_at = :at
    from letters where k.id = letters.id and k.state in ('dead', 'refused') and k.discarded_at is null
    returning k.id, k.reason as was
), recorded as (
    insert into dead_letter_actions (row_id, action, actor, reason, was, at)
    select id, 'discard', :actor, :reason, was, :at from acted
)
select id from acted;

-- name: left_alone(ids)
select k.id, k.state, k.reason,
    k.state in ('dead', 'refused') or exists (select from dead_letter_actions a where a.row_id = k.id) as was_letter
from inbox_keys k where k.id = any(:ids);
