"""What Chargebee says, in our words. It signs nothing: HTTP basic auth on the webhook's address is the protection.

Events: `{"id", "occurred_at": unix seconds, "event_type", "content": {"invoice": {...}, ...}}`; what is in `content`
differs from event to event, and amounts are integers in the currency's smallest unit. Sources (2026-11):
apidocs.chargebee.com/docs/api/events and /v1/events, /transactions, /invoices, /credit_notes, /payment_sources, and the
event types and fields in Chargebee's own library for Python, 3.29.
To understand one more type: a function from `_Event`, a row in HANDLERS, a row in the table of the test.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from activities.sources.contract import UNRESOLVED, Addressed, Item, Lookup, Rejected, Verified
from activities.sources.customer_news import CustomerNews, customer_news, full_name
from activities.sources.reading import AMOUNT_MAX, Node, ReadingSpeaker, not_dunning, object_of, shown, unknown_type
from activities.sources.signatures import basic_auth_complaint, basic_auth_matches
from policies.declines import Category, Decline, classify
from policies.events import (
    CustomerChanged,
    DisputeOpened,
    Ignored,
    InvoiceVoided,
    MethodChange,
    PaymentFailed,
    PaymentMethodChanged,
    PaymentSucceeded,
    SubscriptionCancelled,
)
from policies.instruments import Network, PaymentType
from policies.money import EXPONENTS, Money

NO_GATEWAY = "not_applicable"
"""Of payments that were recorded by hand: cash, cheque, bank transfer."""


class ChargebeeSpeaker(ReadingSpeaker):
    """`kept_headers` stays empty: the one header that `verify` reads is the password itself, and what is stored was
    verified before."""

    name = "chargebee"

    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected:
        return basic_auth_matches(headers, secrets)

    def complaint_about(self, secret: str) -> str | None:
        return super().complaint_about(secret) or basic_auth_complaint(secret)

    def _items(self, body: bytes) -> Iterable[Item]:
        event = object_of(body)
        event.text("event_type")
        event.text("id")
        return (Item(event_key=event.id("id"), body=body),)

    def _said(self, body: bytes, event_id: str) -> Addressed | Ignored:
        envelope = object_of(body)
        kind = envelope.text("event_type")
        handler = HANDLERS.get(kind)
        if handler is None:
            return unknown_type(kind)
        content = envelope.node("content")
        if content is None:
            raise envelope.wrong("content", "the resources that the event is about")
        return handler(_Event(event_id, envelope.moment("occurred_at"), content))


# From event to fact


@dataclass(frozen=True)
class _Event:
    event_id: str
    happened_at: datetime
    content: Node

    @property
    def customer_id(self) -> str | None:
        named = [self.content.part("customer").id_or_none("id")]
        named += [
            self.content.part(one).id_or_none("customer_id") for one in ("invoice", "transaction", "payment_source")
        ]
        named += [self.content.part(one).id_or_none("customer_id") for one in ("card", "subscription", "credit_note")]
        return next((customer_id for customer_id in named if customer_id), None)

    @property
    def version(self) -> int:
        """Milliseconds of the last change; of the invoice where there is one, so that what happens to it within one
        second has an order. API version 1 has none."""
        for resource in ("invoice", "transaction", "credit_note", "subscription", "payment_source", "card", "customer"):
            version = self.content.part(resource).fields.get("resource_version")
            if isinstance(version, int) and 0 < version <= AMOUNT_MAX:
                return version
        return 0

    def about(self, invoice_id: str = UNRESOLVED) -> dict[str, Any]:
        """What every fact has."""
        return {
            "event_id": self.event_id,
            "happened_at": self.happened_at,
            "version": self.version,
            "invoice_id": invoice_id,
            "customer_id": self.customer_id,
        }


def _payment_failed(event: _Event) -> Addressed | Ignored:
    """Also a payment that succeeded and was taken back by the bank afterwards (`payment_reversal`)."""
    if why := _not_dunning(event):
        return why
    invoice, transaction, lookup = event.content.part("invoice"), event.content.part("transaction"), None
    linked = transaction.nodes("linked_invoices")
    if invoice.fields:
        invoice_id = invoice.id("id")
    elif len(linked) == 1:
        invoice_id = linked[0].id("invoice_id")
    else:
        reversed_payments = transaction.nodes("linked_payments")
        payment = reversed_payments[0] if reversed_payments else transaction
        invoice_id, lookup = UNRESOLVED, Lookup(payment_id=payment.id("id"))
    return Addressed(
        event=PaymentFailed(
            **event.about(invoice_id),
            amount=_money(event, invoice, "amount_due"),
            subscription_id=transaction.id_or_none("subscription_id") or invoice.id_or_none("subscription_id"),
            credential_id=transaction.id_or_none("payment_source_id"),
            retries_at=invoice.optional_moment("next_retry_at") or invoice.optional_moment("next_retry"),
            decline=_decline(event),
        ),
        lookup=lookup,
        customer=_news(event),
    )


def _payment_succeeded(event: _Event) -> Addressed | Ignored:
    invoice, transaction = event.content.part("invoice"), event.content.part("transaction")
    if transaction.fields.get("status") not in (None, "success"):
        return _transaction_told(event)
    if why := _no_payment(transaction):
        return why
    by_hand = transaction.fields.get("gateway") == NO_GATEWAY
    if invoice.fields:
        return _invoice_ended(event) if invoice.fields.get("status") == "voided" else _invoice_paid(event, by_hand)
    linked = transaction.nodes("linked_invoices")
    if len(linked) != 1:
        return not_dunning(f"the payment is linked to {len(linked)} invoices; invoice_updated tells of each")
    if linked[0].fields.get("invoice_status") != "paid":
        return not_dunning("part of the invoice was paid; invoice_updated tells what is still owed")
    paid = _needed_money(event, linked[0], "applied_amount")
    about = event.about(linked[0].id("invoice_id"))
    return Addressed(event=PaymentSucceeded(**about, paid=paid, out_of_band=by_hand), customer=_news(event))


def _invoice_paid(event: _Event, by_hand: bool) -> Addressed:
    """`paid` is all the money that was paid on the invoice so far; credits settle it and are not paid. An invoice that
    says neither `paid` nor what is due is asked at Chargebee."""
    invoice = event.content.part("invoice")
    paid, due = _needed_money(event, invoice, "amount_paid"), _money(event, invoice, "amount_due")
    may_be_open = invoice.fields.get("status") != "paid"
    remaining = due if may_be_open and due and due.amount_minor > 0 else None
    about = event.about(invoice.id("id"))
    return Addressed(
        event=PaymentSucceeded(**about, paid=paid, remaining=remaining, out_of_band=by_hand),
        customer=_news(event),
        one_payment=may_be_open and due is None,
    )


def _transaction_told(event: _Event) -> Addressed | Ignored:
    transaction = event.content.part("transaction")
    status = transaction.text("status")
    if status in {"failure", "late_failure"} or transaction.fields.get("type") == "payment_reversal":
        return _payment_failed(event)
    if status == "success":
        return _payment_succeeded(event)
    return not_dunning(f"the transaction is {shown(status)}: it neither failed nor succeeded")


def _invoice_updated(event: _Event) -> Addressed | Ignored:
    """Sent for changes of every kind: status and dunning say which ones matter."""
    invoice = event.content.part("invoice")
    status, dunning = invoice.text("status"), invoice.fields.get("dunning_status")
    if status == "voided":
        return _invoice_ended(event)
    if status == "paid":
        return _invoice_ended(event) if _was_given_up(invoice) else _invoice_paid(event, by_hand=False)
    if dunning == "stopped":
        return not_dunning("somebody stopped dunning of this invoice at Chargebee")
    if status == "not_paid" or (status == "payment_due" and dunning in ("in_progress", "exhausted")):
        return _payment_failed(event)
    return not_dunning(f"the invoice is {shown(status)} and not in dunning")


def _was_given_up(invoice: Node) -> bool:
    """Written off, or adjusted to nothing: status `paid` without money."""
    adjusted, *settled = (
        invoice.optional_minor(name) for name in ("amount_adjusted", "amount_paid", "credits_applied")
    )
    return bool(invoice.optional_minor("write_off_amount")) or (bool(adjusted) and not any(settled))


def _invoice_ended(event: _Event) -> Addressed:
    about = event.about(event.content.part("invoice").id("id"))
    return Addressed(event=InvoiceVoided(**about), customer=_news(event))


def _subscription_ended(event: _Event) -> Addressed:
    lookup = Lookup(subscription_id=event.content.part("subscription").id("id"))
    return Addressed(event=SubscriptionCancelled(**event.about()), lookup=lookup, customer=_news(event))


def _credit_note_made(event: _Event) -> Addressed | Ignored:
    """Chargebee tells of a chargeback by the credit note that it makes for it."""
    note = event.content.part("credit_note")
    reasons = (note.optional_text("reason_code"), note.optional_text("create_reason_code"))
    if "chargeback" not in [reason.lower() for reason in reasons if reason]:
        return not_dunning("the credit note is for no chargeback; what is still owed stands in the invoice")
    about = event.about(note.id("reference_invoice_id"))
    return Addressed(event=DisputeOpened(**about, dispute_id=note.id("id")), customer=_news(event))


def _customer_changed(event: _Event) -> Addressed:
    event.content.part("customer").id("id")
    return Addressed(event=CustomerChanged(**event.about()), customer=_news(event))


def _customer_deleted(event: _Event) -> Addressed:
    """Ends every claim on them, as the end of a subscription does. What the event tells of them is not kept anew."""
    lookup = Lookup(customer_id=event.content.part("customer").id("id"))
    return Addressed(event=SubscriptionCancelled(**event.about()), lookup=lookup)


def _method_changed(change: MethodChange, event: _Event) -> Addressed | Ignored:
    """V1 and events about cards tell of the customer's only or primary way to pay, and name it there."""
    customer, source = event.content.part("customer"), event.content.part("payment_source")
    if event.customer_id is None:
        raise customer.wrong("id", "an id")
    own_id = source.id_or_none("id") or event.content.part("card").id_or_none("payment_source_id")
    primary_id = customer.id_or_none("primary_payment_source_id")
    status = (source if source.fields else customer.node("payment_method") or customer).fields.get("status")
    if change in (MethodChange.ADDED, MethodChange.UPDATED):
        if status in ("invalid", "pending_verification"):
            return not_dunning(f"the way to pay cannot be charged: it is {shown(status)}")
        change = MethodChange.EXPIRED if status == "expired" else change
        credential_id = primary_id or own_id
    else:
        credential_id = own_id or (primary_id if change is MethodChange.EXPIRED else None)
    return Addressed(
        event=PaymentMethodChanged(**event.about(), change=change, credential_id=credential_id),
        lookup=Lookup(customer_id=event.customer_id),
        customer=_news(event),
    )


