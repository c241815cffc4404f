"""Stripe as the owner of invoices: what an invoice is now, what others tried on it, and how it ends.

An invoice has payments, a payment an intent, an intent charges; the charges are the attempts. Of those that bear a mark
of ours the first of each mark stays in our own ledger (`stripe_objects`). A claim of a cancelled subscription counts as
cancelled, as its event does. Stripe lists events newest first and keeps them for 30 days: they are read in windows of
time, each turned around, so that no more than one window is held at once.
Sources: docs.stripe.com/api/invoices, /api/invoice-payment, /api/payment-record, /api/charges, /api/disputes,
/api/events/list, 2026-11.
"""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import aiohttp

from activities.customers import Customer
from activities.errors import Misconfigured, NotFound
from activities.gateways.accounts import StripeAccount
from activities.sources.contract import CloseOut, Item, OwnerCapabilities, PaymentElsewhere
from activities.sources.reading import Node
from activities.sources.stripe import HANDLERS
from activities.sources.stripe_customers import news_of_invoice
from activities.sources.stripe_reading import credential_of_payment, money_of, subscription_of
from activities.stripe_client import Refused, StripeApi, in_path, silence_is_unavailable
from activities.stripe_objects import (
    MARK,
    WAITS_FOR_CUSTOMER,
    amount_at_stripe,
    charges_of,
    confirmation_needed,
    decline_of_charge,
    instrument_of,
    intents_of,
    latest,
    made_by_others,
    mark_of,
)
from policies.declines import Decline
from policies.instruments import Initiator, Instrument
from policies.invoices import InvoiceNow, InvoiceStatus, SeenAttempt
from policies.money import Money

EXPANDED = ["payments.data.payment.payment_intent", "customer", "parent.subscription_details.subscription"]
STATUSES = {
    "draft": InvoiceStatus.OPEN,
    "open": InvoiceStatus.OPEN,
    "paid": InvoiceStatus.PAID,
    "void": InvoiceStatus.VOID,
    "uncollectible": InvoiceStatus.UNCOLLECTIBLE,
}
ENDED_SUBSCRIPTIONS = frozenset({"canceled", "incomplete_expired"})
OPEN_DISPUTES = frozenset({"needs_response", "under_review"})
"""Inquiries (`warning_…`) take no money back and are none, as in the Speaker."""

SAID_TWICE = frozenset({"invoice.payment_succeeded", "charge.failed"})
NO_NEWS = frozenset(
    {"charge.dispute.funds_reinstated", "charge.dispute.funds_withdrawn", "payment_intent.requires_action"}
)
ASKED_FOR = tuple(sorted(HANDLERS.keys() - SAID_TWICE - NO_NEWS))
"""Stripe takes at most 20 types in one question; each of these tells something that no other one does."""

EVENTS_KEPT = timedelta(days=30)
WINDOW = timedelta(hours=6)


class _Payment(NamedTuple):
    """One payment intent and its charges, oldest first."""

    intent: Node
    charges: tuple[Node, ...]


