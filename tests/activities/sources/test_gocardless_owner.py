import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.errors import Misconfigured, NotFound
from activities.gateways.contract import GatewayCharge, Pending
from activities.gateways.gocardless import GoCardlessGateway
from activities.sources.contract import Addressed, CloseOut, Owner
from activities.sources.gocardless import GoCardlessSpeaker
from activities.sources.gocardless_owner import GoCardlessOwner
from activities.threads import Threads
from policies.declines import Category
from policies.events import PaymentFailed
from policies.instruments import Network, PaymentType
from policies.invoices import InvoiceStatus
from policies.money import Money
from tests.activities.gateways.gocardless_server import GoCardlessServer, running_gocardless
from tests.activities.gateways.gocardless_stand import account_at
from tests.activities.sources.contract import OwnerContract
from tests.fixtures.sandbox import START, day
from tests.fixtures.troubled import Trouble, troubled

KEY = "att_" + "1" * 40


class GoCardlessOwners:
    def __init__(self, server: GoCardlessServer, threads: Threads) -> None:
        self.server = server
        self.threads = threads
        self.owner: Owner = GoCardlessOwner(account_at(server.url), threads)

    async def failed_invoice(self) -> str:
        return str(self.failed()["id"])

    async def pay(self, invoice_id: str) -> None:
        self.server.settle(invoice_id, "resubmission_requested")
        self.server.settle(invoice_id, "confirmed", cause="payment_confirmed")

    async def void(self, invoice_id: str) -> None:
        self.server.settle(invoice_id, "cancelled", cause="payment_cancelled")

    async def dispute(self, invoice_id: str) -> None:
        self.server.settle(invoice_id, "charged_back", cause="authorisation_disputed", reason_code="MD06")

    async def payment_of(self, invoice_id: str) -> str:
        return invoice_id

    @asynccontextmanager
    async def troubled_owner(self, trouble: Trouble) -> AsyncIterator[Owner]:
        async with troubled(trouble) as url:
            yield GoCardlessOwner(account_at(url, 0.5), self.threads)

    def failed(self, **fields: Any) -> dict[str, Any]:
        """Of a subscription. Its failure stands at `START` itself, where the server counts milliseconds on."""
        mandate = self.server.mandate()
        links = {"mandate": mandate["id"]}
        plan = self.server.keep("subscriptions", "SB", status="active", interval_unit="monthly", links=links)
        payment = self.server.failed_payment(mandate, links={"subscription": plan["id"]}, **fields)
        list(self.server.kept["events"].values())[-1]["created_at"] = "2026-03-02T09:00:00.000Z"
        return payment

    async def charged(self, payment: dict[str, Any], mandate: dict[str, Any] | None = None) -> str:
        """By our gateway; the payment that it made or retried."""
        charge = GatewayCharge(
            key=KEY,
            invoice_id=payment["id"],
            credential_id=mandate["id"] if mandate else payment["links"]["mandate"],
            amount=Money(amount_minor=payment["amount"], currency="EUR"),
            now=START,
        )
        outcome = await GoCardlessGateway(account_at(self.server.url), self.threads).charge(charge)
        assert isinstance(outcome, Pending)
        return outcome.reference

    def mandate_beside(self, payment: dict[str, Any]) -> dict[str, Any]:
        """Another one of the same customer."""
        mandate = self.server.kept["mandates"][payment["links"]["mandate"]]
        return self.server.mandate(self.server.kept["customers"][mandate["links"]["customer"]])


@pytest.fixture
async def owners() -> AsyncIterator[GoCardlessOwners]:
    threads = Threads("gocardless")
    async with running_gocardless() as server:
        yield GoCardlessOwners(server, threads)
    threads.close()


class TestGoCardlessOwner(OwnerContract):
    pass


