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

-- name: consent(source, account, customer_id, channel, allowed, updated_at)!
-- The customer's own word. Only `consent` is written, so that the address stays that of whoever told it.
insert into customers as c (source, account, customer_id, record, updated_at)
values (:source, :account, :customer_id,
    jsonb_build_object(cast(:channel as text), jsonb_build_object('consent', cast(:allowed as boolean))), :updated_at)
on conflict (source, account, customer_id) do update
    set record = c.record || jsonb_build_object(
            cast(:channel as text),
            coalesce(c.record -> cast(:channel as text), '{}') || (excluded.record -> cast(:channel as text))
        ),
        updated_at = excluded.updated_at;

-- name: get(source, account, customer_id)$
-- A channel of the merchant's part without an address holds only a consent, and is read with the address that a source
-- told; where nobody told one, there is no such channel.
select (
    select coalesce(jsonb_object_agg(field, value), '{}')
    from (
        select field, case
                when field in ('email', 'sms', 'in_app', 'webhook') and not record -> field ? 'address'
                    then coalesce(told -> field, '{}') || (record -> field)
                else part
            end as value
        from jsonb_each(told || record) as each (field, part)
    ) as known
    where not (field in ('email', 'sms', 'in_app', 'webhook') and not value ? 'address')
)
from customers where source = :source and account = :account and customer_id = :customer_id;
