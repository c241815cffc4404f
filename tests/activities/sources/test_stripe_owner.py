import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from activities.errors import Misconfigured
from activities.gateways.accounts import StripeAccount
from activities.gateways.contract import GatewayCharge
from activities.gateways.stripe import StripeGateway
from activities.sources.contract import Addressed, CloseOut, Owner, PaymentElsewhere
from activities.sources.stripe import StripeSpeaker
from activities.sources.stripe_owner import ASKED_FOR, WINDOW, StripeOwner
from policies.declines import Category
from policies.instruments import Network
from policies.invoices import InvoiceStatus
from policies.money import Money
from tests.activities.gateways.stripe_server import KEY, LocalStripe, local_stripe
from tests.activities.gateways.stripe_world import Thing
from tests.activities.sources.contract import OwnerContract
from tests.fixtures.sandbox import START, day
from tests.fixtures.troubled import Trouble, troubled

HOUR = timedelta(hours=1)


class StripeOwnerStand:
    def __init__(self, stripe: LocalStripe, session: aiohttp.ClientSession) -> None:
        self.stripe, self.session, self.world = stripe, session, stripe.world
        self.owner: Owner = StripeOwner(stripe.account(), session)

    async def failed_invoice(self) -> str:
        invoice = self.failed()
        invoice_id: str = invoice["id"]
        return invoice_id

    def failed(self, behaves: str = "insufficient_funds") -> Thing:
        customer = self.world.customer()
        invoice = self.world.invoice(customer)
        self.world.pay(invoice, self.world.card(customer, behaves))
        return invoice

    async def pay(self, invoice_id: str) -> None:
        self.paid(invoice_id)

    def paid(self, invoice_id: str) -> Thing:
        """By the customer, with another card."""
        invoice = self.world.things[invoice_id]
        self.world.pay(invoice, self.world.card(self.world.things[invoice["customer"]], default=False))
        return self.world.charges_of(invoice)[0]

    async def void(self, invoice_id: str) -> None:
        self.world.end(self.world.things[invoice_id], "void")

    async def dispute(self, invoice_id: str) -> None:
        self.world.dispute(self.paid(invoice_id))

    async def payment_of(self, invoice_id: str) -> str:
        payment_id: str = self.world.intent_of(self.world.things[invoice_id])["id"]
        return payment_id

    @asynccontextmanager
    async def troubled_owner(self, trouble: Trouble) -> AsyncIterator[Owner]:
        async with troubled(trouble) as url:
            account = StripeAccount.model_validate({"api_key": KEY, "base_url": url, "timeout_seconds": 1.0})
            yield StripeOwner(account, self.session)


def elsewhere(invoice: Thing, amount: int) -> PaymentElsewhere:
    return PaymentElsewhere(
        key="att_elsewhere",
        invoice_id=invoice["id"],
        amount=Money(amount_minor=amount, currency="EUR"),
        gateway="elsewhere",
        reference="psp_1",
        at=day(1),
    )


@pytest.fixture
async def owners() -> AsyncIterator[StripeOwnerStand]:
    async with local_stripe() as stripe, aiohttp.ClientSession() as session:
        yield StripeOwnerStand(stripe, session)


