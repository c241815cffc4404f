-- name: erase_record(source, account, customer_id)$
with gone as (
    delete from customers where source = :source and account = :account and customer_id = :customer_id returning 1
)
select count(*) from gone;

-- name: erase_texts(source, account, customer_id, erased_at)$
-- Words may also have been written again after an earlier erasure.
with gone as (
    update message_texts t set subject = null, text = null, html = null, erased_at = :erased_at
    from messages m
    where m.key = t.key and m.source = :source and m.account = :account and m.customer_id = :customer_id
        and coalesce(t.subject, t.text, t.html) is not null
    returning 1
)
select count(*) from gone;

-- name: erase_feed(source, account, customer_id)$
with gone as (
    delete from feed_items where source = :source and account = :account and customer_id = :customer_id returning 1
)
select count(*) from gone;

-- name: erase_devices(source, account, customer_id)$
with gone as (
    delete from push_devices where source = :source and account = :account and customer_id = :customer_id returning 1
)
select count(*) from gone;

-- name: erase_bodies(source, account, customer_id)$
-- Found by the case that an event reached, from whatever source, or by the customer that it was read to be about. The
-- body goes with its headers, as when it gets too old, so it is never delivered again either.
with mine as (
    select k.id, k.received_at from inbox_keys k
    where (k.case_id in (
            select case_id from cases where source = :source and account = :account and customer_id = :customer_id
        ) or (k.source = :source and k.account = :account and k.customer_id = :customer_id))
        and (k.state in ('delivered', 'ignored') or k.discarded_at is not null)
), done as (
    update inbox_keys k set replay = false from mine where k.id = mine.id and k.replay
), gone as (
    delete from inbox_bodies b using mine where b.id = mine.id and b.received_at = mine.received_at returning 1
)
select count(*) from gone;

-- name: bodies_kept(source, account, customer_id)$
-- What waits is not tied to a case yet, unless a person has let it through; dead letters were read as far as they go.
select count(*) from inbox_keys k
where (k.case_id in (
        select case_id from cases where source = :source and account = :account and customer_id = :customer_id
    ) or (k.source = :source and k.account = :account and (k.customer_id = :customer_id or k.invoice_id in (
        select invoice_id from cases where source = :source and account = :account and customer_id = :customer_id
    ))))
    and (k.state = 'waiting' or (k.state in ('dead', 'refused') and k.discarded_at is null));

-- name: open_cases(source, account, customer_id)$
select count(*) from cases
where source = :source and account = :account and customer_id = :customer_id and outcome is null;

-- name: erase_page(source, account, customer_id, erased_at)$
-- What was done on the customer's page; links that are still in mailboxes open nothing any more.
with checkouts as (
    delete from page_checkouts where source = :source and account = :account and customer_id = :customer_id
), codes as (
    delete from page_codes where source = :source and account = :account and customer_id = :customer_id
), visits as (
    delete from page_visits where source = :source and account = :account and customer_id = :customer_id
), words as (
    update tasks t set summary = 'erased' from cases c
    where t.kind = 'customer_words' and t.case_id = c.case_id
        and c.source = :source and c.account = :account and c.customer_id = :customer_id
), links as (
    update pay_links set revoked_at = :erased_at, revoked_because = 'erased'
    where source = :source and account = :account and customer_id = :customer_id and revoked_at is null
)
select 1;
