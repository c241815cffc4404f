-- name: put(source, account, customer_id, record, updated_at)!
insert into customers (source, account, customer_id, record, updated_at)
values (:source, :account, :customer_id, :record, :updated_at)
on conflict (source, account, customer_id) do update
    set record = excluded.record, updated_at = excluded.updated_at;

-- name: get(source, account, customer_id)$
select record from customers where source = :source and account = :account and customer_id = :customer_id;