def _will_expire(event: _Event) -> Ignored:
    return not_dunning("the way to pay will expire; nothing has changed yet")


HANDLERS: dict[str, Callable[[_Event], Addressed | Ignored]] = {
    "payment_failed": _payment_failed,
    "payment_succeeded": _payment_succeeded,
    "transaction_created": _transaction_told,
    "transaction_updated": _transaction_told,
    "invoice_updated": _invoice_updated,
    "dunning_updated": _invoice_updated,
    "invoice_deleted": _invoice_ended,
    "credit_note_created": _credit_note_made,
    "subscription_cancelled": _subscription_ended,
    "subscription_canceled_with_backdating": _subscription_ended,
    "subscription_deleted": _subscription_ended,
    "customer_created": _customer_changed,
    "customer_changed": _customer_changed,
    "customer_deleted": _customer_deleted,
    "card_added": partial(_method_changed, MethodChange.ADDED),
    "card_updated": partial(_method_changed, MethodChange.UPDATED),
    "card_expired": partial(_method_changed, MethodChange.EXPIRED),
    "card_deleted": partial(_method_changed, MethodChange.REMOVED),
    "card_expiry_reminder": _will_expire,
    "payment_source_added": partial(_method_changed, MethodChange.ADDED),
    "payment_source_updated": partial(_method_changed, MethodChange.UPDATED),
    "payment_source_expired": partial(_method_changed, MethodChange.EXPIRED),
    "payment_source_deleted": partial(_method_changed, MethodChange.REMOVED),
    "payment_source_locally_deleted": partial(_method_changed, MethodChange.REMOVED),
    "payment_source_expiring": _will_expire,
}