class TestStripeOwner(OwnerContract):
    async def test_the_invoice_says_who_pays_with_what_and_for_what(self, owners: StripeOwnerStand) -> None:
        invoice = owners.failed()
        invoice["next_payment_attempt"] = int(day(3).timestamp())
        now = await owners.owner.invoice_now(invoice["id"], day(1))
        assert now.customer_id == invoice["customer"]
        assert (now.instrument.network, now.instrument.country) == (Network.VISA, "DE")
        assert now.subscription_id == invoice["parent"]["subscription_details"]["subscription"]
        assert now.plan_interval == "month"
        assert now.retries_at == day(3)
        assert not now.first_payment
        assert not now.collected_manually

    async def test_first_payments_and_bills_sent_by_hand_are_told(self, owners: StripeOwnerStand) -> None:
        invoice = owners.failed()
        invoice.update(billing_reason="subscription_create", collection_method="send_invoice")
        now = await owners.owner.invoice_now(invoice["id"], START)
        assert now.first_payment
        assert now.collected_manually

    @pytest.mark.parametrize("said_by", ["invoice", "subscription", "customer"])
    async def test_an_invoice_that_nobody_tried_is_charged_to_the_nearest_default(
        self, owners: StripeOwnerStand, said_by: str
    ) -> None:
        customer = owners.world.customer()
        invoice = owners.world.invoice(customer)
        owners.world.card(customer)
        subscription = owners.world.things[invoice["parent"]["subscription_details"]["subscription"]]
        expected = customer["invoice_settings"]["default_payment_method"]
        if said_by != "customer":
            expected = owners.world.card(customer, default=False)["id"]
            (invoice if said_by == "invoice" else subscription)["default_payment_method"] = expected
        assert (await owners.owner.invoice_now(invoice["id"], START)).credential_id == expected

    async def test_our_own_attempts_are_left_out_and_all_others_are_told(self, owners: StripeOwnerStand) -> None:
        invoice = owners.failed()
        (theirs,) = owners.world.charges_of(invoice)
        credential_id = theirs["payment_method"]
        await StripeGateway(owners.stripe.account(), owners.session).charge(
            GatewayCharge(
                key="att_1",
                invoice_id=invoice["id"],
                credential_id=credential_id,
                amount=Money(amount_minor=2900, currency="EUR"),
                now=START,
            )
        )
        later = owners.paid(invoice["id"])
        now = await owners.owner.invoice_now(invoice["id"], day(1))
        assert len(owners.world.charges_of(invoice)) == 3
        assert {seen.key for seen in now.attempts} == {theirs["id"], later["id"]}

    async def test_every_page_of_attempts_is_read(self, owners: StripeOwnerStand) -> None:
        invoice = owners.failed()
        card = owners.world.things[owners.world.charges_of(invoice)[0]["payment_method"]]
        for _ in range(149):
            owners.world.pay(invoice, card)
        assert len((await owners.owner.invoice_now(invoice["id"], day(1))).attempts) == 150

    async def test_a_payment_that_waits_for_the_customer_says_so(self, owners: StripeOwnerStand) -> None:
        customer = owners.world.customer()
        invoice = owners.world.invoice(customer)
        owners.world.pay(invoice, owners.world.card(customer, "requires_action"), off_session=False)
        now = await owners.owner.invoice_now(invoice["id"], START)
        assert now.last_decline is not None
        assert now.last_decline.category is Category.AUTHENTICATION_REQUIRED

    async def test_money_given_back_is_refunded(self, owners: StripeOwnerStand) -> None:
        invoice_id = await owners.failed_invoice()
        owners.paid(invoice_id)["refunded"] = True
        assert (await owners.owner.invoice_now(invoice_id, day(1))).status is InvoiceStatus.REFUNDED

    @pytest.mark.parametrize("status", ["won", "lost", "warning_needs_response"])
    async def test_a_dispute_that_is_over_or_only_an_inquiry_is_not_open(
        self, owners: StripeOwnerStand, status: str
    ) -> None:
        invoice_id = await owners.failed_invoice()
        owners.world.dispute(owners.paid(invoice_id), status)
        assert not (await owners.owner.invoice_now(invoice_id, day(1))).dispute_open

    async def test_a_charge_leads_to_its_invoice_too(self, owners: StripeOwnerStand) -> None:
        invoice = owners.failed()
        (charge,) = owners.world.charges_of(invoice)
        assert await owners.owner.invoice_of_payment(charge["id"]) == invoice["id"]
        assert await owners.owner.invoice_of_payment("ch_nobody_has") is None

    async def test_a_customer_keeps_their_language_and_place(self, owners: StripeOwnerStand) -> None:
        known = await owners.owner.customer(owners.world.customer()["id"])
        assert known is not None
        assert (known.locale, known.country, known.since) == ("de", "DE", START)
        assert await owners.owner.customer(owners.world.customer(deleted=True)["id"]) is None

    async def test_a_part_that_came_another_way_is_booked_once_and_the_rest_stays_owed(
        self, owners: StripeOwnerStand
    ) -> None:
        invoice = owners.failed()
        await owners.owner.record_payment(elsewhere(invoice, 1000))
        owners.stripe.forget_keys()
        await owners.owner.record_payment(elsewhere(invoice, 1000))
        now = await owners.owner.invoice_now(invoice["id"], day(1))
        assert now.status is InvoiceStatus.OPEN
        assert now.due == Money(amount_minor=1900, currency="EUR")
        (record,) = owners.world.all("payment_record")
        assert record["processor_details"]["custom"]["payment_reference"] == "psp_1"

    @pytest.mark.parametrize(("amount", "status"), [(3000, "open"), (2900, "void")])
    async def test_money_that_cannot_be_booked_is_left_to_a_person(
        self, owners: StripeOwnerStand, amount: int, status: str
    ) -> None:
        invoice = owners.failed()
        invoice["status"] = status
        with pytest.raises(Misconfigured):
            await owners.owner.record_payment(elsewhere(invoice, amount))
        assert invoice["amount_remaining"] == 2900

    async def test_an_invoice_that_was_paid_is_not_given_up(self, owners: StripeOwnerStand) -> None:
        invoice_id = await owners.failed_invoice()
        await owners.pay(invoice_id)
        ending = CloseOut(at=START, key="end_1", invoice_id=invoice_id, subscription_id=None, how="mark_uncollectible")
        await owners.owner.close_out(ending)
        assert (await owners.owner.invoice_now(invoice_id, day(1))).status is InvoiceStatus.PAID
        with pytest.raises(Misconfigured):
            await owners.owner.close_out(ending.model_copy(update={"how": "cancel_subscription"}))


