-- name: by_key(key)^
select m.key, m.covers, r.channel, r.status
from messages m
left join lateral (
    select channel, status from message_results where key = m.key order by id desc limit 1
) r on true
where m.key = :key;

-- name: by_reference(reference)^
select m.key, r.channel, m.case_id, m.reopen, m.source, m.account, m.customer_id
from message_results r join messages m using (key)
where r.reference = :reference order by r.id desc limit 1;

-- name: about(key)^
select key, cast(null as text) as channel, case_id, reopen, source, account, customer_id from messages where key = :key;

-- name: lock(key)$
select key from messages where key = :key for update;

-- name: lock_customer(customer)$
select pg_advisory_xact_lock(hashtextextended('contact ' || :customer, 0));

-- name: contacts(source, account, customer_id, case_id, since)
select m.key, m.at, m.case_id, m.stage, m.covers, r.channel
from messages m
left join lateral (
    select channel, status from message_results where key = m.key order by id desc limit 1
) r on true
where m.source = :source and m.account = :account and m.customer_id = :customer_id and m.counted
    and (m.at > :since or m.case_id = :case_id)
    and coalesce(r.status, '') not in ('undelivered', 'held_out')
    and not (m.case_id = :case_id and coalesce(r.status, 'not_sent') = 'not_sent')
    and not exists (
        select from message_receipts u where u.key = m.key and u.channel = r.channel and u.what = 'undelivered'
    )
order by m.at;

-- name: reserve(key, source, account, case_id, reopen, customer_id, name, template, stage, covers, variant, counted, at)!
insert into messages (key, source, account, case_id, reopen, customer_id, name, template, stage, covers, variant, counted, at)
values (:key, :source, :account, :case_id, :reopen, :customer_id, :name, :template, :stage, :covers, :variant, :counted, :at)
on conflict (key) do nothing;

-- name: add_result(key, channel, status, detail, reference, at)!
insert into message_results (key, channel, status, detail, reference, at)
values (:key, :channel, :status, :detail, :reference, :at);

-- name: add_text(key, channel, address_hash, locale, template_edition, subject, text, html, body_sha256, written_at)!
insert into message_texts (key, channel, address_hash, locale, template_edition, subject, text, html, body_sha256, written_at)
values (:key, :channel, :address_hash, :locale, :template_edition, :subject, :text, :html, :body_sha256, :written_at)
on conflict (key, channel) do update set written_at = excluded.written_at, address_hash = excluded.address_hash,
    locale = excluded.locale, template_edition = excluded.template_edition, subject = excluded.subject,
    text = excluded.text, html = excluded.html, body_sha256 = excluded.body_sha256;

-- name: add_receipt(key, channel, what, detail, happened_at, received_at)$
insert into message_receipts (key, channel, what, detail, happened_at, received_at)
values (:key, :channel, :what, :detail, :happened_at, :received_at)
on conflict (key, channel, what) do nothing returning true;

-- name: address_hash(key, channel)$
select address_hash from message_texts where key = :key and channel = :channel;

-- name: open_claims(source, account, customer_id, case_id, at)
select case_id, reopen, invoice_id from cases
where source = :source and account = :account and customer_id = :customer_id and outcome is null
    and case_id <> :case_id and coalesce(silent_until, '-infinity') <= :at
order by opened_at limit 20;
