"""Many deliveries in one commit are the same as each by itself, whatever one of them holds."""

import asyncio
import contextlib
from collections import Counter
from datetime import UTC, datetime

import asyncpg
import pytest

from activities.store.database import DATABASE_DOWN, make_pool
from activities.store.inbox import Inbox, Received, Verdict
from activities.store.store import Store
from policies.intake.checks import Finding
from policies.intake.profile import Action
from tests.fixtures.store import DEAD_DATABASE

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


async def receive(inbox: Inbox, key: str, body: bytes = b"{}", **headers: str) -> Received:
    return await inbox.receive("stripe", "default", key, headers, body, NOW)


async def kept(store: Store) -> dict[str, tuple[int, bytes]]:
    query = "select event_key, times_received, body from inbox_keys join inbox_bodies using (id)"
    return {row["event_key"]: (row["times_received"], row["body"]) for row in await store.pool.fetch(query)}


async def test_each_of_many_is_answered_for_itself(store: Store) -> None:
    keys = [f"evt_{n % 150}" for n in range(200)]
    answers = await asyncio.gather(*(receive(store.inbox, key, key.encode()) for key in keys))
    assert Counter(answer.first for answer in answers) == {True: 150, False: 50}
    assert len({answer.id for answer in answers}) == 150
    assert await kept(store) == {key: (times, key.encode()) for key, times in Counter(keys).items()}


async def test_a_second_body_under_one_id_is_a_conflict_also_in_the_same_moment(store: Store) -> None:
    answers = await asyncio.gather(*(receive(store.inbox, "evt_1", f"{n}".encode()) for n in range(5)))
    assert Counter(answer.conflict for answer in answers) == {False: 1, True: 4}
    assert all(answer.first for answer in answers)


async def test_what_the_database_cannot_hold_fails_alone(store: Store) -> None:
    """JSON in PostgreSQL holds no NUL."""
    asked = [receive(store.inbox, f"evt_{n}", agent="a\x00b" if n == 7 else "a") for n in range(20)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    wrong = [n for n, answer in enumerate(answers) if isinstance(answer, asyncpg.PostgresError)]
    assert wrong == [7]
    assert len(await kept(store)) == 19


async def test_several_processes_never_wait_for_each_other(store: Store) -> None:
    """The same events in opposite orders: a deadlock would cost a second and then an error."""
    others = [Inbox(store.pool) for _ in range(3)]
    keys = [f"evt_{n}" for n in range(60)]
    for _ in range(5):
        orders = [keys, keys[::-1], keys[30:] + keys[:30]]
        await asyncio.gather(
            *(receive(inbox, key) for inbox, order in zip(others, orders, strict=True) for key in order)
        )
    assert {times for times, _ in (await kept(store)).values()} == {15}


async def test_who_hangs_up_gets_no_answer_and_the_event_is_kept(store: Store) -> None:
    gone = asyncio.create_task(receive(store.inbox, "evt_gone"))
    await asyncio.sleep(0)
    gone.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await gone
    assert (await receive(store.inbox, "evt_next")).first
    async with asyncio.timeout(5):
        while "evt_gone" not in await kept(store):
            await asyncio.sleep(0.01)


async def test_everybody_hears_that_the_database_is_away_and_later_ones_are_taken(store: Store) -> None:
    pool = await make_pool(DEAD_DATABASE)
    inbox = Inbox(pool)
    answers = await asyncio.gather(*(receive(inbox, f"evt_{n}") for n in range(10)), return_exceptions=True)
    assert all(isinstance(answer, DATABASE_DOWN) for answer in answers)
    with pytest.raises(DATABASE_DOWN):
        await receive(inbox, "evt_again")
    await pool.close()


async def test_also_what_a_rule_speaks_of_sees_the_first_body_of_its_id(store: Store) -> None:
    """Rows with findings are committed by themselves; they wait for the others of their event all the same."""
    said = Verdict(findings=(Finding(rule="r", action=Action.WARN, shadow=False, field="f", detail="d"),))

    async def with_finding(n: int) -> Received:
        return await store.inbox.receive("stripe", "default", "evt_1", {}, f"{n}".encode(), NOW, verdict=said)

    answers = await asyncio.gather(
        *(with_finding(n) if n % 2 else receive(store.inbox, "evt_1", f"{n}".encode()) for n in range(12))
    )
    assert Counter(answer.conflict for answer in answers) == {False: 1, True: 11}


async def test_who_comes_in_the_moment_in_which_the_commits_end_does_not_wait_for_the_next(store: Store) -> None:
    for round_ in range(40):
        first = [asyncio.create_task(receive(store.inbox, f"evt_{round_}_{n}")) for n in range(2)]
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        async with asyncio.timeout(5):
            await receive(store.inbox, f"evt_{round_}_last")
            await asyncio.gather(*first)
