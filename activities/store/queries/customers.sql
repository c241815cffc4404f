-- name: put(source, account, customer_id, record, updated_at)!
insert into customers (source, account, customer_id, record, updated_at)
values (:source, :account, :customer_id, :record, :updated_at)
on conflict (source, account, customer_id) do update
    set record = excluded.record, updated_at = excluded.updated_at;

-- name: hear(source, account, customer_id, told, told_at, updated_at)!
-- Fields of the newest telling count, whatever arrives last.
insert into customers as c (source, account, customer_id, told, told_at, updated_at)
values (:source, :account, :customer_id, :told, :told_at, :updated_at)
on conflict (source, account, customer_id) do update
    set told = case when c.told_at is null or excluded.told_at >= c.told_at
            then c.told || excluded.told else excluded.told || c.told end,
        told_at = greatest(c.told_at, excluded.told_at),
        updated_at = excluded.updated_at;

-- name: get(source, account, customer_id)$
select told || record from customers where source = :source and account = :account and customer_id = :customer_id;
