"""The in-app feed: one voice per case, known by its key, gone at once when it is no longer true."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from activities.channels.contract import Letter
from activities.store.feed import CHANNEL, SHOWN_MAX, customer_hash
from activities.store.store import Store
from policies.keys import CustomerRef

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def stranger() -> CustomerRef:
    return CustomerRef(source="stripe", account="acct", customer_id=f"cus_{uuid4().hex}")


def letter_for(customer: CustomerRef | None, case: str = "in_1", **changes: object) -> Letter:
    case_id = f"stripe/acct/{case}_{customer.customer_id if customer else 'nobody'}"
    return Letter.model_validate(
        {
            "key": f"mes_{uuid4().hex}",
            "case_id": case_id,
            "address": "in-app",
            "subject": "Your payment did not go through",
            "text": "29,00 € are open.",
            "now": NOON,
            "link": "https://pay.example/p/1",
            "customer": customer,
            "template": "payment_failed",
            "stage": "notice",
        }
        | changes
    )


async def test_an_item_says_what_the_letter_said(store: Store) -> None:
    ada = stranger()
    letter = letter_for(ada, locale="ar", direction="rtl", stage="warning", template="warning")
    position = await store.feed.add(letter, NOON + timedelta(minutes=1))
    now = await store.feed.of(ada)
    (item,) = now.items
    assert (now.unread, now.newest, item.position, item.read, item.at) == (1, position, position, False, NOON)
    assert (item.subject, item.text, item.link) == (letter.subject, letter.text, letter.link)
    assert (item.stage, item.template, item.locale, item.direction) == ("warning", "warning", "ar", "rtl")


async def test_of_a_case_the_newest_item_stands_alone_and_other_cases_stay(store: Store) -> None:
    ada = stranger()
    other = await store.feed.add(letter_for(ada, case="in_2"), NOON)
    await store.feed.add(letter_for(ada, stage="notice"), NOON)
    newest = await store.feed.add(letter_for(ada, stage="warning"), NOON)
    assert [item.position for item in (await store.feed.of(ada)).items] == [newest, other]


async def test_the_same_key_twice_is_one_item(store: Store) -> None:
    ada = stranger()
    letter = letter_for(ada)
    first = await store.feed.add(letter, NOON)
    assert await store.feed.add(letter, NOON) == first
    assert len((await store.feed.of(ada)).items) == 1


async def test_an_older_letter_that_is_repeated_withdraws_nothing_and_does_not_come_back(store: Store) -> None:
    ada = stranger()
    older = letter_for(ada)
    await store.feed.add(older, NOON)
    newer = await store.feed.add(letter_for(ada), NOON)
    await store.feed.add(older, NOON)
    assert [item.position for item in (await store.feed.of(ada)).items] == [newer]


async def test_items_of_one_case_at_the_same_moment_leave_one(store: Store) -> None:
    ada = stranger()
    positions = await asyncio.gather(*(store.feed.add(letter_for(ada), NOON) for _ in range(8)))
    assert [item.position for item in (await store.feed.of(ada)).items] == [max(positions)]


async def test_what_was_read_is_read_up_to_there(store: Store) -> None:
    ada, bob = stranger(), stranger()
    first = await store.feed.add(letter_for(ada, case="in_1"), NOON)
    await store.feed.add(letter_for(ada, case="in_2"), NOON)
    await store.feed.add(letter_for(bob), NOON)
    await store.feed.read(ada, first, NOON)
    now = await store.feed.of(ada)
    assert ([item.read for item in now.items], now.unread) == ([False, True], 1)
    assert (await store.feed.of(bob)).unread == 1


async def test_nothing_of_a_withdrawn_case_is_shown(store: Store) -> None:
    ada = stranger()
    letter = letter_for(ada)
    await store.feed.add(letter, NOON)
    kept = await store.feed.add(letter_for(ada, case="in_2"), NOON)
    await store.feed.withdraw(letter.case_id, NOON)
    now = await store.feed.of(ada)
    assert ([item.position for item in now.items], now.unread) == ([kept], 1)


async def test_a_feed_has_an_end_and_all_is_counted(store: Store) -> None:
    ada = stranger()
    for number in range(SHOWN_MAX + 2):
        await store.feed.add(letter_for(ada, case=f"in_{number}"), NOON)
    now = await store.feed.of(ada)
    assert (len(now.items), now.unread) == (SHOWN_MAX, SHOWN_MAX + 2)


async def test_a_stranger_has_an_empty_feed(store: Store) -> None:
    now = await store.feed.of(stranger())
    assert (now.items, now.unread, now.newest) == ((), 0, 0)


async def test_every_change_is_told_without_a_name(store: Store) -> None:
    ada, told = stranger(), asyncio.Queue[str]()

    def hear(connection: object, pid: int, channel: str, payload: object) -> None:
        told.put_nowait(str(payload))

    letter = letter_for(ada)
    async with store.pool.acquire() as connection:
        await connection.add_listener(CHANNEL, hear)
        try:
            position = await store.feed.add(letter, NOON)
            await store.feed.add(letter, NOON)  # nothing new, nobody is told
            await store.feed.read(ada, position, NOON)
            await store.feed.read(ada, position, NOON)
            await store.feed.withdraw(letter.case_id, NOON)
            await store.feed.withdraw(letter.case_id, NOON)
            async with asyncio.timeout(10):
                assert [await told.get() for _ in range(3)] == [customer_hash(ada)] * 3
            await connection.execute("select 1")
            assert told.empty()
        finally:
            await connection.remove_listener(CHANNEL, hear)
    assert ada.customer_id not in customer_hash(ada)


async def test_a_letter_without_a_customer_has_no_feed(store: Store) -> None:
    with pytest.raises(ValueError, match="names its customer"):
        await store.feed.add(letter_for(None), NOON)
