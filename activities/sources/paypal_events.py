"""What PayPal's REST webhooks say: `{"id", "event_type", "create_time", "resource": {...}}`.

Amounts are decimal texts, `{"total", "currency"}` in version 1 and `{"value", "currency_code"}` in version 2. Sources:
developer.paypal.com/api/rest/webhooks/event-names, /docs/api/subscriptions/v1, /payments/v1 and v2,
/customer-disputes/v1, /payment-tokens/v3, read 2026-11-25.
To understand one more type: a function from `_Event`, a row in HANDLERS, a row in the table of the test.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from activities.sources.contract import UNRESOLVED, Addressed, Lookup
from activities.sources.customer_events import method_changed
from activities.sources.customer_news import CustomerNews, customer_news, full_name
from activities.sources.reading import Node, not_dunning, unknown_type
from policies.declines import Decline, classify
from policies.events import (
    DisputeClosed,
    DisputeOpened,
    Ignored,
    MandateChanged,
    MethodChange,
    PaymentFailed,
    PaymentSucceeded,
    SubscriptionCancelled,
)
from policies.instruments import Network
from policies.money import Money

KEPT_THE_MONEY = frozenset({"RESOLVED_SELLER_FAVOUR", "RESOLVED_WITH_PAYOUT", "CANCELED_BY_BUYER", "DENIED"})
"""Outcomes of a dispute after which the merchant has the money."""

REFERENCE_AGREEMENT = "B-"
"""How the id of an agreement starts under which the merchant charges when he likes; a subscription's starts with I-."""

_OUR_KEY = re.compile(r"att_[0-9a-f]{40}")


def said_by_webhook(event: Node, event_id: str) -> Addressed | Ignored:
    kind = event.text("event_type")
    if kind in NOT_DUNNING:
        return not_dunning(NOT_DUNNING[kind])
    handler = HANDLERS.get(kind)
    if handler is None:
        return unknown_type(kind)
    about = event.node("resource")
    if about is None:
        raise event.wrong("resource", "the object that the event is about")
    return handler(_Event(event_id, event.moment_of_text("create_time"), about))


@dataclass(frozen=True)
class _Event:
    event_id: str
    happened_at: datetime
    about: Node


@dataclass(frozen=True)
class _Claim:
    """PayPal's subscriptions have no invoices, and their payments do not say for which period they are: the
    subscription is the claim. A payment outside of one names the merchant's own invoice number, or nothing."""

    invoice_id: str
    subscription_id: str | None = None
    credential_id: str | None = None
    lookup: Lookup | None = None

    @property
    def is_subscription(self) -> bool:
        return self.subscription_id is not None

    @classmethod
    def of_payment(cls, payment: Node) -> "_Claim":
        agreement = payment.optional_id("billing_agreement_id")
        if agreement and not agreement.startswith(REFERENCE_AGREEMENT):
            # What is charged is the subscription, as its owner says too; the means behind it are the payer's matter.
            return cls(agreement, subscription_id=agreement, credential_id=agreement)
        number = payment.optional_id("invoice_number") or payment.optional_id("invoice_id")
        if number:
            return cls(number, credential_id=agreement)
        return cls(UNRESOLVED, credential_id=agreement, lookup=Lookup(payment_id=payment.id("id")))


def _subscription_failed(event: _Event) -> Addressed | Ignored:
    billing = event.about.part("billing_info")
    if _is_first_payment(billing):
        return not_dunning("first payment of a new subscription")
    refused = billing.part("last_failed_payment")
    subscription_id = event.about.id("id")
    reason = refused.code("reason_code")
    outstanding = _money(billing, "outstanding_balance")
    return Addressed(
        event=PaymentFailed(
            event_id=event.event_id,
            happened_at=event.happened_at,
            invoice_id=subscription_id,
            customer_id=event.about.part("subscriber").id_or_none("payer_id"),
            subscription_id=subscription_id,
            amount=outstanding if outstanding and outstanding.amount_minor > 0 else _money(refused, "amount"),
            retries_at=refused.optional_moment_of_text("next_payment_retry_time"),
            decline=classify("paypal", reason) if reason else None,
        ),
        customer=_subscriber(event.about),
        running_account=True,
    )


def _is_first_payment(billing: Node) -> bool:
    """Nothing was ever paid, and no cycle is behind it. Where the event tells nothing of cycles, it is not assumed."""
    cycles = billing.nodes("cycle_executions")
    return (
        bool(cycles)
        and billing.node("last_payment") is None
        and all(cycle.fields.get("cycles_completed") == 0 for cycle in cycles)
    )


