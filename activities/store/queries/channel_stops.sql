-- name: stopped(channels, hashes)
select s.channel, s.address_hash from channel_stops s
join unnest(cast(:channels as text[]), cast(:hashes as text[])) as asked (channel, address_hash)
    on s.channel = asked.channel and s.address_hash = asked.address_hash
where s.ended_at is null;

-- name: stop(channel, address_hash, because, at)!
insert into channel_stops (channel, address_hash, because, at)
select :channel, :address_hash, :because, cast(:at as timestamptz)
where not exists (
    select from channel_stops where channel = :channel and address_hash = :address_hash and ended_at is null
)
on conflict do nothing;

-- name: allow(channel, address_hash, at)!
update channel_stops set ended_at = :at
where channel = :channel and address_hash = :address_hash and ended_at is null;