class TestEvents:
    """What came meanwhile."""

    async def test_events_come_oldest_first_over_pages_and_windows(self, owners: StripeOwnerStand) -> None:
        invoice = owners.failed()
        now = int(datetime.now(UTC).timestamp())
        for age in range(250, 0, -1):
            owners.world.event("invoice.paid", invoice, now - age * 600)
        told = owners.owner.events_since("stripe", datetime.now(UTC) - 7 * WINDOW)
        assert told is not None
        times = [json.loads(item.body)["created"] async for item in told]
        assert times == sorted(times)
        assert len(times) == 250

    async def test_an_event_reads_as_if_it_had_been_sent(self, owners: StripeOwnerStand) -> None:
        invoice = owners.failed()
        event = owners.world.event("invoice.paid", invoice, int(datetime.now(UTC).timestamp()) - 60)
        told = owners.owner.events_since("stripe", datetime.now(UTC) - HOUR)
        assert told is not None
        (item,) = [item async for item in told]
        assert item.event_key == event["id"]
        read = StripeSpeaker().normalise(item.body, "row-1")
        assert isinstance(read, Addressed)
        assert read.event.invoice_id == invoice["id"]

    async def test_only_what_the_speaker_understands_is_asked_for(self, owners: StripeOwnerStand) -> None:
        about = owners.failed()
        for kind in ("invoice.upcoming", "customer.updated"):
            owners.world.event(kind, about, int(datetime.now(UTC).timestamp()) - 60)
        told = owners.owner.events_since("stripe", datetime.now(UTC) - timedelta(days=365))
        assert told is not None
        assert [json.loads(item.body)["type"] async for item in told] == ["customer.updated"]

    def test_stripe_takes_so_many_types_in_one_question(self) -> None:
        assert len(ASKED_FOR) <= 20

    async def test_another_source_has_no_list_here(self, owners: StripeOwnerStand) -> None:
        assert owners.owner.events_since("recurly", START) is None