class TestTheClaim:
    async def test_it_says_from_what_it_is_taken(self, owners: GoCardlessOwners) -> None:
        payment = owners.failed()
        invoice = await owners.owner.invoice_now(payment["id"], START)
        mandate = owners.server.kept["mandates"][payment["links"]["mandate"]]
        assert invoice.customer_id == mandate["links"]["customer"]
        assert invoice.subscription_id == payment["links"]["subscription"]
        assert (invoice.gateway, invoice.plan_interval) == ("gocardless", "month")
        assert (invoice.instrument.payment_type, invoice.instrument.network) == (PaymentType.BANK_DEBIT, Network.SEPA)
        assert (invoice.instrument.country, invoice.instrument.issuer) == ("DE", "BANK OF TESTS")
        assert invoice.instrument.fingerprint == mandate["links"]["customer_bank_account"]

    async def test_a_payment_on_another_mandate_pays_it_once_it_is_collected(self, owners: GoCardlessOwners) -> None:
        payment = owners.failed()
        created = await owners.charged(payment, owners.mandate_beside(payment))
        waiting = await owners.owner.invoice_now(payment["id"], day(1))
        assert (waiting.status, waiting.due.amount_minor) == (InvoiceStatus.OPEN, 2900)
        owners.server.settle(created, "confirmed", cause="payment_confirmed")
        paid = await owners.owner.invoice_now(payment["id"], day(2))
        assert (paid.status, paid.due.amount_minor) == (InvoiceStatus.PAID, 0)
        assert await owners.owner.invoice_of_payment(created) == payment["id"]
        owners.server.settle(created, "charged_back", cause="refund_requested")
        disputed = await owners.owner.invoice_now(payment["id"], day(3))
        assert disputed.dispute_open
        assert disputed.status is InvoiceStatus.OPEN

    async def test_a_stranger_s_payment_that_names_it_pays_nothing(self, owners: GoCardlessOwners) -> None:
        payment = owners.failed()
        mandate = owners.mandate_beside(payment)
        other = owners.server.payment(mandate, metadata={"recoup_invoice": payment["id"]})
        owners.server.settle(other["id"], "confirmed", cause="payment_confirmed")
        assert (await owners.owner.invoice_now(payment["id"], day(1))).status is InvoiceStatus.OPEN

    async def test_our_attempts_are_left_out_and_all_others_are_told(self, owners: GoCardlessOwners) -> None:
        payment = owners.failed()
        owners.server.tell(payment, "resubmission_requested", origin="gocardless", cause="payment_autoretried")
        owners.server.settle(payment["id"], "failed", cause="refer_to_payer", reason_code="MS03")
        await owners.charged(payment)
        owners.server.settle(payment["id"], "failed", cause="insufficient_funds", reason_code="AM04")
        owners.server.tell(payment, "resubmission_requested", origin="api", cause="payment_retried")
        owners.server.settle(payment["id"], "failed", cause="bank_account_closed", reason_code="AC04")
        invoice = await owners.owner.invoice_now(payment["id"], day(9))
        assert [attempt.actor for attempt in invoice.attempts] == ["gateway", "gateway", "staff"]
        assert [attempt.decline and attempt.decline.network_code for attempt in invoice.attempts] == [
            "AM04",
            "MS03",
            "AC04",
        ]
        assert len({attempt.key for attempt in invoice.attempts}) == 3
        assert all(attempt.key.startswith("EV") for attempt in invoice.attempts)
        assert invoice.last_decline is not None
        assert invoice.last_decline.category is Category.ACCOUNT_CLOSED

    async def test_success_plus_is_told_as_a_retry_of_the_owner(self, owners: GoCardlessOwners) -> None:
        payment = owners.server.payment(owners.server.mandate())
        told = {"cause": "insufficient_funds", "reason_code": "AM04", "will_attempt_retry": True}
        owners.server.settle(payment["id"], "failed", **told)
        assert (await owners.owner.invoice_now(payment["id"], day(1))).retries_itself
        owners.server.tell(payment, "resubmission_requested", origin="gocardless", cause="payment_autoretried")
        under_way = await owners.owner.invoice_now(payment["id"], day(2))
        assert not under_way.retries_itself
        assert under_way.status is InvoiceStatus.OPEN
        assert under_way.retries_at == datetime(2026, 3, 5, tzinfo=UTC)

    async def test_our_own_retry_under_way_is_not_the_owner_s(self, owners: GoCardlessOwners) -> None:
        payment = owners.failed()
        await owners.charged(payment)
        assert (await owners.owner.invoice_now(payment["id"], day(1))).retries_at is None

    async def test_what_was_cancelled_with_its_mandate_is_still_owed(self, owners: GoCardlessOwners) -> None:
        payment = owners.server.payment(owners.server.mandate())
        owners.server.settle(payment["id"], "cancelled", cause="bank_account_transferred")
        invoice = await owners.owner.invoice_now(payment["id"], day(1))
        assert (invoice.status, invoice.due.amount_minor) == (InvoiceStatus.OPEN, 2900)
        assert invoice.last_decline is not None

    async def test_what_went_with_a_first_payment_says_so(self, owners: GoCardlessOwners) -> None:
        payment = owners.server.payment(owners.server.mandate())
        owners.server.settle(payment["id"], "cancelled", cause="initial_one_off_payment_failed")
        assert (await owners.owner.invoice_now(payment["id"], day(1))).first_payment

    async def test_money_that_was_given_back_is_refunded(self, owners: GoCardlessOwners) -> None:
        payment = owners.failed()
        await owners.pay(payment["id"])
        payment["amount_refunded"] = 1000
        assert (await owners.owner.invoice_now(payment["id"], day(1))).status is InvoiceStatus.PAID
        payment["amount_refunded"] = 2900
        assert (await owners.owner.invoice_now(payment["id"], day(1))).status is InvoiceStatus.REFUNDED

    async def test_events_are_read_to_the_last_page(self, owners: GoCardlessOwners) -> None:
        payment = owners.failed()
        owners.server.page = 1
        assert (await owners.owner.invoice_now(payment["id"], START)).failed_at == START


