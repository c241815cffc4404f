-- name: by_key(key)^
select m.key, r.channel, r.status
from messages m
left join lateral (
    select channel, status from message_results where key = m.key order by id desc limit 1
) r on true
where m.key = :key;

-- name: lock(key)$
select key from messages where key = :key for update;

-- name: reserve(key, source, account, case_id, customer_id, template, at)!
insert into messages (key, source, account, case_id, customer_id, template, at)
values (:key, :source, :account, :case_id, :customer_id, :template, :at)
on conflict (key) do nothing;

-- name: add_result(key, channel, status, detail, at)!
insert into message_results (key, channel, status, detail, at)
values (:key, :channel, :status, :detail, :at);
