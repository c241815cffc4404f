-- name: seen(gateway, code, network_code, advice_code, at)!
insert into unknown_declines as u (gateway, code, network_code, advice_code, first_seen, last_seen)
values (:gateway, :code, :network_code, :advice_code, :at, :at)
on conflict (gateway, code, network_code, advice_code) do update
    set times = u.times + 1, last_seen = greatest(u.last_seen, excluded.last_seen);

-- name: unknown(count)
select * from unknown_declines order by times desc, last_seen desc limit :count;
