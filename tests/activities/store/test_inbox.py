"""The queue of the relay: committed before it is answered, leased to one at a time, finished once (P1)."""

import asyncio
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from activities.store.inbox import LEASE, InboxRow, Received
from activities.store.store import Store

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


async def receive(store: Store, key: str = "evt_1", body: bytes = b"{}", at: datetime = NOW) -> Received:
    return await store.inbox.receive("stripe", "default", key, {"content-type": "x"}, body, at)


async def state_of(store: Store, row_id: str) -> tuple[str, str | None]:
    row = await store.inbox.row(row_id)
    assert row is not None
    return row["state"], row["reason"]


async def test_the_same_bytes_are_one_row_and_other_bytes_a_conflict(store: Store) -> None:
    first, again, other = await receive(store), await receive(store), await receive(store, body=b"{ }")
    assert (first.first, first.conflict) == (True, False)
    assert (again.id, again.first, again.conflict) == (first.id, False, False)
    assert other.id != first.id
    assert (other.first, other.conflict) == (True, True)


async def test_any_bytes_are_kept_as_they_are(store: Store) -> None:
    body = bytes(range(256)) * 40
    await receive(store, body=body)
    (row,) = await store.inbox.lease(NOW, 10)
    assert row.body == body


async def test_four_relays_at_once_never_hold_the_same_row(store: Store) -> None:
    ids = {(await receive(store, f"evt_{n}")).id for n in range(60)}
    held: list[str] = []

    async def relay() -> None:
        while rows := await store.inbox.lease(NOW, 7):
            held.extend(row.id for row in rows)
            await asyncio.sleep(0)

    await asyncio.gather(*(relay() for _ in range(4)))
    assert Counter(held) == Counter(ids)


async def test_a_leased_row_comes_back_when_the_lease_has_expired(store: Store) -> None:
    row_id = (await receive(store)).id
    assert [row.tries for row in await store.inbox.lease(NOW, 10)] == [1]
    assert await store.inbox.lease(NOW + LEASE - timedelta(seconds=1), 10) == []
    (taken_over,) = await store.inbox.lease(NOW + LEASE + timedelta(seconds=1), 10)
    assert (taken_over.id, taken_over.tries) == (row_id, 2)


async def test_oldest_first_and_no_more_than_asked_for(store: Store) -> None:
    for number in (3, 1, 2, 0):
        await receive(store, f"evt_{number}", at=NOW + timedelta(seconds=number))
    later = NOW + timedelta(minutes=1)
    batches: list[list[InboxRow]] = [await store.inbox.lease(later, 3), await store.inbox.lease(later, 3)]
    seconds = [[row.received_at.second for row in batch] for batch in batches]
    assert seconds == [[0, 1, 2], [3]]


async def test_what_is_not_due_or_held_by_the_api_is_left_alone(store: Store) -> None:
    await store.inbox.receive("recoup", "default", "a", {}, b"{}", NOW, held_for=timedelta(seconds=20))
    assert await store.inbox.lease(NOW + timedelta(seconds=19), 10) == []
    (row,) = await store.inbox.lease(NOW + timedelta(seconds=21), 10)
    await store.inbox.try_again(row.id, NOW + timedelta(hours=1), "later")
    assert await store.inbox.lease(NOW + timedelta(minutes=59), 10) == []
    assert len(await store.inbox.lease(NOW + timedelta(hours=1), 10)) == 1


async def test_the_first_finish_counts_and_a_later_one_changes_nothing(store: Store) -> None:
    row_id = (await receive(store)).id
    await store.inbox.finish(row_id, "delivered", NOW, case_id="stripe/default/in_1")
    await store.inbox.finish(row_id, "dead", NOW, "unreadable", "too late")
    await store.inbox.try_again(row_id, NOW, "too late")
    row = await store.inbox.row(row_id)
    assert row is not None
    assert (row["state"], row["reason"], row["detail"], row["case_id"]) == (
        "delivered",
        None,
        None,
        "stripe/default/in_1",
    )
    assert await store.inbox.lease(NOW + timedelta(days=1), 10) == []


async def test_a_finished_row_counts_duplicates_and_stays_finished(store: Store) -> None:
    row_id = (await receive(store)).id
    await store.inbox.finish(row_id, "ignored", NOW, "late", "the case is closed")
    assert (await receive(store)).first is False
    assert await state_of(store, row_id) == ("ignored", "late")


async def test_counts_are_by_state_and_reason(store: Store) -> None:
    for key, reason in {"a": "late", "b": "late", "c": "duplicate"}.items():
        await store.inbox.finish((await receive(store, key)).id, "ignored", NOW, reason)
    await receive(store, "d")
    assert await store.inbox.counts() == {"ignored/late": 2, "ignored/duplicate": 1, "waiting": 1}


async def test_an_unknown_row_is_none(store: Store) -> None:
    assert await store.inbox.row(str(uuid.uuid4())) is None


@pytest.mark.parametrize("same", [True, False])
async def test_many_at_once_under_one_key_are_as_many_rows_as_bodies(store: Store, same: bool) -> None:
    bodies = [b"{}" if same else str(n).encode() for n in range(10)]
    received = await asyncio.gather(*(receive(store, body=body) for body in bodies))
    assert len({one.id for one in received}) == len(set(bodies))
    assert await store.pool.fetchval("select count(*) from inbox_bodies") == len(set(bodies))
    assert await store.pool.fetchval("select sum(times_received) from inbox_keys") == 10


async def test_a_forged_copy_that_comes_first_does_not_stand_for_the_genuine_one(store: Store) -> None:
    """The same bytes with another signature, as long as nobody has proven either."""
    forged, genuine = {"paypal-transmission-sig": "made up"}, {"paypal-transmission-sig": "real"}
    first = await store.inbox.receive("paypal", "default", "WH-1", forged, b"{}", NOW, unproven=True)
    second = await store.inbox.receive("paypal", "default", "WH-1", genuine, b"{}", NOW, unproven=True)
    again = await store.inbox.receive("paypal", "default", "WH-1", genuine, b"{}", NOW, unproven=True)
    proven = await store.inbox.receive("paypal", "default", "WH-1", genuine, b"{}", NOW)
    assert [received.first for received in (first, second, again, proven)] == [True, True, False, True]
