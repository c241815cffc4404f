"""Silent sources are asked for what no webhook brought, by one worker at a time; nothing that is known changes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client

from activities.tally import Tally
from policies.intake.health import SourceHealth, SourceState
from tests.fixtures.store import DEAD_DATABASE, RunningApi
from tests.fixtures.town import Town, building_town, new_databases
from workers.settings import Settings
from workers.source_watch import SourceWatch
from workers.wiring import wired

PLACE = ("stripe", "default")


def watch_of(town: Town) -> SourceWatch:
    return SourceWatch(town.store, town.wiring.adapters, town.wiring.intake, [PLACE])


async def events_in(town: Town) -> int:
    return int(await town.store.pool.fetchval("select count(*) from inbox_keys where source = 'stripe'"))


@pytest.fixture
async def quiet_town(temporal: Client, database_url: str) -> AsyncIterator[Town]:
    async with building_town(temporal, *await new_databases(database_url)) as built:
        yield built


async def test_a_webhook_that_never_came_is_found_in_the_list_and_opens_its_case(quiet_town: Town) -> None:
    case = await quiet_town.describe()
    await case.fail("do_not_honor", deliver=False)
    assert await events_in(quiet_town) == 0
    (seen,) = await watch_of(quiet_town).look(datetime.now(UTC))
    assert seen.state is SourceState.SILENT
    assert (await case.until_decided()).state == "retrying"


async def test_many_workers_ask_once_and_known_events_are_not_stored_again(quiet_town: Town) -> None:
    case = await quiet_town.describe()
    told = await case.fail("do_not_honor", deliver=True)
    assert told["delivered"]
    before = await events_in(quiet_town)
    await case.until_decided()
    for hours in (0, 1):
        now = datetime.now(UTC) + timedelta(hours=hours)
        silent = await seen(quiet_town)
        await asyncio.gather(*(watch_of(quiet_town)._poll(silent, now) for _ in range(4)))
    row = await quiet_town.store.pool.fetchrow("select * from source_polls")
    assert (row["source"], row["found"], row["detail"]) == ("stripe", 0, "0 events that no webhook brought")
    assert await events_in(quiet_town) == before


async def seen(town: Town) -> SourceHealth:
    (one,) = await town.store.sources.health([PLACE], datetime.now(UTC))
    return one


async def test_a_list_that_cannot_be_read_is_asked_again_later(quiet_town: Town) -> None:
    settings = Settings(database_url=quiet_town.settings.database_url, sandbox_url="http://127.0.0.1:1")
    async with wired(settings) as wiring:
        now = datetime.now(UTC)
        await SourceWatch(quiet_town.store, wiring.adapters, wiring.intake, [PLACE]).look(now)
        row = await quiet_town.store.pool.fetchrow("select * from source_polls")
        assert row["detail"].startswith("Unavailable")
        assert row["read_until"] is None
        assert row["next_poll_at"] > now


async def test_a_database_that_is_down_does_not_end_the_watch() -> None:
    async with wired(Settings.model_validate({"database_url": DEAD_DATABASE})) as wiring:
        watch = SourceWatch(wiring.store, wiring.adapters, wiring.intake, [PLACE])
        running = asyncio.create_task(watch.run())
        await asyncio.sleep(0.2)
        assert not running.done()
        running.cancel()


async def test_what_was_counted_is_added_up_and_kept_while_the_database_is_away(api: RunningApi) -> None:
    tally, at = Tally(), datetime(2026, 3, 4, 10, 59, tzinfo=UTC)
    tally.count("stripe", "default", "events", at)
    async with wired(Settings.model_validate({"database_url": DEAD_DATABASE})) as away:
        with pytest.raises(ConnectionRefusedError):
            await tally.write(away.store.sources)
    tally.count("stripe", "default", "events", at)
    tally.count("stripe", "default", "bad_signatures", at)
    for _ in range(2):
        await tally.write(api.parts.store.sources)
    rows = await api.parts.store.pool.fetch("select * from source_hours")
    assert [(r["events"], r["bad_signatures"], r["last_event_at"]) for r in rows] == [(2, 1, at)]


async def test_the_api_says_how_the_sources_are(api: RunningApi) -> None:
    reply = await api.ask("GET", "/health/sources")
    assert reply.status == 200
    assert reply.body["state"] == "silent"
    (one,) = reply.body["sources"]
    assert (one["source"], one["account"], one["last_event_at"]) == ("stripe", "default", None)
    assert (await api.ask("GET", "/health/sources", token=None)).status == 401


async def test_what_is_found_in_a_list_does_not_make_a_silent_source_healthy(quiet_town: Town) -> None:
    for _ in range(2):
        case = await quiet_town.describe()
        await case.fail("do_not_honor", deliver=False)
        await watch_of(quiet_town).look(datetime.now(UTC))
        await case.until_decided()
        await quiet_town.store.pool.execute("update source_polls set next_poll_at = now() - interval '1 hour'")
        await quiet_town.wiring.tally.write(quiet_town.store.sources)
        assert (await seen(quiet_town)).state is SourceState.SILENT


async def test_one_source_that_cannot_be_taken_in_does_not_end_the_watch_over_the_others(quiet_town: Town) -> None:
    case = await quiet_town.describe()
    await case.fail("do_not_honor", deliver=False)
    places = [("gone", "default"), ("adyen", "default"), PLACE]
    watch = SourceWatch(quiet_town.store, quiet_town.wiring.adapters, quiet_town.wiring.intake, places)
    await watch.look(datetime.now(UTC))
    assert (await case.until_decided()).state == "retrying"
    assert await events_in(quiet_town) == 1
    others = await quiet_town.store.pool.fetchval("select count(*) from inbox_keys where source in ('gone', 'adyen')")
    assert others == 0, "the sandbox's list is told in the words of one source"
