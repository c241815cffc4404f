import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from activities.errors import Misconfigured, NotFound, RateLimited, Unavailable
from activities.sources.contract import Addressed, CloseOut, Item, Owner, PaymentElsewhere
from activities.sources.generic import GenericSpeaker
from activities.sources.merchant_owner import MerchantOwner
from policies.events import PaymentFailed, Unreadable
from policies.instruments import Initiator, Instrument, Network, PaymentType
from policies.invoices import InvoiceStatus
from policies.money import Money
from tests.activities.sources.contract import OwnerContract
from tests.activities.sources.merchant_server import TOKEN, MerchantServer, running_merchant
from tests.fixtures.sandbox import START, day
from tests.fixtures.troubled import Trouble, troubled

PAGE = Path(__file__).parents[3] / "docs" / "sources" / "merchant.md"
EURO_29 = Money(amount_minor=2900, currency="EUR")


class MerchantStand:
    def __init__(self, server: MerchantServer, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session
        self.owner: Owner = MerchantOwner(session, server.url, TOKEN, 5.0)

    async def failed_invoice(self) -> str:
        return self.server.failed_invoice()

    async def pay(self, invoice_id: str) -> None:
        self.server.end(invoice_id, "paid")

    async def void(self, invoice_id: str) -> None:
        self.server.end(invoice_id, "void")

    async def dispute(self, invoice_id: str) -> None:
        self.server.invoices[invoice_id]["dispute_open"] = True

    async def payment_of(self, invoice_id: str) -> str:
        return next(key for key, paid in self.server.payments.items() if paid["invoice_id"] == invoice_id)

    @asynccontextmanager
    async def troubled_owner(self, trouble: Trouble) -> AsyncIterator[Owner]:
        async with troubled(trouble) as url:
            yield MerchantOwner(self.session, url, TOKEN, timeout_seconds=0.5)


@pytest.fixture
async def owners() -> AsyncIterator[MerchantStand]:
    async with running_merchant() as server, aiohttp.ClientSession() as session:
        yield MerchantStand(server, session)


class TestMerchantOwner(OwnerContract):
    pass


def booking(invoice_id: str, **fields: Any) -> PaymentElsewhere:
    given = {"key": "att_1", "amount": EURO_29, "gateway": "adyen/default", "reference": "psp_9", "at": day(1)}
    return PaymentElsewhere(**{**given, "invoice_id": invoice_id, **fields})


def event(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"evt-{number}",
        "source": "billing.example",
        "type": "recoup.payment_failed",
        "time": day(number).isoformat(),
        "data": {"invoice_id": f"inv-{number}"},
        **fields,
    }


async def test_the_page_s_examples_are_read_as_they_stand(owners: MerchantStand) -> None:
    written = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    invoice, customer, payment, booked, closing, events = map(json.loads, written)
    server, owner = owners.server, owners.owner
    server.invoices[invoice["id"]] = invoice
    server.customers[invoice["customer_id"]] = customer
    server.payments["psp"] = payment
    server.answers["/billing/events"] = {**events, "next": None}
    read = await owner.invoice_now(invoice["id"], START)
    assert (read.last_decline, len(read.attempts)) == (read.attempts[0].decline, 1)
    assert (await owner.customer(invoice["customer_id"])) is not None
    assert await owner.invoice_of_payment("psp") == invoice["id"]
    listed = owner.events_since("generic", START)
    assert listed is not None
    (item,) = [item async for item in listed]
    assert isinstance(GenericSpeaker().normalise(item.body, "row-1"), Addressed)
    ending = CloseOut(at=START, invoice_id=invoice["id"], **closing)
    await owner.record_payment(PaymentElsewhere(invoice_id=invoice["id"], **booked))
    await owner.close_out(ending)
    assert server.booked == {booked["key"]: booked}


class TestReading:
    async def test_everything_that_an_invoice_can_tell_is_read(self, owners: MerchantStand) -> None:
        instrument = {
            "payment_type": "card",
            "network": "visa",
            "country": "DE",
            "issuer": "Bank",
            "fingerprint": "fp1",
        }
        invoice_id = owners.server.failed_invoice(
            first_payment=True,
            collected_manually=True,
            changed_at=day(1).isoformat(),
            instrument=instrument,
            plan_interval="month",
            retries_at=day(3).isoformat(),
            retries_itself=True,
        )
        invoice = await owners.owner.invoice_now(invoice_id, START)
        assert (invoice.customer_id, invoice.credential_id, invoice.gateway) == ("cust-1", "card-1", "adyen")
        assert (invoice.first_payment, invoice.collected_manually, invoice.retries_itself) == (True, True, True)
        assert (invoice.changed_at, invoice.retries_at, invoice.plan_interval) == (day(1), day(3), "month")
        assert invoice.instrument == Instrument(
            payment_type=PaymentType.CARD, network=Network.VISA, country="DE", issuer="Bank", fingerprint="fp1"
        )

    async def test_others_attempts_are_told_and_recoup_s_own_are_left_out(self, owners: MerchantStand) -> None:
        invoice_id = await owners.failed_invoice()
        attempts = owners.server.invoices[invoice_id]["attempts"]
        attempts.append({**attempts[0], "reference": "psp-ours", "recoup_key": "att_1"})
        attempts.append({**attempts[0], "reference": "psp-shop", "actor": "customer", "initiator": "customer"})
        first, second = (await owners.owner.invoice_now(invoice_id, START)).attempts
        assert (first.key, first.actor, first.initiator) == ("psp-1", "gateway", Initiator.MERCHANT)
        assert (second.key, second.actor, second.initiator) == ("psp-shop", "customer", Initiator.CUSTOMER)

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"status": "half_paid"}, "status"),
            ({"due": {"amount_minor": "2900", "currency": "EUR"}}, "due.amount_minor"),
            ({"due": {"amount_minor": 2900, "currency": "euro"}}, "due.currency"),
            ({"failed_at": "2026-03-02T09:00:00"}, "failed_at"),
            ({"credential_id": "4111 1111 1111 1111"}, "credential_id"),
            ({"attempts": [{"reference": "psp-1"}]}, "attempts.0"),
            ({"Ada Test": 1}, "unknown"),
        ],
    )
    async def test_a_wrong_field_is_named_and_its_value_is_not(
        self, owners: MerchantStand, change: dict[str, Any], field: str
    ) -> None:
        invoice_id = owners.server.failed_invoice(**change)
        with pytest.raises(Misconfigured) as caught:
            await owners.owner.invoice_now(invoice_id, START)
        assert str(caught.value).startswith(f"the billing system answered with a wrong field: {field}")
        assert "Ada" not in str(caught.value)
        assert "4111" not in str(caught.value)

    async def test_another_invoice_than_the_one_asked_for_is_refused(self, owners: MerchantStand) -> None:
        invoice_id = await owners.failed_invoice()
        owners.server.invoices[invoice_id]["id"] = "inv-other"
        with pytest.raises(Misconfigured):
            await owners.owner.invoice_now(invoice_id, START)

    async def test_a_wrong_token_is_ours_to_mend_and_no_text_of_theirs_is_kept(self, owners: MerchantStand) -> None:
        stranger = MerchantOwner(owners.session, owners.server.url, "wrong", 5.0)
        with pytest.raises(Misconfigured) as caught:
            await stranger.invoice_now("inv-1", START)
        assert str(caught.value) == "the billing system refused: 401 unauthorised"

    async def test_a_busy_billing_system_says_for_how_long(self, owners: MerchantStand) -> None:
        async with owners.troubled_owner(Trouble.SLOW_DOWN) as owner:
            with pytest.raises(RateLimited) as caught:
                await owner.customer("cust-1")
        assert caught.value.retry_after_seconds == 7

    async def test_ids_cannot_leave_their_place_in_the_address(self, owners: MerchantStand) -> None:
        assert await owners.owner.customer("../invoices/inv 1?x=1") is None
        assert owners.server.asked == ["/billing/customers/..%2Finvoices%2Finv%201%3Fx%3D1"]


