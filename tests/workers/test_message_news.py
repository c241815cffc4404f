"""What providers and people say of messages: kept, obeyed at once everywhere, and told to the case that it concerns."""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from activities.channels.news import MessageNews
from activities.errors import NotFound
from activities.sources.contract import Item, Malformed, Rejected, Speaker, Verified
from activities.store.inbox import InboxRow
from policies.events import Unreadable
from policies.keys import CustomerRef, message_key
from policies.said import MessageStatus
from tests.fixtures.ordinary_days import zone_by_day
from tests.fixtures.town import Case, Town
from workers.delivery import Deliveries
from workers.fates import Delivered, Fate

NOW = datetime.now(UTC)


class Carrier(Speaker):
    """A provider that says MessageNews as it is."""

    name = "carrier"

    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected:
        return Verified()

    def split(self, body: bytes) -> tuple[Item, ...] | Malformed:
        return (Item(event_key="one", body=body),)

    def normalise(self, body: bytes, event_id: str) -> MessageNews | Unreadable:
        return MessageNews.model_validate_json(body)


async def hears(town: Town, **news: Any) -> Fate:
    """As the relay delivers it. The town's own relay knows no such carrier, so the row stays out of its inbox."""
    speakers = {**town.wiring.speakers, "carrier": Carrier()}
    queue = town.settings.task_queue
    deliveries = Deliveries(town.store, town.temporal, speakers, town.wiring.adapters, {}, queue)
    body = json.dumps({"channel": "email", "happened_at": NOW.isoformat(), **news}).encode()
    row = InboxRow(
        id=uuid.uuid4().hex, source="carrier", account="default", body=body, received_at=NOW, traceparent=None, tries=0
    )
    return await deliveries.fate_of(row)


async def first_words(town: Town) -> tuple[Case, str]:
    case = await town.fails("expired_card", zone=zone_by_day())
    await case.to_day(0.4)
    return case, f"{message_key(case.ref, 1, 'first_notice')}.email"


async def status_of_first(case: Case) -> MessageStatus:
    facts = (await case.status()).facts
    assert facts
    return facts.messages[0].status


async def receipts(town: Town, key: str) -> list[str]:
    rows = await town.store.pool.fetch("select what from message_receipts where key = $1", key.rpartition(".")[0])
    return [row["what"] for row in rows]


async def test_a_receipt_is_a_fact_of_its_case(town: Town) -> None:
    case, key = await first_words(town)
    assert await hears(town, what="delivered", key=key) == Delivered(case_id=case.ref.case_id)
    assert await status_of_first(case) is MessageStatus.DELIVERED
    assert await receipts(town, key) == ["delivered"]


async def test_what_bounced_goes_out_on_the_next_channel(town: Town) -> None:
    case, key = await first_words(town)
    await hears(town, what="undelivered", key=key, detail="550 no such mailbox")
    assert await status_of_first(case) is MessageStatus.UNDELIVERED
    await case.until_decided()
    step = (await case.status()).step
    assert step
    assert step.kind == "notify"
    assert getattr(step, "channels", ()) == ("in_app",)


async def test_the_providers_own_reference_finds_the_message(town: Town) -> None:
    case, key = await first_words(town)
    reference = await town.store.pool.fetchval(
        "select reference from message_results where key = $1 and reference is not null", key.rpartition(".")[0]
    )
    assert await hears(town, what="clicked", reference=reference) == Delivered(case_id=case.ref.case_id)
    facts = (await case.status()).facts
    assert facts
    assert [each.what for each in facts.activities] == ["clicked a message"]


async def usable(town: Town, case: Case, channel: str) -> bool:
    ref = CustomerRef(source="stripe", account="default", customer_id=case.customer_id)
    customer = await town.store.customers.get(ref.source, ref.account, ref.customer_id)
    address = customer.addresses[channel]
    return channel in await town.store.channel_stops.usable({channel: address})


@pytest.mark.parametrize(("what", "gone"), [("complained", False), ("opted_out", False), ("undelivered", True)])
async def test_who_complains_says_stop_or_is_gone_is_not_written_to_there_again(
    town: Town, what: str, gone: bool
) -> None:
    case, key = await first_words(town)
    await hears(town, what=what, key=key, gone=gone)
    assert not await usable(town, case, "email")


async def test_stop_and_start_by_a_person_who_names_no_message(town: Town) -> None:
    case, _ = await first_words(town)
    stopped = await hears(town, what="opted_out", channel="sms", address="+1 500 555 0006")
    assert stopped == Delivered(case_id=None)
    assert not await usable(town, case, "sms")
    await hears(town, what="opted_in", channel="sms", address="+15005550006")
    assert await usable(town, case, "sms")


async def test_a_bare_cancel_stops_the_texts_and_asks_a_person_what_was_meant(town: Town) -> None:
    await hears(town, what="opted_out", channel="sms", address="+15005550006", cancels=True)
    tasks = await town.store.pool.fetch("select kind, summary from tasks where kind = 'cancel_intent'")
    assert any("ask whether they meant" in task["summary"] for task in tasks)
    await hears(town, what="opted_in", channel="sms", address="+15005550006")


async def test_a_receipt_that_is_faster_than_we_are_is_tried_again(town: Town) -> None:
    with pytest.raises(NotFound):
        await hears(town, what="delivered", reference="not_written_down_yet")


async def test_a_message_of_a_closed_case_keeps_its_receipt(town: Town) -> None:
    case, key = await first_words(town)
    await case.world("pay")
    assert await case.to_the_end() == "recovered"
    assert await hears(town, what="opened", key=key) == Delivered(case_id=None)
    assert "opened" in await receipts(town, key)
