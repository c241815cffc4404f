"""The contact ledger: who is asked is written down first, and nobody is asked twice."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from activities.store.messages import MessageState, Planned, Said
from activities.store.store import Store
from policies.contact_rules import Allowed, PutOff
from policies.keys import CaseRef
from policies.said import MessageStatus
from policies.surroundings import Contacted

CASE = CaseRef(source="stripe", account="default", invoice_id="in_1")
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY = "mes_1"
PLANNED = Planned(
    key=KEY, case=CASE, customer_id="cus_1", name="first_notice", template="payment_failed", stage="notice", at=NOW
)


def on(channel: str) -> Said:
    return Said(channel=channel, address_hash="h", locale="en", edition="e", subject="s", text="t")


def anything(ledger: object) -> Allowed:
    return Allowed(("email",))


def nothing(ledger: object) -> PutOff:
    return PutOff(None, "never")


@pytest.fixture
async def reserved(store: Store) -> Store:
    assert await store.messages.reserve(PLANNED, anything) == Allowed(("email",))
    return store


async def state(store: Store) -> MessageState:
    found = await store.messages.state_of(KEY)
    assert found is not None
    return found


async def test_a_message_that_nobody_reserved_is_unknown(store: Store) -> None:
    assert await store.messages.state_of(KEY) is None


async def test_reserving_twice_is_reserving_once(reserved: Store) -> None:
    other = PLANNED.model_copy(update={"template": "reminder"})
    assert await reserved.messages.reserve(other, anything) == Allowed(("email",))
    assert [row["template"] for row in await reserved.pool.fetch("select * from messages")] == ["payment_failed"]
    assert await state(reserved) == MessageState(status=None, sending=False, channel=None)


async def test_sending_is_visible_until_it_ended(reserved: Store) -> None:
    assert await reserved.messages.sending(KEY, on("email"), NOW)
    assert await state(reserved) == MessageState(status=None, sending=True, channel="email")
    await reserved.messages.ended(KEY, "email", MessageStatus.ACCEPTED, "msg_1", NOW)
    assert await state(reserved) == MessageState(
        status=MessageStatus.ACCEPTED, sending=False, channel="email", stage="notice"
    )


async def test_of_many_runs_at_once_one_may_ask_the_channel(reserved: Store) -> None:
    may = await asyncio.gather(*(reserved.messages.sending(KEY, on("email"), NOW) for _ in range(10)))
    assert may.count(True) == 1
    assert await reserved.pool.fetchval("select count(*) from message_results") == 1


async def test_after_an_explicit_refusal_the_next_channel_may_be_asked(reserved: Store) -> None:
    assert await reserved.messages.sending(KEY, on("email"), NOW)
    assert not await reserved.messages.sending(KEY, on("sms"), NOW)
    await reserved.messages.not_sent(KEY, "email", "no such address", NOW)
    assert await state(reserved) == MessageState(status=None, sending=False, channel="email")
    assert await reserved.messages.sending(KEY, on("sms"), NOW)


@pytest.mark.parametrize("status", sorted(set(MessageStatus) - {MessageStatus.DELIVERED, MessageStatus.COVERED}))
async def test_what_has_ended_is_never_begun_again(reserved: Store, status: MessageStatus) -> None:
    await reserved.messages.sending(KEY, on("email"), NOW)
    await reserved.messages.ended(KEY, "email", status, "", NOW)
    assert not await reserved.messages.sending(KEY, on("sms"), NOW)


async def test_without_a_reservation_nothing_may_be_sent(store: Store) -> None:
    assert not await store.messages.sending(KEY, on("email"), NOW)


async def test_what_a_rule_forbids_is_not_written_down(store: Store) -> None:
    assert await store.messages.reserve(PLANNED, nothing) == PutOff(None, "never")
    assert await store.messages.state_of(KEY) is None


async def test_of_two_cases_of_one_customer_at_once_the_second_sees_the_first(store: Store) -> None:
    seen: list[int] = []

    def judge(ledger: Sequence[Contacted]) -> Allowed:
        seen.append(len(ledger))
        return Allowed(("email",))

    other = CaseRef(source="stripe", account="default", invoice_id="in_2")
    second = PLANNED.model_copy(update={"key": "mes_2", "case": other})
    await asyncio.gather(store.messages.reserve(PLANNED, judge), store.messages.reserve(second, judge))
    assert sorted(seen) == [0, 1]


CUSTOMER = PLANNED.customer


async def contacts(store: Store) -> list[str]:
    return [each.key for each in await store.messages.contacts(CUSTOMER, CASE.case_id, NOW + timedelta(days=1))]


async def test_what_its_own_case_has_not_sent_yet_keeps_it_not_waiting_and_others_waiting(reserved: Store) -> None:
    assert await contacts(reserved) == []
    seen = await reserved.messages.contacts(CUSTOMER, "stripe/default/in_2", NOW + timedelta(days=1))
    assert [each.key for each in seen] == [KEY]


async def test_what_reached_nobody_counts_for_no_rule(reserved: Store) -> None:
    await reserved.messages.sending(KEY, on("email"), NOW)
    await reserved.messages.ended(KEY, "email", MessageStatus.ACCEPTED, "taken", NOW, "ref_1")
    assert await contacts(reserved) == [KEY]
    assert await reserved.messages.receipt(KEY, "email", "undelivered", "no such mailbox", NOW, NOW)
    assert not await reserved.messages.receipt(KEY, "email", "undelivered", "again", NOW, NOW)
    assert await contacts(reserved) == []


async def test_who_a_message_was_for_is_found_by_our_key_and_by_the_providers(reserved: Store) -> None:
    await reserved.messages.sending(KEY, on("email"), NOW)
    await reserved.messages.ended(KEY, "email", MessageStatus.ACCEPTED, "taken", NOW, "ref_1")
    by_key = await reserved.messages.addressee(KEY, None)
    by_reference = await reserved.messages.addressee(None, "ref_1")
    assert by_key
    assert by_reference
    assert (by_key.customer, by_key.channel) == (CUSTOMER, None)
    assert (by_reference.key, by_reference.channel) == (KEY, "email")
    assert await reserved.messages.addressee(None, "ref_2") is None
    assert await reserved.messages.address_hash(KEY, "email") == "h"


async def test_a_handover_to_a_colleague_is_no_contact(store: Store) -> None:
    await store.messages.note(PLANNED.model_copy(update={"counted": False}))
    assert await contacts(store) == []