# Parts that several events share


def _not_dunning(event: _Event) -> Ignored | None:
    """Failures that open no case."""
    invoice, transaction = event.content.part("invoice"), event.content.part("transaction")
    if transaction.fields.get("type") != "payment_reversal" and (why := _no_payment(transaction)):
        return why
    if invoice.fields.get("first_invoice") is True:
        return not_dunning("first payment of a new subscription (first_invoice)")
    if _is_manual(event):
        return not_dunning("the invoice is paid by hand (auto_collection off, or net terms)")
    if invoice.optional_minor("amount_due") == 0:
        return not_dunning("nothing is owed (amount_due is 0)")
    linked = [one.fields.get("invoice_status") for one in transaction.nodes("linked_invoices")]
    told = [invoice.fields.get("status")] if invoice.fields else linked
    is_closed = bool(told) and all(status in ("paid", "voided") for status in told)
    return not_dunning(f"nothing is owed (the invoice is {shown(told[0])})") if is_closed else None


def _no_payment(transaction: Node) -> Ignored | None:
    kind = transaction.fields.get("type")
    return not_dunning(f"the transaction is no payment: {shown(kind)}") if kind not in (None, "payment") else None


def _is_manual(event: _Event) -> bool:
    """The subscription's word outranks the customer's. Where neither is told, net terms are the sign: they go with
    collection by hand, unless Chargebee enabled them for auto-collection too."""
    told = [event.content.part(one).fields.get("auto_collection") for one in ("subscription", "customer")]
    mode = next((one for one in told if one in ("on", "off")), None)
    terms = event.content.part("invoice").fields.get("net_term_days")
    return mode == "off" or (mode is None and isinstance(terms, int) and terms > 0)


