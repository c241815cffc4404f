"""The owner with the vendor's own client against a local server that speaks its API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from activities.errors import Misconfigured
from activities.sources.braintree_owner import BraintreeOwner
from activities.sources.contract import CloseOut, Owner
from activities.threads import Threads
from policies.declines import Category
from policies.instruments import Network
from policies.invoices import InvoiceStatus
from policies.money import Money
from tests.activities.gateways.braintree_server import BraintreeServer
from tests.activities.gateways.braintree_stand import account
from tests.activities.gateways.braintree_world import PRICE, Method, Subscription
from tests.activities.gateways.braintree_xml import Items
from tests.activities.sources.contract import OwnerContract
from tests.fixtures.sandbox import START, day
from tests.fixtures.troubled import Trouble, troubled

KEY = "att_0123456789abcdef0123456789abcdef01234567"
OPEN, PAID = InvoiceStatus.OPEN, InvoiceStatus.PAID


@asynccontextmanager
async def owner_at(url: str, **settings: Any) -> AsyncIterator[BraintreeOwner]:
    threads = Threads("braintree", count=2)
    owner = BraintreeOwner(account(url, **settings), threads)
    try:
        yield owner
    finally:
        owner.close()
        threads.close()


class BraintreeStand:
    def __init__(self, server: BraintreeServer, owner: BraintreeOwner) -> None:
        self.server = server
        self.world = server.world
        self.owner: Owner = owner

    async def failed_invoice(self, **more: Any) -> str:
        number = len(self.world.subscriptions) + 1
        subscription = self.world.past_due(Method(f"card_{number}", f"customer_{number}"), **more)
        return f"{subscription.id}.2026-03-02"

    def subscription(self, invoice_id: str) -> Subscription:
        return self.world.subscriptions[invoice_id.partition(".")[0]]

    async def pay(self, invoice_id: str) -> None:
        self.charge(invoice_id)

    def charge(self, invoice_id: str, amount: Decimal = PRICE, **behaves: Any) -> dict[str, Any]:
        subscription = self.subscription(invoice_id)
        method = self.world.add(Method("another", subscription.customer_id, **behaves))
        return self.world.transact(method, amount, subscription)

    async def void(self, invoice_id: str) -> None:
        """The next period has come, and what is owed went into its claim."""
        subscription = self.subscription(invoice_id)
        self.world.now = datetime(2026, 4, 2, 9, tzinfo=UTC)
        subscription.period, subscription.balance = date(2026, 4, 2), 2 * PRICE
        self.charge(invoice_id, 2 * PRICE, status="processor_declined", code="2001")

    async def dispute(self, invoice_id: str) -> None:
        self.disputed(invoice_id)

    def disputed(self, invoice_id: str, status: str = "open", kind: str = "chargeback") -> None:
        dispute = {"id": "dispute1", "status": status, "kind": kind, "amount": PRICE}
        self.charge(invoice_id)["disputes"] = Items("dispute", [dispute])

    async def payment_of(self, invoice_id: str) -> str:
        payment: str = self.subscription(invoice_id).transactions[0]["id"]
        return payment

    @asynccontextmanager
    async def troubled_owner(self, trouble: Trouble) -> AsyncIterator[Owner]:
        async with troubled(trouble) as url, owner_at(url, timeout_seconds=0.5) as owner:
            yield owner


@pytest.fixture
async def owners() -> AsyncIterator[BraintreeStand]:
    async with BraintreeServer().running() as server, owner_at(server.url) as owner:
        yield BraintreeStand(server, owner)


class TestBraintreeOwner(OwnerContract):
    async def test_everything_else_a_claim_tells(self, owners: BraintreeStand) -> None:
        invoice_id = await owners.failed_invoice()
        invoice = await owners.owner.invoice_now(invoice_id, START)
        subscription = owners.subscription(invoice_id)
        assert invoice.customer_id == subscription.customer_id
        assert invoice.subscription_id == subscription.id
        assert invoice.credential_id == subscription.payment_method_token
        assert (invoice.gateway, invoice.plan_interval) == ("braintree", "month")
        assert invoice.retries_at == datetime(2026, 3, 5, tzinfo=UTC), "Braintree's own next try"
        assert invoice.changed_at == START
        assert not invoice.first_payment
        assert (invoice.instrument.network, invoice.instrument.country) == (Network.MASTERCARD, "DE")

    @pytest.mark.parametrize(("cycle", "first"), [(0, True), (1, True), (2, False)])
    async def test_a_subscription_that_never_was_paid_owes_its_first_payment(
        self, owners: BraintreeStand, cycle: int, first: bool
    ) -> None:
        invoice_id = await owners.failed_invoice(never_paid=True, cycle=cycle)
        assert (await owners.owner.invoice_now(invoice_id, START)).first_payment is first

    async def test_a_claim_without_a_period_is_that_of_the_current_one(self, owners: BraintreeStand) -> None:
        invoice_id = await owners.failed_invoice()
        named = await owners.owner.invoice_now(invoice_id, START)
        assert await owners.owner.invoice_now(owners.subscription(invoice_id).id, START) == named

    async def test_a_part_that_somebody_collected_closes_the_whole_claim_at_braintree(
        self, owners: BraintreeStand
    ) -> None:
        invoice_id = await owners.failed_invoice()
        owners.charge(invoice_id, Decimal("10.00"))
        invoice = await owners.owner.invoice_now(invoice_id, day(1))
        assert (invoice.status, invoice.due.amount_minor) == (PAID, 0)

    async def test_the_newer_claim_owes_what_the_older_one_left(self, owners: BraintreeStand) -> None:
        invoice_id = await owners.failed_invoice()
        await owners.void(invoice_id)
        newer = f"{owners.subscription(invoice_id).id}.2026-04-02"
        invoice = await owners.owner.invoice_now(newer, day(31))
        assert (invoice.status, invoice.due) == (OPEN, Money(amount_minor=5800, currency="EUR"))
        assert invoice.failed_at == datetime(2026, 4, 2, 9, tzinfo=UTC)
        await owners.pay(invoice_id)
        owners.subscription(invoice_id).status = "Active"
        assert (await owners.owner.invoice_now(invoice_id, day(32))).status is PAID
        assert (await owners.owner.invoice_now(newer, day(32))).status is PAID

    async def test_everybody_s_attempts_are_told_but_those_that_carry_our_key(self, owners: BraintreeStand) -> None:
        invoice_id = await owners.failed_invoice()
        refuses: dict[str, Any] = {"status": "processor_declined", "code": "2000"}
        by_hand = owners.charge(invoice_id, **refuses)
        owners.charge(invoice_id, **refuses)["order_id"] = KEY
        owners.charge(invoice_id, status="authorizing")
        invoice = await owners.owner.invoice_now(invoice_id, day(1))
        assert [(seen.key, seen.actor) for seen in invoice.attempts] == [
            (await owners.payment_of(invoice_id), "gateway"),
            (by_hand["id"], "staff"),
        ]
        assert invoice.last_decline is not None
        assert invoice.last_decline.category is Category.DO_NOT_HONOR

    async def test_attempts_at_other_periods_are_not_this_claim_s(self, owners: BraintreeStand) -> None:
        invoice_id = await owners.failed_invoice()
        await owners.void(invoice_id)
        assert len((await owners.owner.invoice_now(invoice_id, day(31))).attempts) == 1

    @pytest.mark.parametrize("status", ["Canceled", "Expired"])
    async def test_a_subscription_that_ended_owes_nothing_more(self, owners: BraintreeStand, status: str) -> None:
        invoice_id = await owners.failed_invoice()
        owners.subscription(invoice_id).status = status
        invoice = await owners.owner.invoice_now(invoice_id, day(1))
        assert (invoice.status, invoice.due.amount_minor) == (InvoiceStatus.CANCELLED, 0)
        assert invoice.retries_at is None

    async def test_a_period_that_was_paid_stays_paid_when_the_subscription_ends(self, owners: BraintreeStand) -> None:
        invoice_id = await owners.failed_invoice()
        await owners.pay(invoice_id)
        owners.subscription(invoice_id).status = "Canceled"
        assert (await owners.owner.invoice_now(invoice_id, day(1))).status is PAID

    @pytest.mark.parametrize(
        ("refunded", "refund_status", "status"),
        [
            ("29.00", "settled", InvoiceStatus.REFUNDED),
            ("28.99", "settled", PAID),
            ("29.00", "processor_declined", PAID),
            (None, "settled", PAID),
        ],
    )
    async def test_only_what_went_back_whole_is_refunded(
        self, owners: BraintreeStand, refunded: str | None, refund_status: str, status: InvoiceStatus
    ) -> None:
        invoice_id = await owners.failed_invoice()
        payment = owners.charge(invoice_id)
        if refunded:
            refund = owners.world.transact(Method("x", "y"), Decimal(refunded))
            refund["type"], refund["status"] = "credit", refund_status
            payment["refund_ids"] = Items("item", [refund["id"]])
        assert (await owners.owner.invoice_now(invoice_id, day(1))).status is status

    async def test_a_bank_debit_that_came_back_is_owed_again(self, owners: BraintreeStand) -> None:
        invoice_id = await owners.failed_invoice()
        debit = owners.charge(invoice_id, status="settlement_pending", bank=True)
        assert (await owners.owner.invoice_now(invoice_id, day(1))).status is PAID
        debit["status"], debit["processor_settlement_response_code"] = "settlement_declined", "4001"
        invoice = await owners.owner.invoice_now(invoice_id, day(4))
        assert (invoice.status, invoice.due) == (OPEN, Money(amount_minor=2900, currency="EUR"))
        assert invoice.last_decline is not None
        assert invoice.last_decline.code == "4001"

    @pytest.mark.parametrize(
        ("status", "kind", "runs"),
        [("under_review", "chargeback", True), ("won", "chargeback", False), ("open", "retrieval", False)],
    )
    async def test_a_dispute_that_ended_and_an_inquiry_are_no_open_dispute(
        self, owners: BraintreeStand, status: str, kind: str, runs: bool
    ) -> None:
        invoice_id = await owners.failed_invoice()
        owners.disputed(invoice_id, status, kind)
        assert (await owners.owner.invoice_now(invoice_id, day(1))).dispute_open is runs

    async def test_past_due_without_any_payment_still_names_customer_and_currency(self, owners: BraintreeStand) -> None:
        """Braintree could not even make a transaction."""
        invoice_id = await owners.failed_invoice()
        subscription = owners.subscription(invoice_id)
        subscription.transactions.clear()
        invoice = await owners.owner.invoice_now(invoice_id, day(1))
        assert (invoice.customer_id, invoice.due) == (
            subscription.customer_id,
            Money(amount_minor=2900, currency="EUR"),
        )

    async def test_a_sale_outside_of_subscriptions_pays_no_claim(self, owners: BraintreeStand) -> None:
        sale = owners.world.transact(Method("x", "y"), PRICE)
        assert await owners.owner.invoice_of_payment(sale["id"]) is None

    async def test_what_has_ended_is_not_cancelled_again(self, owners: BraintreeStand) -> None:
        invoice_id = await owners.failed_invoice()
        owners.subscription(invoice_id).status = "Expired"
        ending = CloseOut(at=START, key="end", invoice_id=invoice_id, subscription_id=None, how="cancel_subscription")
        await owners.owner.close_out(ending)
        assert owners.subscription(invoice_id).status == "Expired"

    async def test_cancelling_what_another_hand_cancels_at_the_same_moment_is_harmless(
        self, owners: BraintreeStand
    ) -> None:
        invoice_id = await owners.failed_invoice()
        owners.server.somebody_is_faster = "Canceled"
        ending = CloseOut(at=START, key="end", invoice_id=invoice_id, subscription_id=None, how="cancel_subscription")
        await owners.owner.close_out(ending)

    async def test_there_is_no_list_of_notifications(self, owners: BraintreeStand) -> None:
        assert owners.owner.events_since("braintree", START) is None


async def test_a_wrong_key_is_our_fault(owners: BraintreeStand) -> None:
    async with BraintreeServer().running() as server, owner_at(server.url, private_key="another") as owner:
        with pytest.raises(Misconfigured):
            await owner.invoice_now("sub1.2026-03-02", START)
