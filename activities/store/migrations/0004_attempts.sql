-- Real gateways: the ledger knows where an attempt was made and on which card, whatever token stands for it.

alter table attempts
    -- "gateway/account", null where somebody else made it.
    add column gateway text,
    -- The customer as the gateway names them.
    add column gateway_customer_id text,
    -- The same for the same card under any token.
    add column fingerprint text,
    add column instrument jsonb not null default '{}';
create index attempts_by_fingerprint on attempts (source, account, fingerprint, at desc) where fingerprint is not null;

-- `unsent`: the call was begun and certainly had no effect. `withdrawn`: the reservation is not used, and nothing was
-- ever sent under its key; `reserved`: it is used after all.
alter table attempt_results drop constraint attempt_results_outcome_check;
alter table attempt_results add constraint attempt_results_outcome_check
    check (outcome in ('reserved', 'sent', 'unsent', 'withdrawn', 'succeeded', 'declined', 'pending', 'unknown',
        'not_accepted'));
create index attempt_results_by_reference on attempt_results (reference) where reference is not null;

-- Money that a gateway took for an invoice it does not own, once its owner knows of it.
create table payments_told (
    key text primary key references attempts (key),
    at timestamptz not null
);
