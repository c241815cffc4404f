-- name: add(source, account, hour, events, bad_signatures, malformed, refused, dead, last_event_at)!
insert into source_hours as h (source, account, hour, events, bad_signatures, malformed, refused, dead, last_event_at)
values (:source, :account, :hour, :events, :bad_signatures, :malformed, :refused, :dead, :last_event_at)
on conflict (source, account, hour) do update
    set events = h.events + excluded.events, bad_signatures = h.bad_signatures + excluded.bad_signatures,
        malformed = h.malformed + excluded.malformed, refused = h.refused + excluded.refused,
        dead = h.dead + excluded.dead, last_event_at = greatest(h.last_event_at, excluded.last_event_at);

-- name: hours(since)
select * from source_hours where hour >= :since;

-- name: last_events()
select source, account, max(last_event_at) as at from source_hours group by source, account;

-- name: waiting()
select source, account, count(*) as rows, min(received_at) as oldest from inbox_keys
where state = 'waiting' group by source, account;

-- name: lease_poll(source, account, now, next_poll_at)^
-- Exactly one of many workers gets the poll that is due.
insert into source_polls as p (source, account, next_poll_at) values (:source, :account, :next_poll_at)
on conflict (source, account) do update set next_poll_at = excluded.next_poll_at where p.next_poll_at <= :now
returning read_until;

-- name: polled(source, account, read_until, found, detail)!
update source_polls set read_until = greatest(read_until, :read_until), found = found + :found, detail = :detail
where source = :source and account = :account;
