-- Health of gateways (activities/store/gateway_health.py).

-- What calls came to, by minute (the sliding window) and by hour (what is usual). `gateway`: "gateway/account".
create table gateway_calls (
    gateway text not null,
    kind text not null check (kind in ('account', 'region', 'issuer')),
    name text not null,
    hourly boolean not null,
    begins_at timestamptz not null,
    approved integer not null default 0,
    declined integer not null default 0,
    failed integer not null default 0,
    issuer_failed integer not null default 0,
    slow integer not null default 0,
    seconds double precision not null default 0,
    longest double precision not null default 0,
    primary key (gateway, kind, hourly, name, begins_at)
);
create index gateway_calls_by_age on gateway_calls (begins_at);
-- How many banks cannot be reached is asked at each decision.
create index issuers_failing on gateway_calls (gateway, begins_at, name)
    where kind = 'issuer' and not hourly and issuer_failed > 0;

-- One row per outage, kept for good. `pause` in seconds; `ended_by`: 'probes', 'a wider outage', or who ended it.
create table outages (
    id bigint generated always as identity primary key,
    gateway text not null,
    kind text not null check (kind in ('account', 'region', 'issuer')),
    name text not null,
    because text not null,
    began_at timestamptz not null,
    pause double precision not null,
    next_probe_at timestamptz not null,
    good_probes integer not null default 0,
    probe_key text,
    ended_at timestamptz,
    ended_by text,
    ended_because text
);
create unique index outage_open on outages (gateway, kind, name) where ended_at is null;
create index outages_ended on outages (gateway, kind, name, ended_at desc) where ended_at is not null;
