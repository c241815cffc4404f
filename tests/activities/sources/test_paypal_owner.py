"""PayPal as owner, against a local server that speaks its API (tests/activities/gateways/paypal_server.py)."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from activities.errors import Misconfigured, NotFound
from activities.sources.contract import CloseOut, Owner, PaymentElsewhere
from activities.sources.paypal_owner import PayPalOwner
from policies.instruments import Network, PaymentType
from policies.invoices import InvoiceStatus
from policies.money import Money
from tests.activities.gateways.paypal_server import (
    PayPalWorld,
    later,
    money,
    paypal_server,
    stamp,
    troubled_after_login,
)
from tests.activities.gateways.test_paypal import account
from tests.activities.sources.contract import OwnerContract, OwnerStand
from tests.fixtures.sandbox import START, day
from tests.fixtures.troubled import Trouble

EUR_29 = Money(amount_minor=2900, currency="EUR")


class PayPalOwnerStand:
    def __init__(self, world: PayPalWorld, owner: PayPalOwner) -> None:
        self.world = world
        self.owner: Owner = owner

    async def failed_invoice(self) -> str:
        subscription_id = self.world.subscription()
        self.world.fail(subscription_id, START, "5120")
        return subscription_id

    async def pay(self, invoice_id: str) -> None:
        self.world.pay(invoice_id, "COMPLETED", "29.00", day(2))
        self.world.settle(invoice_id, day(2))

    async def void(self, invoice_id: str) -> None:
        """The merchant lowers the balance at PayPal."""
        self.world.subscriptions[invoice_id]["billing_info"]["outstanding_balance"] = money("0.00")

    async def dispute(self, invoice_id: str) -> None:
        paid = self.world.pay(invoice_id, "COMPLETED", "29.00", day(-30))
        self.world.disputes[paid["id"]] = [{"status": "UNDER_REVIEW", "dispute_life_cycle_stage": "CHARGEBACK"}]

    async def payment_of(self, invoice_id: str) -> str:
        payment_id: str = self.world.listed[invoice_id][0]["id"]
        return payment_id

    @asynccontextmanager
    async def troubled_owner(self, trouble: Trouble) -> AsyncIterator[Owner]:
        async with troubled_after_login(trouble) as url, aiohttp.ClientSession() as session:
            yield PayPalOwner(account(url, timeout_seconds=0.5), session)


@pytest.fixture
async def owners() -> AsyncIterator[PayPalOwnerStand]:
    world = PayPalWorld()
    async with paypal_server(world) as url, aiohttp.ClientSession() as session:
        yield PayPalOwnerStand(world, PayPalOwner(account(url), session))


class TestPayPalOwner(OwnerContract):
    async def test_money_that_came_another_way_is_booked_once(self, owners: OwnerStand) -> None:
        """PayPal knows no reason of a lowered balance: what was booked and what was forgiven look alike, so the claim
        is void afterwards instead of paid. All else is the contract's."""
        invoice_id = await owners.failed_invoice()
        await owners.owner.record_payment(elsewhere(invoice_id))
        await owners.owner.record_payment(elsewhere(invoice_id))
        invoice = await owners.owner.invoice_now(invoice_id, day(2))
        assert invoice.status is InvoiceStatus.VOID
        assert invoice.due.amount_minor == 0


def elsewhere(invoice_id: str, minor: int = 2900) -> PaymentElsewhere:
    amount = Money(amount_minor=minor, currency="EUR")
    return PaymentElsewhere(
        key="att_1", invoice_id=invoice_id, amount=amount, gateway="stripe", reference="pi_1", at=day(1)
    )


async def test_a_part_of_the_balance_cannot_be_booked(owners: PayPalOwnerStand) -> None:
    invoice_id = await owners.failed_invoice()
    with pytest.raises(Misconfigured):
        await owners.owner.record_payment(elsewhere(invoice_id, 1000))
    assert (await owners.owner.invoice_now(invoice_id, day(1))).due == EUR_29


async def test_what_paypal_itself_still_retries_is_open_and_says_when(owners: PayPalOwnerStand) -> None:
    invoice_id = await owners.failed_invoice()
    billing = owners.world.subscriptions[invoice_id]["billing_info"]
    billing["outstanding_balance"] = money("0.00")
    billing["last_failed_payment"]["next_payment_retry_time"] = stamp(day(5))
    invoice = await owners.owner.invoice_now(invoice_id, day(1))
    assert (invoice.status, invoice.due, invoice.retries_at) == (InvoiceStatus.OPEN, EUR_29, day(5))
    with pytest.raises(Misconfigured):
        await owners.owner.record_payment(elsewhere(invoice_id))


