-- name: alone(customer)!
-- Who registers for this customer at the same time waits until the transaction ends.
select pg_advisory_xact_lock(hashtextextended(:customer, 5270016));

-- name: others(source, account, customer_id, device_hash)$
select count(*) from push_devices
where source = :source and account = :account and customer_id = :customer_id and gone_at is null
    and device_hash <> :device_hash;

-- name: add(id, source, account, customer_id, kind, device_hash, subscription, created_at)^
-- Keys can change under the same address, so what was registered last counts.
insert into push_devices (id, source, account, customer_id, kind, device_hash, subscription, created_at)
values (:id, :source, :account, :customer_id, :kind, :device_hash, :subscription, :created_at)
on conflict (source, account, customer_id, device_hash) do update
    set subscription = excluded.subscription, gone_at = null
returning id, kind, device_hash, subscription;

-- name: of(source, account, customer_id)
select id, kind, device_hash, subscription from push_devices
where source = :source and account = :account and customer_id = :customer_id and gone_at is null
order by created_at, id;

-- name: gone(id, gone_at)!
-- Nothing is behind it any more, so what it was is not kept.
update push_devices set gone_at = :gone_at, subscription = '{}' where id = :id and gone_at is null;

-- name: remove(source, account, customer_id, device_hash)^
delete from push_devices
where source = :source and account = :account and customer_id = :customer_id and device_hash = :device_hash
returning id;