def _subscriber(subscription: Node) -> CustomerNews | None:
    who = subscription.part("subscriber")
    address = who.part("shipping_address").part("address")
    return customer_news(
        who.id_or_none("payer_id"),
        name=full_name(who.part("name").optional_text("given_name"), who.part("name").optional_text("surname")),
        email=who.optional_text("email_address"),
        country=address.optional_text("country_code"),
        postal_code=address.optional_text("postal_code"),
    )


def _subscription_suspended(event: _Event) -> Addressed | Ignored:
    """PayPal suspends by itself after too many refusals; then nobody but us tries again."""
    if event.about.part("billing_info").fields.get("failed_payments_count") in (None, 0):
        return not_dunning("a subscription was suspended; nothing was refused")
    return _subscription_failed(event)


def _subscription_ended(event: _Event) -> Addressed:
    return Addressed(
        event=SubscriptionCancelled(event_id=event.event_id, happened_at=event.happened_at, invoice_id=UNRESOLVED),
        lookup=Lookup(subscription_id=event.about.id("id")),
    )


def _paid(event: _Event) -> Addressed:
    """A payment for a subscription does not say what the subscription is behind with, and a capture may be one of
    several: then the invoice is asked what is still owed."""
    claim = _Claim.of_payment(event.about)
    paid = _money(event.about, "amount")
    if paid is None:
        raise event.about.wrong("amount", "what was paid")
    return Addressed(
        event=PaymentSucceeded(
            event_id=event.event_id, happened_at=event.happened_at, invoice_id=claim.invoice_id, paid=paid
        ),
        lookup=claim.lookup,
        **_our_mark(event.about),
        one_payment=claim.is_subscription or event.about.fields.get("final_capture") is False,
        running_account=claim.is_subscription,
    )


def _refused(event: _Event) -> Addressed | Ignored:
    claim = _Claim.of_payment(event.about)
    amount = _money(event.about, "amount")
    if amount is not None and amount.amount_minor == 0:
        return not_dunning("nothing is owed (the amount is 0)")
    return Addressed(
        event=PaymentFailed(
            event_id=event.event_id,
            happened_at=event.happened_at,
            invoice_id=claim.invoice_id,
            subscription_id=claim.subscription_id,
            credential_id=claim.credential_id,
            amount=amount,
            decline=_decline(event.about),
        ),
        lookup=claim.lookup,
        # As the owner names it among the attempts of others.
        **{"reference": event.about.id_or_none("id"), **_our_mark(event.about)},
        running_account=claim.is_subscription,
    )


def _our_mark(payment: Node) -> dict[str, Any]:
    """A capture repeats the `custom_id` of its order; activities/paypal_orders.py puts an attempt's key there."""
    mark = payment.optional_text("custom_id") or ""
    return {"attempt_key": mark, "reference": payment.id("id")} if _OUR_KEY.fullmatch(mark) else {}


def _decline(payment: Node) -> Decline | None:
    """Cards have the processor's answer; what PayPal itself refuses has a reason in words. Version 1 writes advice as
    `01_NEW_ACCOUNT_INFORMATION`."""
    answer = payment.part("processor_response")
    code = answer.code("response_code") or payment.part("status_details").code("reason") or payment.code("reason_code")
    advice = answer.code("payment_advice_code") or answer.code("advice_code") or ""
    network = payment.part("network_transaction_reference").optional_text("network")
    if code is None:
        return None
    return classify("paypal", code, None, advice.partition("_")[0] or None, network=Network.named(network))


def _money(node: Node, name: str) -> Money | None:
    amount = node.part(name)
    figure = "value" if "value" in amount.fields else "total"
    if figure not in amount.fields:
        return None
    currency = amount.text("currency_code" if "currency_code" in amount.fields else "currency")
    return amount.major_money(figure, currency)


def _dispute_open(event: _Event) -> Addressed | Ignored:
    """`UPDATED` counts too: it is how an inquiry that grew into a claim is told."""
    if event.about.optional_text("status") == "RESOLVED":
        return not_dunning("the dispute is over; its outcome has its own event")
    if event.about.optional_text("dispute_life_cycle_stage") == "INQUIRY":
        return not_dunning("the dispute is only an inquiry: no money was taken back")
    payment = _disputed_payment(event.about)
    return Addressed(
        event=DisputeOpened(
            event_id=event.event_id, happened_at=event.happened_at, invoice_id=UNRESOLVED, dispute_id=payment
        ),
        lookup=Lookup(payment_id=payment),
    )


def _dispute_closed(event: _Event) -> Addressed | Ignored:
    outcome = event.about.part("dispute_outcome").text("outcome_code")
    if outcome == "NONE":
        return not_dunning("the dispute was closed without a decision: another one about the same payment goes on")
    payment = _disputed_payment(event.about)
    return Addressed(
        event=DisputeClosed(
            event_id=event.event_id,
            happened_at=event.happened_at,
            invoice_id=UNRESOLVED,
            dispute_id=payment,
            won=outcome in KEPT_THE_MONEY,
        ),
        lookup=Lookup(payment_id=payment),
    )