async def test_a_balance_that_goes_with_the_next_payment_says_when(owners: PayPalOwnerStand) -> None:
    invoice_id = await owners.failed_invoice()
    owed = owners.world.subscriptions[invoice_id]
    owed["billing_info"]["next_billing_time"] = stamp(day(20))
    assert (await owners.owner.invoice_now(invoice_id, day(1))).retries_at is None
    owed["plan"]["payment_preferences"] = {"auto_bill_outstanding": True}
    invoice = await owners.owner.invoice_now(invoice_id, day(1))
    assert (invoice.retries_at, invoice.plan_interval) == (day(20), "month")
    owed["status"] = "SUSPENDED"
    assert (await owners.owner.invoice_now(invoice_id, day(1))).retries_at is None


async def test_a_subscription_that_never_started_owes_nothing(owners: PayPalOwnerStand) -> None:
    invoice_id = owners.world.subscription("29.00", status="APPROVAL_PENDING")
    assert (await owners.owner.invoice_now(invoice_id, START)).status is InvoiceStatus.VOID


async def test_a_refusal_without_a_transaction_is_seen_too(owners: PayPalOwnerStand) -> None:
    invoice_id = owners.world.subscription()
    failed = {"amount": money("29.00"), "time": stamp(START), "reason_code": "PAYER_CANNOT_PAY"}
    owners.world.subscriptions[invoice_id]["billing_info"]["last_failed_payment"] = failed
    invoice = await owners.owner.invoice_now(invoice_id, day(1))
    (seen,) = invoice.attempts
    assert seen.decline == invoice.last_decline
    assert seen.decline is not None
    assert seen.decline.code == "PAYER_CANNOT_PAY"


async def test_attempts_of_all_pages_are_told_and_pending_ones_are_not(owners: PayPalOwnerStand) -> None:
    invoice_id = await owners.failed_invoice()
    owners.world.pay(invoice_id, "PENDING", "29.00", later(1))
    for hours in (-100, -50, -10):
        owners.world.pay(invoice_id, "COMPLETED", "29.00", later(hours))
    invoice = await owners.owner.invoice_now(invoice_id, day(1))
    assert [each.at for each in invoice.attempts] == [later(-100), later(-50), later(-10), START]
    assert [each.decline is None for each in invoice.attempts] == [True, True, True, False]


async def test_a_subscription_paid_by_card_is_one(owners: PayPalOwnerStand) -> None:
    invoice_id = await owners.failed_invoice()
    assert (await owners.owner.invoice_now(invoice_id, START)).instrument.payment_type is PaymentType.WALLET
    owners.world.subscriptions[invoice_id]["subscriber"]["payment_source"] = {"card": {"brand": "VISA"}}
    instrument = (await owners.owner.invoice_now(invoice_id, START)).instrument
    assert (instrument.payment_type, instrument.network) == (PaymentType.CARD, Network.VISA)


@pytest.mark.parametrize(
    "dispute",
    [
        {"status": "RESOLVED", "dispute_life_cycle_stage": "CHARGEBACK"},
        {"status": "OPEN", "dispute_life_cycle_stage": "INQUIRY"},
    ],
)
async def test_inquiries_and_what_is_over_are_no_open_disputes(
    owners: PayPalOwnerStand, dispute: dict[str, str]
) -> None:
    invoice_id = await owners.failed_invoice()
    paid = owners.world.pay(invoice_id, "COMPLETED", "29.00", day(-30))
    owners.world.disputes[paid["id"]] = [dispute]
    assert not (await owners.owner.invoice_now(invoice_id, START)).dispute_open


async def test_a_payment_outside_of_subscriptions_leads_to_the_merchant_s_number(owners: PayPalOwnerStand) -> None:
    owners.world.captures["3C6"] = {"id": "3C6", "status": "COMPLETED", "invoice_id": "in_7"}
    owners.world.sales["3C7"] = {"id": "3C7", "billing_agreement_id": "B-1"}
    assert await owners.owner.invoice_of_payment("3C6") == "in_7"
    assert await owners.owner.invoice_of_payment("3C7") is None


async def test_closing_what_nobody_has_is_not_found(owners: PayPalOwnerStand) -> None:
    ending = CloseOut(key="end_1", invoice_id="I-NOBODY", subscription_id=None, how="cancel_subscription", at=START)
    with pytest.raises(NotFound):
        await owners.owner.close_out(ending)


async def test_missed_events_come_oldest_first_over_all_pages_and_only_to_our_own_host(
    owners: PayPalOwnerStand,
) -> None:
    now = datetime.now(UTC)
    ages = [1, 2, 3, 30, 31, 32, 33, 60, 24 * 40]
    for hours in ages:
        at = stamp(now - timedelta(hours=hours))
        owners.world.events.append({"id": f"WH-{hours}", "event_type": "PAYMENT.SALE.COMPLETED", "create_time": at})
    told = owners.owner.events_since("paypal", now - timedelta(days=90))
    assert told is not None
    items = [item async for item in told]
    assert [item.event_key for item in items] == [f"WH-{hours}" for hours in (60, 33, 32, 31, 30, 3, 2, 1)]
    assert json.loads(items[0].body) == owners.world.events[-2]
    assert owners.owner.events_since("stripe", now) is None
