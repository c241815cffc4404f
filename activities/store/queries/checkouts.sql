-- name: save(id, link_id, source, account, customer_id, made_at, record)!
insert into page_checkouts (id, link_id, source, account, customer_id, made_at, record)
values (:id, :link_id, :source, :account, :customer_id, :made_at, :record)
on conflict (id) do update set record = :record where page_checkouts.link_id = :link_id;

-- name: get(id, link_id, source, account, customer_id)^
select record from page_checkouts
where id = :id and link_id = :link_id and source = :source and account = :account and customer_id = :customer_id;

-- name: begun_since(source, account, customer_id, since)$
select count(*) from page_checkouts
where source = :source and account = :account and customer_id = :customer_id and made_at >= :since;

-- name: forget(before)!
delete from page_checkouts where made_at < :before;

-- name: visited(source, account, customer_id, at)!
insert into page_visits (source, account, customer_id, at) values (:source, :account, :customer_id, :at);

-- name: visits(source, account, customer_id, since)
select at from page_visits
where source = :source and account = :account and customer_id = :customer_id and at >= :since
order by at desc limit 200;

-- name: forget_visits(before)!
delete from page_visits where at < :before;
