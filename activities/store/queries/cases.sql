-- name: opened(case_id, reopen, source, account, invoice_id, customer_id, subscription_id, credential_id, segment, policy, policy_sha256, gateway, amount_minor, currency, category, opened_at, silent_until)!
insert into cases (case_id, reopen, source, account, invoice_id, customer_id, subscription_id, credential_id, segment,
    policy, policy_sha256, gateway, amount_minor, currency, category, opened_at, silent_until)
values (:case_id, :reopen, :source, :account, :invoice_id, :customer_id, :subscription_id, :credential_id, :segment,
    :policy, :policy_sha256, :gateway, :amount_minor, :currency, :category, :opened_at, :silent_until)
on conflict (case_id, reopen) do nothing;

-- name: closed(case_id, reopen, closed_at, outcome, because, closing_fact_at, attempts, messages, timeline)!
update cases
set closed_at = :closed_at, outcome = :outcome, because = :because, closing_fact_at = :closing_fact_at,
    attempts = :attempts, messages = :messages, timeline = :timeline
where case_id = :case_id and reopen = :reopen;

-- name: latest(case_id)^
select *, max(coalesce(closing_fact_at, closed_at)) over () as settled_at, max(closed_at) over () as ended_at
from cases where case_id = :case_id order by reopen desc limit 1;

-- name: newest(count)
select * from cases order by opened_at desc limit :count;

-- name: running(name, edition, segment, sha256, after, count)
select case_id, reopen, segment, policy from cases
where outcome is null and policy_sha256 <> :sha256 and case_id > :after
    and (cast(:name as text) is null or split_part(policy, '@', 1) = :name)
    and (cast(:edition as text) is null or policy = :edition)
    and (cast(:segment as text) is null or segment = :segment)
order by case_id limit :count;

-- name: how_many_run(name, edition, segment, sha256)^
select count(*) filter (where policy_sha256 <> :sha256) as without, count(*) filter (where policy_sha256 = :sha256) as with_it
from cases
where outcome is null
    and (cast(:name as text) is null or split_part(policy, '@', 1) = :name)
    and (cast(:edition as text) is null or policy = :edition)
    and (cast(:segment as text) is null or segment = :segment);

-- name: migrated(case_id, reopen, policy, policy_sha256)!
update cases set policy = :policy, policy_sha256 = :policy_sha256 where case_id = :case_id and reopen = :reopen;

-- name: open_invoices(source, account, subscription_id, credential_id, customer_id)
select invoice_id from cases
where source = :source and account = :account and outcome is null
    and (subscription_id = :subscription_id or credential_id = :credential_id or customer_id = :customer_id);

-- name: remember_invoice(source, account, invoice_id, status, happened_at, version)!
insert into invoices as i (source, account, invoice_id, status, happened_at, version)
values (:source, :account, :invoice_id, :status, :happened_at, :version)
on conflict (source, account, invoice_id) do update
    set status = excluded.status, happened_at = excluded.happened_at, version = excluded.version
    where (excluded.happened_at, excluded.version) >= (i.happened_at, i.version);

-- name: remembered_invoice(source, account, invoice_id)^
select status, happened_at, version from invoices
where source = :source and account = :account and invoice_id = :invoice_id;

-- name: add_task(key, case_id, kind, assignee, summary, created_at)!
insert into tasks (key, case_id, kind, assignee, summary, created_at)
values (:key, :case_id, :kind, :assignee, :summary, :created_at)
on conflict (key) do nothing;

-- name: open_tasks(count)
select * from tasks where done_at is null order by created_at desc limit :count;

-- name: finish_task(key, done_at, done_by)$
update tasks set done_at = :done_at, done_by = :done_by where key = :key and done_at is null returning true;