class StripeOwner:
    name = "stripe"
    capabilities = OwnerCapabilities(
        books_payments=True, closes_out=("mark_uncollectible", "cancel_subscription"), lists_events=True
    )

    def __init__(self, account: StripeAccount, session: aiohttp.ClientSession) -> None:
        self._stripe = StripeApi(account, session)

    async def invoice_now(self, invoice_id: str, now: datetime) -> InvoiceNow:
        with silence_is_unavailable():
            invoice = await self._invoice(invoice_id, EXPANDED)
            payments = [
                _Payment(intent=intent, charges=tuple(await charges_of(self._stripe, intent)))
                for intent in intents_of(invoice)
            ]
            return _invoice_now(invoice, payments, await self._is_disputed(payments), now)

    async def customer(self, customer_id: str) -> Customer | None:
        try:
            with silence_is_unavailable():
                known = await self._stripe.get(f"/v1/customers/{in_path(customer_id)}")
                if known.fields.get("deleted") is True:
                    return None
                news = news_of_invoice(Node("", {"customer": known.fields}))
        except Refused as refused:
            if refused.is_missing:
                return None
            raise
        said = news.said if news else Customer()
        return said.model_copy(update={"since": known.optional_moment("created")})

    async def invoice_of_payment(self, payment_id: str) -> str | None:
        try:
            with silence_is_unavailable():
                intent_id: str | None = payment_id
                if not payment_id.startswith("pi_"):
                    charge = await self._stripe.get(f"/v1/charges/{in_path(payment_id)}")
                    intent_id = charge.optional_id("payment_intent")
                return await self._invoice_of_intent(intent_id) if intent_id else None
        except Refused as refused:
            if refused.is_missing:
                return None
            raise

    async def record_payment(self, payment: PaymentElsewhere) -> None:
        """The whole of what is owed closes the invoice as paid out of band; a part is attached as a payment record that
        bears the attempt's key. An invoice that is paid already has the money booked."""
        with silence_is_unavailable():
            invoice = await self._invoice(payment.invoice_id, ["payments.data.payment.payment_record"])
            status, owed = invoice.text("status"), money_of(invoice, invoice.minor("amount_remaining"))
            if status == "paid" or any(mark_of(record) == payment.key for record in _records(invoice)):
                return
            if status not in ("open", "uncollectible"):
                raise Misconfigured(f"the invoice is {status} at Stripe: money from outside cannot be booked on it")
            if payment.amount.currency != owed.currency or payment.amount.amount_minor > owed.amount_minor:
                raise Misconfigured("the money from outside is more than the invoice asks for, or another currency")
            if payment.amount == owed:
                await self._stripe.post(f"{_path(payment.invoice_id)}/pay", key=payment.key, paid_out_of_band=True)
            else:
                await self._attach_part(payment, invoice.id("customer"))

    async def close_out(self, ending: CloseOut) -> None:
        with silence_is_unavailable():
            if ending.how == "mark_uncollectible":
                await self._give_up(ending)
            else:
                await self._cancel(ending)

    def events_since(self, source: str, since: datetime) -> AsyncIterator[Item] | None:
        return self._told_since(since) if source == self.name else None

    async def _invoice(self, invoice_id: str, expanded: list[str] | None = None) -> Node:
        try:
            return await self._stripe.get(_path(invoice_id), **({"expand": expanded} if expanded else {}))
        except Refused as refused:
            if refused.is_missing:
                raise NotFound(f"Stripe owns no invoice {invoice_id}") from None
            raise

    async def _attach_part(self, payment: PaymentElsewhere, customer_id: str) -> None:
        """Between the two calls a record may stay that belongs to no invoice; it books nothing."""
        at = int(payment.at.timestamp())
        record = await self._stripe.post(
            "/v1/payment_records/report_payment",
            key=f"{payment.key}_record",
            amount_requested={
                "currency": payment.amount.currency.lower(),
                "value": amount_at_stripe(payment.amount),
            },
            customer_details={"customer": customer_id},
            initiated_at=at,
            outcome="guaranteed",
            guaranteed={"guaranteed_at": at},
            payment_method_details={"type": "custom", "custom": {"display_name": payment.gateway}},
            processor_details={"type": "custom", "custom": {"payment_reference": payment.reference}},
            metadata={MARK: payment.key},
        )
        path = f"{_path(payment.invoice_id)}/attach_payment"
        await self._stripe.post(path, key=f"{payment.key}_attach", payment_record=record.id("id"))

    async def _is_disputed(self, payments: list[_Payment]) -> bool:
        """A charge stays `disputed` when its dispute is over."""
        for payment in payments:
            if any(charge.fields.get("disputed") is True for charge in payment.charges):
                disputes = self._stripe.each("/v1/disputes", payment_intent=payment.intent.id("id"))
                if any([dispute.fields.get("status") in OPEN_DISPUTES async for dispute in disputes]):
                    return True
        return False

    async def _invoice_of_intent(self, intent_id: str) -> str | None:
        asked = {"type": "payment_intent", "payment_intent": intent_id}
        async for payment in self._stripe.each("/v1/invoice_payments", payment=asked):
            return payment.id("invoice")
        return None

    async def _give_up(self, ending: CloseOut) -> None:
        invoice = await self._invoice(ending.invoice_id)
        if invoice.fields.get("status") == "open":
            await self._stripe.post(f"{_path(ending.invoice_id)}/mark_uncollectible", key=ending.key)

    async def _cancel(self, ending: CloseOut) -> None:
        if ending.subscription_id is None:
            raise Misconfigured("the invoice belongs to no subscription; there is nothing to cancel")
        path = f"/v1/subscriptions/{in_path(ending.subscription_id)}"
        if (await self._stripe.get(path)).fields.get("status") not in ENDED_SUBSCRIPTIONS:
            await self._stripe.delete(path)

    async def _told_since(self, since: datetime) -> AsyncIterator[Item]:
        """The last window has no end, for Stripe's clock is not ours."""
        today = datetime.now(UTC)
        start = max(since, today - EVENTS_KEPT)
        while True:
            end = start + WINDOW
            created = {"gte": int(start.timestamp())}
            if end <= today:
                created["lt"] = int(end.timestamp())
            listed = self._stripe.each("/v1/events", created=created, types=list(ASKED_FOR))
            window = [event async for event in listed]
            for event in reversed(window):
                with silence_is_unavailable():
                    yield Item(event_key=event.id("id"), body=json.dumps(event.fields).encode())
            if end > today:
                return
            start = end


# What an invoice comes to