class TestTelling:
    async def test_a_booking_says_all_that_is_needed_to_find_the_money(self, owners: MerchantStand) -> None:
        invoice_id = await owners.failed_invoice()
        await owners.owner.record_payment(booking(invoice_id))
        assert owners.server.booked["att_1"] == {
            "key": "att_1",
            "amount": {"amount_minor": 2900, "currency": "EUR"},
            "gateway": "adyen/default",
            "reference": "psp_9",
            "at": "2026-03-03T09:00:00Z",
        }

    async def test_a_part_leaves_the_rest_owed(self, owners: MerchantStand) -> None:
        invoice_id = await owners.failed_invoice()
        await owners.owner.record_payment(booking(invoice_id, amount=Money(amount_minor=900, currency="EUR")))
        invoice = await owners.owner.invoice_now(invoice_id, day(2))
        assert (invoice.status, invoice.due.amount_minor) == (InvoiceStatus.OPEN, 2000)

    async def test_a_booking_that_is_refused_is_for_a_person(self, owners: MerchantStand) -> None:
        invoice_id = await owners.failed_invoice()
        await owners.owner.record_payment(booking(invoice_id))
        with pytest.raises(Misconfigured):
            await owners.owner.record_payment(booking(invoice_id, reference="psp_other"))

    async def test_nobody_books_or_ends_an_invoice_that_is_not_there(self, owners: MerchantStand) -> None:
        with pytest.raises(NotFound):
            await owners.owner.record_payment(booking("inv-nobody"))
        with pytest.raises(NotFound):
            await owners.owner.close_out(
                CloseOut(at=START, key="end_1", invoice_id="inv-nobody", subscription_id=None, how="mark_uncollectible")
            )

    async def test_an_invoice_that_has_ended_otherwise_stays_as_it_is(self, owners: MerchantStand) -> None:
        invoice_id = await owners.failed_invoice()
        await owners.pay(invoice_id)
        await owners.owner.close_out(
            CloseOut(at=START, key="end_1", invoice_id=invoice_id, subscription_id="sub-1", how="cancel_subscription")
        )
        assert (await owners.owner.invoice_now(invoice_id, day(2))).status is InvoiceStatus.PAID

    @pytest.mark.parametrize("trouble", [Trouble.HANGS, Trouble.CLOSES, Trouble.BREAKS, Trouble.REFUSES])
    async def test_telling_without_an_answer_is_told_again(self, owners: MerchantStand, trouble: Trouble) -> None:
        async with owners.troubled_owner(trouble) as owner:
            with pytest.raises(Unavailable):
                await owner.record_payment(booking("inv-1"))


