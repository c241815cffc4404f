"""The contact ledger: who is asked is written down first, and nobody is asked twice."""

import asyncio
from datetime import UTC, datetime

import pytest

from activities.store.messages import MessageState
from activities.store.store import Store
from policies.facts import MessageStatus
from policies.keys import CaseRef

CASE = CaseRef(source="stripe", account="default", invoice_id="in_1")
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY = "mes_1"


@pytest.fixture
async def reserved(store: Store) -> Store:
    await store.messages.reserve(CASE, KEY, "cus_1", "first_notice", NOW)
    return store


async def state(store: Store) -> MessageState:
    found = await store.messages.state_of(KEY)
    assert found is not None
    return found


async def test_a_message_that_nobody_reserved_is_unknown(store: Store) -> None:
    assert await store.messages.state_of(KEY) is None


async def test_reserving_twice_is_reserving_once(reserved: Store) -> None:
    await reserved.messages.reserve(CASE, KEY, "cus_1", "reminder", NOW)
    assert [row["template"] for row in await reserved.pool.fetch("select * from messages")] == ["first_notice"]
    assert await state(reserved) == MessageState(status=None, sending=False, channel=None)


async def test_sending_is_visible_until_it_ended(reserved: Store) -> None:
    assert await reserved.messages.sending(KEY, "email", NOW)
    assert await state(reserved) == MessageState(status=None, sending=True, channel="email")
    await reserved.messages.ended(KEY, "email", MessageStatus.ACCEPTED, "msg_1", NOW)
    assert await state(reserved) == MessageState(status=MessageStatus.ACCEPTED, sending=False, channel="email")


async def test_of_many_runs_at_once_one_may_ask_the_channel(reserved: Store) -> None:
    may = await asyncio.gather(*(reserved.messages.sending(KEY, "email", NOW) for _ in range(10)))
    assert may.count(True) == 1
    assert await reserved.pool.fetchval("select count(*) from message_results") == 1


async def test_after_an_explicit_refusal_the_next_channel_may_be_asked(reserved: Store) -> None:
    assert await reserved.messages.sending(KEY, "email", NOW)
    assert not await reserved.messages.sending(KEY, "sms", NOW)
    await reserved.messages.not_sent(KEY, "email", "no such address", NOW)
    assert await state(reserved) == MessageState(status=None, sending=False, channel="email")
    assert await reserved.messages.sending(KEY, "sms", NOW)


@pytest.mark.parametrize("status", list(MessageStatus))
async def test_what_has_ended_is_never_begun_again(reserved: Store, status: MessageStatus) -> None:
    await reserved.messages.sending(KEY, "email", NOW)
    await reserved.messages.ended(KEY, "email", status, "", NOW)
    assert not await reserved.messages.sending(KEY, "sms", NOW)


async def test_without_a_reservation_nothing_may_be_sent(store: Store) -> None:
    assert not await store.messages.sending(KEY, "email", NOW)
