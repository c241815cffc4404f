-- name: tallies(message, policy, since, until)
-- Each case once for each message, with the last of its runs that heard it. The ordinary message is compared over the
-- days of its trial and within its policy alone: other days and other policies have other customers.
with due as (
    select m.key, m.case_id, m.reopen, m.name, m.variant, m.at, c.outcome,
        split_part(split_part(c.policy, ' ', 2), '@', 1) as policy
    from messages m join cases c on c.case_id = m.case_id and c.reopen = m.reopen
    where m.name <> ''
        and (cast(:message as text) is null or m.name = :message)
        and (cast(:since as timestamptz) is null or m.at >= :since)
        and (cast(:until as timestamptz) is null or m.at < :until)
), trials as (
    select policy, name, min(at) as began_at, max(at) as ended_at
    from due
    where variant is not null and (cast(:policy as text) is null or policy = :policy)
    group by policy, name
), heard as (
    select distinct on (policy, name, due.case_id) policy, name, due.case_id, due.reopen, due.variant, due.outcome
    from due join trials using (policy, name)
    where due.outcome is not null and due.at between trials.began_at and trials.ended_at
    order by policy, name, due.case_id, due.reopen desc, due.at
), told as (
    select h.*, coalesce(r.complained, false) as complained, coalesce(r.opted_out, false) as opted_out
    from heard h
    left join lateral (
        select bool_or(r.what = 'complained') as complained, bool_or(r.what = 'opted_out') as opted_out
        from due d join message_receipts r using (key)
        where d.case_id = h.case_id and d.reopen = h.reopen and d.name = h.name
    ) r on true
)
select policy, name as message, variant, count(*) as cases, count(*) filter (where outcome = 'recovered') as recovered,
    count(*) filter (where complained) as complained, count(*) filter (where opted_out) as opted_out
from told
group by policy, name, variant
order by policy, name, variant nulls first;