class TestListing:
    async def told(self, owners: MerchantStand) -> list[Item]:
        listed = owners.owner.events_since("generic", day(1))
        assert listed is not None
        return [item async for item in listed]

    async def test_events_come_page_by_page_as_the_generic_source_reads_them(self, owners: MerchantStand) -> None:
        owners.server.events = [event(number) for number in range(6)]
        items = await self.told(owners)
        assert [item.event_key for item in items] == [f"billing.example evt-{number}" for number in range(1, 6)]
        said = GenericSpeaker().normalise(items[0].body, "row-1")
        assert isinstance(said, Addressed)
        assert isinstance(said.event, PaymentFailed)

    async def test_what_is_no_event_becomes_a_dead_letter_and_holds_nothing_up(self, owners: MerchantStand) -> None:
        owners.server.events = [event(1), {"time": day(2).isoformat()}, 7, event(3)]
        items = await self.told(owners)
        assert len(items) == 4
        assert isinstance(GenericSpeaker().normalise(items[1].body, "row-1"), Unreadable)

    async def test_no_list_is_an_empty_one(self, owners: MerchantStand) -> None:
        owners.server.keeps_events = False
        assert await self.told(owners) == []

    async def test_a_list_that_never_ends_is_refused(self, owners: MerchantStand) -> None:
        owners.server.answers["/billing/events"] = {"events": [], "next": "same"}
        with pytest.raises(Misconfigured):
            await self.told(owners)

    async def test_other_sources_have_no_list_here(self, owners: MerchantStand) -> None:
        assert owners.owner.events_since("adyen", START) is None
