-- name: alone(case_id)!
-- Two items of one case at the same moment would each leave the other standing.
select pg_advisory_xact_lock(hashtextextended(:case_id, 5270017));

-- name: add(key, source, account, customer_id, case_id, stage, template, subject, text, link, locale, direction, at, created_at)$
insert into feed_items (key, source, account, customer_id, case_id, stage, template, subject, text, link, locale,
    direction, at, created_at)
values (:key, :source, :account, :customer_id, :case_id, :stage, :template, :subject, :text, :link, :locale,
    :direction, :at, :created_at)
on conflict (key) do nothing
returning position;

-- name: position_of(key)$
select position from feed_items where key = :key;

-- name: replace(case_id, position, now)!
update feed_items set withdrawn_at = :now
where case_id = :case_id and position < :position and withdrawn_at is null;

-- name: of(source, account, customer_id, count)
select position, stage, template, subject, text, link, locale, direction, at, read_at is not null as read
from feed_items
where source = :source and account = :account and customer_id = :customer_id and withdrawn_at is null
order by position desc limit :count;

-- name: unread(source, account, customer_id)$
select count(*) from feed_items
where source = :source and account = :account and customer_id = :customer_id
    and withdrawn_at is null and read_at is null;

-- name: read(source, account, customer_id, position, now)
update feed_items set read_at = :now
where source = :source and account = :account and customer_id = :customer_id
    and position <= :position and read_at is null and withdrawn_at is null
returning position;

-- name: withdraw(case_id, now)
update feed_items set withdrawn_at = :now
where case_id = :case_id and withdrawn_at is null and stage not in ('reinstated', 'recovered', 'closed')
returning source, account, customer_id;

-- name: tell(channel, customer)!
select pg_notify(:channel, :customer);
