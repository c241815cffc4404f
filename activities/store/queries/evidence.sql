-- name: of_case(case_id)
select m.key, m.case_id, m.reopen, m.name, m.template, m.stage, m.variant, m.covers, m.at,
    coalesce(said.rows, '[]') as said, coalesce(steps.rows, '[]') as steps, coalesce(receipts.rows, '[]') as receipts
from messages m
left join lateral (
    select jsonb_agg(to_jsonb(t) || jsonb_build_object('edition', t.template_edition) order by t.written_at, t.channel)
        as rows
    from message_texts t where t.key = m.key
) said on true
left join lateral (
    select jsonb_agg(to_jsonb(r) order by r.id) as rows from message_results r where r.key = m.key
) steps on true
left join lateral (
    select jsonb_agg(to_jsonb(r) order by r.received_at, r.what) as rows from message_receipts r where r.key = m.key
) receipts on true
where m.key in (
    select key from messages where case_id = :case_id
    union
    select o.key from cases c join messages o using (source, account, customer_id)
    where c.case_id = :case_id and :case_id = any(o.covers)
)
order by m.at, m.key;