def _disputed_payment(dispute: Node) -> str:
    """It stands for the dispute, as in IPN messages: those about one case share no other id."""
    payments = dispute.nodes("disputed_transactions")
    if not payments:
        raise dispute.wrong("disputed_transactions", "a list of payments")
    return payments[0].id("seller_transaction_id")


def _method(change: MethodChange) -> Callable[[_Event], Addressed]:
    """A way to pay in PayPal's vault. A new one is news for its customer's cases, others for the cases that use it."""

    def handler(event: _Event) -> Addressed:
        token = event.about.id("id")
        customer_id = event.about.part("customer").id_or_none("id") or event.about.id_or_none("external_customer_id")
        by_customer = change is MethodChange.ADDED and customer_id
        lookup = Lookup(customer_id=customer_id) if by_customer else Lookup(credential_id=token)
        return method_changed(event, change, lookup, credential_id=token, customer_id=customer_id)

    return handler


def _agreement_ended(event: _Event) -> Addressed:
    agreement = event.about.id("id")
    return Addressed(
        event=MandateChanged(
            event_id=event.event_id,
            happened_at=event.happened_at,
            invoice_id=UNRESOLVED,
            mandate_id=agreement,
            active=False,
        ),
        lookup=Lookup(credential_id=agreement),
    )


HANDLERS: dict[str, Callable[[_Event], Addressed | Ignored]] = {
    "BILLING.SUBSCRIPTION.PAYMENT.FAILED": _subscription_failed,
    "BILLING.SUBSCRIPTION.SUSPENDED": _subscription_suspended,
    "BILLING.SUBSCRIPTION.CANCELLED": _subscription_ended,
    "BILLING.SUBSCRIPTION.EXPIRED": _subscription_ended,
    "PAYMENT.SALE.COMPLETED": _paid,
    "PAYMENT.CAPTURE.COMPLETED": _paid,
    "PAYMENT.SALE.DENIED": _refused,
    "PAYMENT.CAPTURE.DENIED": _refused,
    "PAYMENT.CAPTURE.DECLINED": _refused,
    "CUSTOMER.DISPUTE.CREATED": _dispute_open,
    "CUSTOMER.DISPUTE.UPDATED": _dispute_open,
    "RISK.DISPUTE.CREATED": _dispute_open,
    "CUSTOMER.DISPUTE.RESOLVED": _dispute_closed,
    "VAULT.PAYMENT-TOKEN.CREATED": _method(MethodChange.ADDED),
    "VAULT.PAYMENT-TOKEN.DELETED": _method(MethodChange.REMOVED),
    "VAULT.CREDIT-CARD.CREATED": _method(MethodChange.ADDED),
    "VAULT.CREDIT-CARD.UPDATED": _method(MethodChange.UPDATED),
    "VAULT.CREDIT-CARD.DELETED": _method(MethodChange.REMOVED),
    "BILLING_AGREEMENTS.AGREEMENT.CANCELLED": _agreement_ended,
}

NOT_DUNNING = {
    **dict.fromkeys(
        ("PAYMENT.SALE.PENDING", "PAYMENT.CAPTURE.PENDING"), "the payment is still under way; its end has its own event"
    ),
    **dict.fromkeys(("PAYMENT.SALE.REFUNDED", "PAYMENT.CAPTURE.REFUNDED"), "a refund"),
    **dict.fromkeys(
        ("PAYMENT.SALE.REVERSED", "PAYMENT.CAPTURE.REVERSED"), "money was taken back; its dispute has its own event"
    ),
    **dict.fromkeys(
        ("PAYMENT.AUTHORIZATION.CREATED", "PAYMENT.AUTHORIZATION.VOIDED"), "an authorisation: no money has moved"
    ),
    **dict.fromkeys(
        (
            "INVOICING.INVOICE.CREATED",
            "INVOICING.INVOICE.SCHEDULED",
            "INVOICING.INVOICE.UPDATED",
            "INVOICING.INVOICE.PAID",
            "INVOICING.INVOICE.CANCELLED",
            "INVOICING.INVOICE.REFUNDED",
        ),
        "the invoice is sent for manual payment",
    ),
    "PAYMENTS.PAYMENT.CREATED": "a payment at the checkout, with the customer there",
    "VAULT.PAYMENT-TOKEN.DELETION-INITIATED": "a way to pay is being deleted; its end has its own event",
}
"""Types that we know and that say nothing for dunning."""
