-- name: before(source, account, customer_id, case_id, now, hour_ago, day_ago, month_ago, quarter_ago, year_ago)^
with theirs as (
    select case_id, opened_at, closed_at, outcome from cases
    where source = :source and account = :account and customer_id = :customer_id
        and case_id <> :case_id and opened_at <= :now
), recovered as (
    select max(closed_at) as last from theirs where outcome = 'recovered'
), tries as (
    select a.credential_id, a.at from attempts a
    where a.source = :source and a.account = :account and a.at > :month_ago and a.at <= :now
        and a.case_id in (select case_id from theirs union select :case_id)
)
select
    (select count(*) from theirs where outcome = 'recovered' and closed_at > :year_ago)::int as payments_365d,
    1 + (select count(*) from theirs where opened_at > :quarter_ago)::int as failures_90d,
    1 + (select count(*) from theirs, recovered where last is null or opened_at > last)::int as consecutive_failures,
    (select count(*) from theirs where outcome = 'written_off')::int as written_off,
    (select count(*) from theirs where outcome = 'disputed' and closed_at > :year_ago)::int as disputes_365d,
    (select count(*) from theirs where outcome = 'disputed' and closed_at > :year_ago)::int as disputes_lost_365d,
    (select count(distinct credential_id) from tries where at > :day_ago)::int as cards_tried_24h,
    (select count(distinct credential_id) from tries)::int as cards_tried_30d,
    (select count(*) from tries where at > :hour_ago)::int as attempts_1h;

-- name: paid_at(source, account, customer_id, now, count)
select r.at
from cases c
join attempts a on a.case_id = c.case_id and a.source = c.source and a.account = c.account
join attempt_results r on r.key = a.key and r.outcome = 'succeeded'
where c.source = :source and c.account = :account and c.customer_id = :customer_id and r.at <= :now
order by r.at desc
limit :count;