def _needed_money(event: _Event, node: Node, name: str) -> Money:
    money = _money(event, node, name)
    if money is None:
        raise node.wrong(name if node.fields.get(name) is None else "currency_code", "an amount and its currency")
    return money


def _money(event: _Event, node: Node, name: str) -> Money | None:
    """None when amount or currency is not told. A linked invoice has the currency of its transaction."""
    named = next((one for one in (node, event.content.part("transaction")) if one.fields.get("currency_code")), None)
    if node.fields.get(name) is None or named is None:
        return None
    currency = named.text("currency_code")
    if currency.strip().upper() not in EXPONENTS:
        raise named.wrong("currency_code", "an ISO 4217 currency code")
    return node.minor_money(name, currency)


def _decline(event: _Event) -> Decline | None:
    """The codes are the gateway's own. The first that stands in its tables decides, the exact ones before the broad."""
    transaction = event.content.part("transaction")
    detail = transaction.part("error_detail")
    codes = [detail.code(name) for name in ("decline_code", "error_code", "processor_error_code")]
    is_debit = transaction.optional_text("payment_method") == "direct_debit"
    declines = [
        classify(
            transaction.code("gateway") or "chargebee",
            code,
            detail.code("network_error_code"),
            detail.code("processor_advice_code") or detail.code("recommendation_code"),
            network=Network.named(event.content.part("card").optional_text("card_type")),
            payment_type=PaymentType.BANK_DEBIT if is_debit else PaymentType.CARD,
        )
        for code in (*codes, transaction.code("error_code"))
        if code
    ]
    known = [decline for decline in declines if decline.category is not Category.UNKNOWN]
    return next(iter([*known, *declines]), None)


def _news(event: _Event) -> CustomerNews | None:
    customer = event.content.part("customer")
    address = customer.node("billing_address") or event.content.part("invoice").node("billing_address") or Node("", {})
    told = (customer, address)
    names = [full_name(one.optional_text("first_name"), one.optional_text("last_name")) for one in told]
    return customer_news(
        event.customer_id,
        name=names[0] or names[1] or customer.optional_text("company"),
        email=customer.optional_text("email") or address.optional_text("email"),
        phone=customer.optional_text("phone") or address.optional_text("phone"),
        country=address.optional_text("country"),
        subdivision=address.optional_text("state_code"),
        postal_code=address.optional_text("zip"),
        locale=customer.optional_text("locale"),
        since=customer.optional_moment("created_at"),
    )
