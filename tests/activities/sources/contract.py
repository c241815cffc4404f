"""What every Owner promises: the invoice as it is now, an honest NotFound, and no answer at all as Unavailable."""

from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol

import pytest

from activities.errors import Misconfigured, NotFound, Unavailable
from activities.sources.contract import CloseOut, Owner, PaymentElsewhere
from policies.declines import Category
from policies.invoices import InvoiceStatus
from policies.money import Money
from tests.fixtures.sandbox import START, day
from tests.fixtures.troubled import Trouble


class OwnerStand(Protocol):
    """The adapter with an owner behind it that has what is asked for. Every invoice is 29.00 EUR, due at `START`."""

    owner: Owner

    async def failed_invoice(self) -> str:
        """The id of an open invoice whose first charge failed at `START` for want of funds."""
        ...

    async def pay(self, invoice_id: str) -> None: ...

    async def void(self, invoice_id: str) -> None: ...

    async def dispute(self, invoice_id: str) -> None: ...

    async def payment_of(self, invoice_id: str) -> str: ...

    def troubled_owner(self, trouble: Trouble) -> AbstractAsyncContextManager[Owner]: ...


class OwnerContract:
    async def test_an_open_invoice_says_what_is_owed_and_why_it_failed(self, owners: OwnerStand) -> None:
        invoice = await owners.owner.invoice_now(await owners.failed_invoice(), day(1))
        assert invoice.status is InvoiceStatus.OPEN
        assert invoice.due == Money(amount_minor=2900, currency="EUR")
        assert invoice.failed_at == START
        assert invoice.as_of == day(1)
        assert invoice.last_decline is not None
        assert invoice.last_decline.category is Category.INSUFFICIENT_FUNDS

    async def test_the_owner_s_own_attempt_is_seen(self, owners: OwnerStand) -> None:
        invoice = await owners.owner.invoice_now(await owners.failed_invoice(), START)
        (seen,) = invoice.attempts
        assert seen.at == START
        assert seen.credential_id == invoice.credential_id
        assert seen.decline == invoice.last_decline

    async def test_a_paid_invoice_owes_nothing(self, owners: OwnerStand) -> None:
        invoice_id = await owners.failed_invoice()
        await owners.pay(invoice_id)
        invoice = await owners.owner.invoice_now(invoice_id, day(3))
        assert invoice.status is InvoiceStatus.PAID
        assert invoice.due.amount_minor == 0

    async def test_a_voided_invoice_owes_nothing(self, owners: OwnerStand) -> None:
        invoice_id = await owners.failed_invoice()
        await owners.void(invoice_id)
        invoice = await owners.owner.invoice_now(invoice_id, day(3))
        assert invoice.status is InvoiceStatus.VOID
        assert invoice.due.amount_minor == 0

    async def test_an_open_dispute_is_seen(self, owners: OwnerStand) -> None:
        invoice_id = await owners.failed_invoice()
        assert not (await owners.owner.invoice_now(invoice_id, START)).dispute_open
        await owners.dispute(invoice_id)
        assert (await owners.owner.invoice_now(invoice_id, day(1))).dispute_open

    async def test_an_invoice_nobody_has_is_not_found(self, owners: OwnerStand) -> None:
        with pytest.raises(NotFound):
            await owners.owner.invoice_now("in_nobody_has", START)

    async def test_a_customer_can_be_reached(self, owners: OwnerStand) -> None:
        invoice = await owners.owner.invoice_now(await owners.failed_invoice(), START)
        customer = await owners.owner.customer(invoice.customer_id)
        assert customer is not None
        assert customer.email is not None

    async def test_a_customer_nobody_has_is_none(self, owners: OwnerStand) -> None:
        assert await owners.owner.customer("cus_nobody") is None

    async def test_a_payment_leads_to_its_invoice(self, owners: OwnerStand) -> None:
        invoice_id = await owners.failed_invoice()
        assert await owners.owner.invoice_of_payment(await owners.payment_of(invoice_id)) == invoice_id

    async def test_a_payment_of_no_invoice_leads_nowhere(self, owners: OwnerStand) -> None:
        assert await owners.owner.invoice_of_payment("pi_of_nothing") is None

    async def test_money_that_came_another_way_is_booked_once(self, owners: OwnerStand) -> None:
        invoice_id = await owners.failed_invoice()
        payment = PaymentElsewhere(
            key="att_elsewhere",
            invoice_id=invoice_id,
            amount=Money(amount_minor=2900, currency="EUR"),
            gateway="elsewhere",
            reference="psp_1",
            at=day(1),
        )
        if not owners.owner.capabilities.books_payments:
            with pytest.raises(Misconfigured):
                await owners.owner.record_payment(payment)
            return
        await owners.owner.record_payment(payment)
        await owners.owner.record_payment(payment)
        invoice = await owners.owner.invoice_now(invoice_id, day(2))
        assert invoice.status is InvoiceStatus.PAID
        assert invoice.due.amount_minor == 0

    @pytest.mark.parametrize("how", ["mark_uncollectible", "cancel_subscription"])
    async def test_what_was_given_up_ends_at_its_owner_and_that_twice_is_once(
        self, owners: OwnerStand, how: Literal["mark_uncollectible", "cancel_subscription"]
    ) -> None:
        invoice_id = await owners.failed_invoice()
        invoice = await owners.owner.invoice_now(invoice_id, START)
        ending = CloseOut(
            at=START, key="end_1", invoice_id=invoice_id, subscription_id=invoice.subscription_id, how=how
        )
        if how not in owners.owner.capabilities.closes_out:
            with pytest.raises(Misconfigured):
                await owners.owner.close_out(ending)
            return
        await owners.owner.close_out(ending)
        await owners.owner.close_out(ending)
        ended = await owners.owner.invoice_now(invoice_id, day(2))
        assert ended.status in (InvoiceStatus.UNCOLLECTIBLE, InvoiceStatus.CANCELLED)
        assert ended.due.amount_minor == 0

    async def test_what_it_says_of_its_list_of_events_is_so(self, owners: OwnerStand) -> None:
        sources = ("stripe", "adyen", "braintree", "paypal", "gocardless", "generic")
        lists = [source for source in sources if owners.owner.events_since(source, START) is not None]
        assert bool(lists) == owners.owner.capabilities.lists_events

    @pytest.mark.parametrize("trouble", [t for t in Trouble if t is not Trouble.STRANGER])
    async def test_no_clear_answer_is_unavailable(self, owners: OwnerStand, trouble: Trouble) -> None:
        async with owners.troubled_owner(trouble) as owner:
            with pytest.raises(Unavailable):
                await owner.invoice_now("in_any", START)
            with pytest.raises(Unavailable):
                await owner.invoice_of_payment("pi_any")

    async def test_a_stranger_s_404_proves_nothing(self, owners: OwnerStand) -> None:
        async with owners.troubled_owner(Trouble.STRANGER) as owner:
            with pytest.raises(Misconfigured):
                await owner.invoice_now("in_any", START)
            with pytest.raises(Misconfigured):
                await owner.invoice_of_payment("pi_any")
