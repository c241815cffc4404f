"""`recoup intake report` and `recoup intake replay` as people meet them."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from activities.store.dead_letters import Act, By
from activities.store.store import Store
from api.wake import CHANNEL
from tests.activities.test_intake import NOW, QUARANTINES, REFUSES, SHADOW, WARNS, Door, failure, invoice_of, profile
from tests.workers.test_cli import mistaken
from workers.cli import app


@pytest.fixture
def database(database_url: str) -> str:
    return database_url.replace("/postgres?", "/one_store?")


async def intake(database: str, *arguments: str) -> Result:
    """In a thread: it has a loop of its own."""
    environment = {"RECOUP_DATABASE_URL": database}
    ended = await asyncio.to_thread(CliRunner().invoke, app, ("intake", *arguments), env=environment)
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended


async def rows(database: str, *arguments: str) -> list[dict[str, Any]]:
    return list(json.loads((await intake(database, "report", "--json", *arguments)).stdout)["rules"])


# --- the report -------------------------------------------------------------------------------------------------------


async def release(store: Store, told: dict[str, Any]) -> None:
    row_id = await store.pool.fetchval("select id::text from inbox_keys where event_key = $1", told["id"])
    outcome = await store.dead_letters.act(Act.RELEASE, [row_id], By(actor="alice", reason="a big customer"), NOW)
    assert outcome.done == (row_id,)


async def test_a_rule_that_holds_back_good_events_comes_first_with_what_to_do(store: Store, database: str) -> None:
    door = Door(store, profile(REFUSES, f"{WARNS}, name: loud"))
    odd = [failure() for _ in range(4)]
    for each in odd[:3]:
        await door.receive(each)
    await door.receive(odd[3], failure(900))
    await release(store, odd[0])
    good = failure(900, id=invoice_of(odd[1]))
    await door.receive(good, now=NOW + timedelta(hours=1))
    good_id = str((await door.row(good))["id"])
    await store.inbox.finish(good_id, "delivered", NOW, case_id=f"stripe/default/{invoice_of(odd[1])}")

    ended = await intake(database, "report")
    assert ended.exit_code == 0
    first, way_out, second = ended.stdout.splitlines()
    assert first == "stripe/default  too_much: 3 refused, 1 quarantined; 50% good (1 released, 1 by a later event)"
    assert way_out.startswith("    -> 2 of 4 that it held back were good: let it warn (action: warn), and try")
    assert second == "stripe/default  loud: 4 warned of; 50% good (1 released, 1 by a later event)"
    assert [(rule["rule"], rule["good_share"], bool(rule["advice"])) for rule in await rows(database)] == [
        ("too_much", 0.5, True),
        ("loud", 0.5, False),
    ]


async def test_a_shadow_is_told_whether_it_may_count(store: Store, database: str) -> None:
    door = Door(store, profile(SHADOW))
    for _ in range(20):
        await door.receive(failure())
    lines = (await intake(database, "report")).stdout.splitlines()
    assert lines == [
        "stripe/default  too_much: 20 as a shadow; 0% good (0 released, 0 by a later event)",
        "    -> none of 20 has turned out to be good so far: it can count (leave shadow out)",
    ]


async def test_the_report_is_about_what_is_asked_for(store: Store, database: str) -> None:
    assert (await intake(database, "report")).stdout == "no rule has spoken\n"
    door = Door(store, profile(QUARANTINES))
    await door.receive(failure())
    assert len(await rows(database, "--source", "stripe", "--account", "default")) == 1
    assert await rows(database, "--source", "adyen") == []
    assert await rows(database, "--account", "eu") == []
    assert await rows(database, "--since", (NOW + timedelta(seconds=1)).isoformat()) == []
    assert len(await rows(database, "--since", NOW.isoformat())) == 1


# --- replay -----------------------------------------------------------------------------------------------------------


async def ended_rows(store: Store) -> None:
    """One delivered, one ignored, one waiting, one dead."""
    door, told = Door(store, profile(QUARANTINES)), [failure(900) for _ in range(3)]
    await door.receive(*told, failure())
    for each, state in zip(told, ("delivered", "ignored"), strict=False):
        await store.inbox.finish(str((await door.row(each))["id"]), state, NOW)  # type: ignore[arg-type]


async def test_what_was_delivered_or_ignored_is_delivered_once_more(store: Store, database: str) -> None:
    await ended_rows(store)
    ended = await intake(database, "replay", "--since", NOW.isoformat(), "--yes")
    assert (ended.exit_code, ended.stdout) == (0, "2 rows will be delivered once more\n")
    again = await store.pool.fetch("select state from inbox_keys where replay order by state")
    assert [row["state"] for row in again] == ["delivered", "ignored"]
    leased = await store.inbox.lease(datetime.now(UTC) + timedelta(seconds=1), 10)
    assert sorted(row.state for row in leased if row.replay) == ["delivered", "ignored"]


async def test_only_what_is_asked_for_is_replayed(store: Store, database: str) -> None:
    await ended_rows(store)
    since, until = NOW.isoformat(), (NOW + timedelta(minutes=1)).isoformat()
    for arguments, count in {
        ("--since", until): 0,
        ("--since", since, "--source", "adyen"): 0,
        ("--since", since, "--account", "eu"): 0,
        ("--since", (NOW - timedelta(days=1)).isoformat(), "--until", since): 0,
        ("--since", since, "--until", until, "--source", "stripe", "--account", "default"): 2,
    }.items():
        ended = await intake(database, "replay", *arguments, "--yes", "--json")
        assert json.loads(ended.stdout)["rows"] == count, arguments


async def test_the_relays_are_woken_for_a_replay(store: Store, database: str) -> None:
    woken = asyncio.Event()
    async with store.pool.acquire() as listening:
        await listening.add_listener(CHANNEL, wake := lambda *_: woken.set())
        await intake(database, "replay", "--since", NOW.isoformat(), "--yes")
        async with asyncio.timeout(5):
            await woken.wait()
        await listening.remove_listener(CHANNEL, wake)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("replay",), "--since"),
        (("replay", "--since", "soon", "--yes"), "'soon' is no time; write it as 2026-11-24T09:00:00Z"),
        (("replay", "--since", "2026-11-24T09:00:00", "--yes"), "has no zone"),
        (
            ("replay", "--since", "2026-11-24T09:00:00Z", "--until", "2026-11-24T09:00:00Z", "--yes"),
            "--since '2026-11-24T09:00:00Z' is not before --until",
        ),
        (("replay", "--since", "2026-01-24T09:00:00Z"), "nobody is there to confirm; repeat this with --yes"),
        (("report", "--since", "soon"), "'soon' is no time"),
        (("report",), "the database cannot be asked"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(arguments: tuple[str, ...], says: str) -> None:
    assert says in mistaken("intake", *arguments)
