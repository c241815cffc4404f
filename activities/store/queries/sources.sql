-- name: add(source, account, hour, events, bad_signatures, malformed, refused, dead, last_event_at)!
insert into source_hours as h (source, account, hour, events, bad_signatures, malformed, refused, dead, last_event_at)
values (:source, :account, :hour, :events, :bad_signatures, :malformed, :refused, :dead, :last_event_at)
on conflict (source, account, hour) do update
    set events = h.events + excluded.events, bad_signatures = h.bad_signatures + excluded.bad_signatures,
        malformed = h.malformed + excluded.malformed, refused = h.refused + excluded.refused,
        dead = h.dead + excluded.dead, last_event_at = greatest(h.last_event_at, excluded.last_event_at);
