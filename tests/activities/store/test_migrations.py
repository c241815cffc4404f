"""Eight processes start at once, files are edited, months pass: the schema is applied once and nobody is kept out."""

import asyncio
import hashlib
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from activities.store import database
from activities.store.database import (
    MIGRATIONS,
    MigrationChanged,
    keep_house,
    make_pool,
    migrate,
    pending_migrations,
)
from activities.store.store import Store

NAMES = [path.name for path in sorted(MIGRATIONS.glob("*.sql"))]


def months_from_now(count: int) -> list[datetime]:
    now = datetime.now(UTC)
    numbers = [now.year * 12 + now.month - 1 + ahead for ahead in range(count)]
    return [datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC) for number in numbers]


async def receive(store: Store, key: str, at: datetime) -> str:
    return (await store.inbox.receive("stripe", "default", key, {}, b"{}", at)).id


async def partition_of(store: Store, row_id: str) -> str:
    query = "select tableoid::regclass::text from inbox_bodies where id = $1"
    return str(await store.pool.fetchval(query, row_id))


async def test_of_eight_at_once_exactly_one_applies_each_file(fresh_database: str) -> None:
    pools = [await make_pool(fresh_database, 2) for _ in range(8)]
    assert await pending_migrations(pools[0]) == NAMES
    applied = await asyncio.gather(*(migrate(pool) for pool in pools))
    assert sorted(name for names in applied for name in names) == NAMES
    assert await pending_migrations(pools[0]) == []
    rows = await pools[0].fetch("select name, sha256 from migrations")
    assert {row["name"]: row["sha256"] for row in rows} == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in MIGRATIONS.glob("*.sql")
    }
    for pool in pools:
        await pool.close()


async def test_a_second_start_applies_nothing_and_keeps_what_is_there(own_store: Store) -> None:
    row_id = await receive(own_store, "evt_1", datetime.now(UTC))
    assert await migrate(own_store.pool) == []
    assert await own_store.inbox.row(row_id) is not None


async def test_an_edited_file_is_refused_by_name_and_nobody_is_locked_out(own_store: Store) -> None:
    await own_store.pool.execute("update migrations set sha256 = 'something else' where name = $1", NAMES[0])
    for _ in range(2):
        with pytest.raises(MigrationChanged, match=NAMES[0]):
            await migrate(own_store.pool)
    locks = (
        "select count(*) from pg_locks where locktype = 'advisory' and database = ("
        "select oid from pg_database where datname = current_database())"
    )
    assert await own_store.pool.fetchval(locks) == 0


async def test_a_file_that_fails_leaves_nothing_behind_and_is_tried_again(
    fresh_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in MIGRATIONS.glob("*.sql"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    wrong = tmp_path / "9999_more.sql"
    wrong.write_text("create table half (id int); select no_such_function();")
    monkeypatch.setattr(database, "MIGRATIONS", tmp_path)
    pool = await make_pool(fresh_database)
    with pytest.raises(asyncpg.UndefinedFunctionError):
        await migrate(pool)
    assert await pool.fetchval("select to_regclass('half')") is None
    assert await pending_migrations(pool) == ["9999_more.sql"]
    wrong.write_text("create table half (id int);")
    assert await migrate(pool) == ["9999_more.sql"]
    await pool.close()


async def test_bodies_lie_in_the_partition_of_their_month_and_others_in_the_default_one(own_store: Store) -> None:
    months = months_from_now(4)
    for month in months[:3]:
        row_id = await receive(own_store, f"evt_{month:%Y%m}", month)
        assert await partition_of(own_store, row_id) == f"inbox_bodies_{month:%Y_%m}"
    for outside in (months[3], datetime(2001, 1, 1, tzinfo=UTC)):
        row_id = await receive(own_store, f"evt_{outside:%Y%m}", outside)
        assert await partition_of(own_store, row_id) == "inbox_bodies_default"


async def test_a_month_that_began_before_its_partition_was_made_does_not_stop_the_start(
    own_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """A process that ran for a season put this month's bodies into the default partition; then it is restarted."""
    month, after = months_from_now(2)
    for one in (month, after):
        await own_store.pool.execute(f"drop table inbox_bodies_{one:%Y_%m}")
    row_id = await receive(own_store, "evt_1", month)
    with caplog.at_level(logging.WARNING):
        assert await migrate(own_store.pool) == []
    assert f"{month:%Y-%m}" in caplog.text
    assert await partition_of(own_store, row_id) == "inbox_bodies_default"
    later = await receive(own_store, "evt_2", after)
    assert await partition_of(own_store, later) == f"inbox_bodies_{after:%Y_%m}"
    assert {row.id for row in await own_store.inbox.lease(datetime.now(UTC), 10)} == {row_id}


async def test_bodies_are_dropped_by_the_month_when_they_are_old_and_nobody_needs_them(own_store: Store) -> None:
    month, after = months_from_now(2)
    told, waiting, dead, done_with = [await receive(own_store, key, month) for key in ("a", "b", "c", "d")]
    inbox, pool = own_store.inbox, own_store.pool
    await inbox.finish(told, "delivered", month, case_id="stripe/default/in_1")
    await inbox.finish(dead, "dead", month, "unreadable", "body: not JSON")
    await inbox.finish(done_with, "dead", month, "unreadable", "body: not JSON")
    await pool.execute("update inbox_keys set discarded_at = now() where id = $1::text::uuid", done_with)
    retention = timedelta(days=60)
    assert await keep_house(pool, after + retention - timedelta(days=1), retention) == []
    assert await keep_house(pool, after + retention, retention) == [f"inbox_bodies_{month:%Y_%m}"]
    left = {str(row["id"]) for row in await pool.fetch("select id from inbox_bodies")}
    assert left == {waiting, dead}
    assert await inbox.row(told) is not None, "what became of an event is kept for ever"
    assert [row.id for row in await inbox.lease(after, 10)] == [waiting]
    assert await inbox.replay(month, after, None, None) == 0, "what has no body any more is not delivered once more"


async def test_what_lies_in_the_default_partition_is_forgotten_too_once_nobody_needs_it(own_store: Store) -> None:
    long_ago, retention = datetime(2001, 1, 1, tzinfo=UTC), timedelta(days=60)
    told, dead = [await receive(own_store, key, long_ago) for key in ("a", "b")]
    await own_store.inbox.finish(told, "delivered", long_ago, case_id="stripe/default/in_1")
    await own_store.inbox.finish(dead, "dead", long_ago, "unreadable", "body: not JSON")
    assert await keep_house(own_store.pool, datetime.now(UTC), retention) == []
    query = "select id::text from inbox_bodies"
    assert [row["id"] for row in await own_store.pool.fetch(query)] == [dead]
    await own_store.pool.execute("update inbox_keys set discarded_at = now() where id = $1::text::uuid", dead)
    await keep_house(own_store.pool, datetime.now(UTC), retention)
    assert await own_store.pool.fetch(query) == []


async def test_a_partition_is_made_for_the_months_to_come_while_a_worker_runs(own_store: Store) -> None:
    ahead = datetime.now(UTC) + timedelta(days=200)
    await keep_house(own_store.pool, ahead, timedelta(days=4000))
    row_id = await receive(own_store, "evt_1", ahead)
    assert await partition_of(own_store, row_id) == f"inbox_bodies_{ahead:%Y_%m}"
