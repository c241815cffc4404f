-- name: by_rule(source, account, since)
select source, account, rule,
    count(*) filter (where action = 'warn' and not shadow) as warned,
    count(*) filter (where action = 'quarantine' and not shadow) as quarantined,
    count(*) filter (where action = 'refuse' and not shadow) as refused,
    count(*) filter (where shadow) as shadow,
    count(*) filter (where proven_good_by like 'released by %') as released,
    count(*) filter (where proven_good_by not like 'released by %') as contradicted,
    count(*) filter (where proven_good_at is not null and action <> 'warn' and not shadow) as good_held_back,
    count(*) filter (where proven_good_at is not null and shadow) as good_shadow
from intake_findings
where (cast(:source as text) is null or source = :source)
    and (cast(:account as text) is null or account = :account)
    and (cast(:since as timestamptz) is null or at >= :since)
group by source, account, rule;