def _invoice_now(invoice: Node, payments: list[_Payment], is_disputed: bool, now: datetime) -> InvoiceNow:
    charges = _in_order([charge for payment in payments for charge in payment.charges])
    failed = [charge for charge in charges if charge.fields.get("status") == "failed"]
    status = _status(invoice, charges)
    credential_id = _credential(invoice, payments)
    return InvoiceNow(
        status=status,
        due=money_of(invoice, invoice.minor("amount_remaining") if status is InvoiceStatus.OPEN else 0),
        customer_id=invoice.id("customer"),
        credential_id=credential_id or "",
        gateway=StripeOwner.name,
        as_of=now,
        subscription_id=subscription_of(invoice),
        failed_at=failed[0].moment("created") if failed else None,
        changed_at=_changed_at(invoice, charges),
        first_payment=invoice.fields.get("billing_reason") == "subscription_create",
        collected_manually=invoice.fields.get("collection_method") == "send_invoice",
        dispute_open=is_disputed,
        last_decline=_last_decline(payments),
        attempts=tuple(_attempts(payments)),
        instrument=_instrument(payments, credential_id),
        plan_interval=_plan_interval(invoice),
        retries_at=invoice.optional_moment("next_payment_attempt") if status is InvoiceStatus.OPEN else None,
    )


def _status(invoice: Node, charges: list[Node]) -> InvoiceStatus:
    word = invoice.text("status")
    if word not in STATUSES:
        raise invoice.wrong("status", "a status of an invoice")
    status = STATUSES[word]
    made = [charge for charge in charges if charge.fields.get("status") == "succeeded"]
    if status is InvoiceStatus.PAID and made and all(charge.fields.get("refunded") is True for charge in made):
        return InvoiceStatus.REFUNDED
    if status is InvoiceStatus.OPEN and _subscription(invoice).fields.get("status") in ENDED_SUBSCRIPTIONS:
        return InvoiceStatus.CANCELLED
    return status


def _subscription(invoice: Node) -> Node:
    return invoice.part("parent").part("subscription_details").part("subscription")


def _credential(invoice: Node, payments: list[_Payment]) -> str | None:
    """What was tried, else what Stripe would try: the default of the invoice, of its subscription, of its customer."""
    tried = (credential_of_payment(payment.intent) for payment in payments)
    subscription, customer = _subscription(invoice), invoice.part("customer")
    return next(filter(None, tried), None) or (
        invoice.id_or_none("default_payment_method")
        or invoice.id_or_none("default_source")
        or subscription.id_or_none("default_payment_method")
        or subscription.id_or_none("default_source")
        or customer.part("invoice_settings").id_or_none("default_payment_method")
        or customer.id_or_none("default_source")
    )


def _changed_at(invoice: Node, charges: list[Node]) -> datetime | None:
    turns = invoice.part("status_transitions")
    return latest(
        *(turns.optional_moment(name) for name in turns.fields),
        *(charge.optional_moment("created") for charge in charges),
    )


def _last_decline(payments: list[_Payment]) -> Decline | None:
    """Of whoever tried last, us too; a payment that waits for its customer was refused for want of them."""
    for payment in payments:
        if payment.intent.fields.get("status") == WAITS_FOR_CUSTOMER:
            return confirmation_needed(_instrument([payment], None), Initiator.MERCHANT)
    failed = [
        (charge.moment("created"), place, charge, payment.intent)
        for payment in payments
        for place, charge in enumerate(payment.charges)
        if charge.fields.get("status") == "failed"
    ]
    if not failed:
        return None
    _, _, charge, intent = max(failed, key=lambda found: found[:2])
    return decline_of_charge(charge, intent)


def _attempts(payments: list[_Payment]) -> list[SeenAttempt]:
    """One that is still under way says neither yes nor no and comes with a later reading."""
    seen = [
        SeenAttempt(
            key=charge.id("id"),
            credential_id=credential_of_payment(charge) or "",
            amount=_amount(charge),
            at=charge.moment("created"),
            decline=decline_of_charge(charge, payment.intent) if charge.fields.get("status") == "failed" else None,
        )
        for payment in payments
        for charge in made_by_others(payment.charges)
        if charge.fields.get("status") in ("failed", "succeeded")
    ]
    return sorted(seen, key=lambda attempt: attempt.at)


def _amount(charge: Node) -> Money:
    return money_of(charge, charge.minor("amount"))


def _instrument(payments: list[_Payment], credential_id: str | None) -> Instrument:
    """As the last charge of that credential shows it, else as the error of the last try does."""
    for payment in payments:
        for charge in reversed(payment.charges):
            if credential_id is None or credential_of_payment(charge) == credential_id:
                return instrument_of(charge.part("payment_method_details"))
        if method := payment.intent.part("last_payment_error").node("payment_method"):
            return instrument_of(method)
    return Instrument()


def _plan_interval(invoice: Node) -> str | None:
    items = _subscription(invoice).part("items").nodes("data")
    intervals = (item.part("price").part("recurring").optional_text("interval") for item in items)
    return next((interval for interval in intervals if interval in ("day", "week", "month", "year")), None)


def _records(invoice: Node) -> list[Node]:
    payments = invoice.part("payments").nodes("data")
    return [record for payment in payments if (record := payment.part("payment").node("payment_record"))]


def _in_order(charges: list[Node]) -> list[Node]:
    return sorted(charges, key=lambda charge: charge.moment("created"))


def _path(invoice_id: str) -> str:
    return f"/v1/invoices/{in_path(invoice_id)}"