class TestEnding:
    async def test_a_payment_not_sent_to_the_banks_is_cancelled(self, owners: GoCardlessOwners) -> None:
        payment = owners.failed()
        owners.server.tell(payment, "resubmission_requested", origin="api")
        ending = CloseOut(
            at=START, key="end_1", invoice_id=payment["id"], subscription_id=None, how="mark_uncollectible"
        )
        await owners.owner.close_out(ending)
        await owners.owner.close_out(ending)
        invoice = await owners.owner.invoice_now(payment["id"], day(1))
        assert (invoice.status, invoice.due.amount_minor) == (InvoiceStatus.CANCELLED, 0)

    @pytest.mark.parametrize("action", ["failed", "submitted"])
    async def test_what_cannot_be_written_off_is_a_person_s_task(self, owners: GoCardlessOwners, action: str) -> None:
        payment = owners.failed()
        owners.server.settle(payment["id"], action)
        ending = CloseOut(
            at=START, key="end_1", invoice_id=payment["id"], subscription_id=None, how="mark_uncollectible"
        )
        with pytest.raises(Misconfigured):
            await owners.owner.close_out(ending)

    async def test_a_paid_claim_is_left_alone(self, owners: GoCardlessOwners) -> None:
        payment = owners.failed()
        await owners.pay(payment["id"])
        ending = CloseOut(
            at=START, key="end_1", invoice_id=payment["id"], subscription_id=None, how="mark_uncollectible"
        )
        await owners.owner.close_out(ending)
        assert (await owners.owner.invoice_now(payment["id"], day(1))).status is InvoiceStatus.PAID

    async def test_a_subscription_that_went_with_its_mandate_leaves_the_claim_owed(
        self, owners: GoCardlessOwners
    ) -> None:
        payment = owners.failed()
        plan = owners.server.kept["subscriptions"][payment["links"]["subscription"]]
        plan["status"] = "cancelled"
        owners.server.event("subscriptions", plan, "cancelled", origin="bank", cause="mandate_cancelled")
        assert (await owners.owner.invoice_now(payment["id"], day(1))).status is InvoiceStatus.OPEN

    async def test_without_a_subscription_there_is_none_to_cancel(self, owners: GoCardlessOwners) -> None:
        payment = owners.server.failed_payment()
        ending = CloseOut(
            at=START, key="end_1", invoice_id=payment["id"], subscription_id=None, how="cancel_subscription"
        )
        with pytest.raises(Misconfigured):
            await owners.owner.close_out(ending)
        with pytest.raises(NotFound):
            await owners.owner.close_out(ending.model_copy(update={"subscription_id": "SBNOBODY"}))


class TestTelling:
    async def test_a_customer_is_told_as_far_as_it_is_good(self, owners: GoCardlessOwners) -> None:
        known = owners.server.customer(phone_number="+49301234567", region="not a code", postal_code="10115")
        customer = await owners.owner.customer(known["id"])
        assert customer is not None
        assert (customer.name, customer.country, customer.locale) == ("Ada Test", "DE", "de")
        assert customer.sms is not None
        assert (customer.subdivision, customer.postal_code) == (None, "10115")

    async def test_events_come_oldest_first_as_the_speaker_reads_them(self, owners: GoCardlessOwners) -> None:
        owners.server.page = 1
        payment = owners.failed()
        owners.server.now = START + timedelta(days=2)
        owners.server.settle(payment["id"], "submitted")
        owners.server.settle(payment["id"], "failed", cause="insufficient_funds", reason_code="AM04")
        told = owners.owner.events_since("gocardless", day(1))
        assert told is not None
        items = [item async for item in told]
        assert [json.loads(item.body)["action"] for item in items] == ["submitted", "failed"]
        assert [item.event_key for item in items] == sorted(item.event_key for item in items)
        said = GoCardlessSpeaker().normalise(items[-1].body, "row_1")
        assert isinstance(said, Addressed)
        assert isinstance(said.event, PaymentFailed)
        assert said.event.invoice_id == payment["id"]

    async def test_of_another_source_it_keeps_no_list(self, owners: GoCardlessOwners) -> None:
        assert owners.owner.events_since("stripe", START) is None
