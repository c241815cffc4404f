-- name: made(link_id, source, account, customer_id, channel, made_at)!
insert into pay_links (link_id, source, account, customer_id, channel, made_at)
values (:link_id, :source, :account, :customer_id, :channel, :made_at)
on conflict (link_id) do nothing;

-- name: newest(link_id, source, account, customer_id, channel, at)!
-- Answers of providers may come in another order than the messages were written in: only what is older goes.
update pay_links older set revoked_at = :at, revoked_because = 'newer'
from pay_links mine
where mine.link_id = :link_id and mine.source = :source and mine.account = :account
    and mine.customer_id = :customer_id and mine.channel = :channel
    and older.source = mine.source and older.account = mine.account and older.customer_id = mine.customer_id
    and older.channel = mine.channel and (older.made_at, older.link_id) < (mine.made_at, mine.link_id)
    and older.revoked_at is null;

-- name: revoke_all(source, account, customer_id, because, at)!
update pay_links set revoked_at = :at, revoked_because = :because
where source = :source and account = :account and customer_id = :customer_id and revoked_at is null;

-- name: find(link_id)^
select source, account, customer_id, revoked_because from pay_links where link_id = :link_id;
