-- name: put(source, account, customer_id, record, updated_at)!
insert into customers (source, account, customer_id, record, updated_at)
values (:source, :account, :customer_id, :record, :updated_at)
on conflict (source, account, customer_id) do update
    set record = excluded.record, updated_at = excluded.updated_at;

-- name: hear(source, account, customer_id, told, told_at, updated_at)!
-- The newest telling of each field counts, whatever arrives last.
insert into customers as c (source, account, customer_id, told, told_times, updated_at)
select :source, :account, :customer_id, cast(:told as jsonb),
    coalesce(jsonb_object_agg(field, cast(:told_at as timestamptz)), '{}'), :updated_at
from jsonb_object_keys(cast(:told as jsonb)) field
on conflict (source, account, customer_id) do update
    set (told, told_times) = (
            select c.told || coalesce(jsonb_object_agg(field, excluded.told -> field), '{}'),
                c.told_times || coalesce(jsonb_object_agg(field, at), '{}')
            from jsonb_each(excluded.told_times) as telling (field, at)
            where coalesce(cast(c.told_times ->> field as timestamptz) <= cast(at #>> '{}' as timestamptz), true)
        ),
        updated_at = excluded.updated_at;

-- name: get(source, account, customer_id)$
select told || record from customers where source = :source and account = :account and customer_id = :customer_id;
