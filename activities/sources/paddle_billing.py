"""Events of Paddle Billing: `{"event_id", "event_type", "occurred_at", "data": {...}}`. Amounts are texts of digits in
the currency's smallest unit; a transaction is the claim. Sources: developer.paddle.com/webhooks and /api-reference.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from activities.sources.contract import UNRESOLVED, Addressed, Lookup
from activities.sources.customer_events import customer_changed, method_changed
from activities.sources.customer_news import customer_news
from activities.sources.reading import Node, Wrong, not_dunning, shown, unknown_type
from policies.declines import Decline, classify
from policies.events import (
    ActionRequired,
    DisputeClosed,
    DisputeOpened,
    FraudWarning,
    Ignored,
    InvoiceVoided,
    MethodChange,
    PaymentFailed,
    PaymentSucceeded,
    SubscriptionCancelled,
)
from policies.instruments import Network, PaymentType
from policies.money import Money

OF_A_SUBSCRIPTION = frozenset({"subscription_recurring", "subscription_charge", "subscription_update"})
"""Origins of what is collected without the customer; others (web, api) are a checkout until they are billed."""

OVER = frozenset({"paid", "completed", "canceled"})
"""States of a transaction that owes nothing."""


@dataclass(frozen=True)
class _Event:
    event_id: str
    happened_at: datetime
    about: Node


def said(envelope: Node, event_id: str) -> Addressed | Ignored:
    kind = envelope.text("event_type")
    handler = HANDLERS.get(kind)
    if handler is None:
        return unknown_type(kind)
    data = envelope.node("data")
    if data is None:
        raise Wrong("data", "data is missing, expected the object that the event is about")
    return handler(_Event(event_id, envelope.moment_of_text("occurred_at"), data))


# Transactions


def _transaction_failed(event: _Event) -> Addressed | Ignored:
    """Failed and past due are two words for one claim; the latest of its attempts says why. The transaction is told as
    it is now, so an attempt that failed may come with a transaction that another one has paid."""
    if why := _not_dunning(event.about):
        return why
    owed = _money(event.about, "balance", "grand_total")
    if owed and owed.amount_minor <= 0:
        return not_dunning("nothing is owed (the balance is 0)")
    attempt = _latest_attempt(event.about)
    origin = event.about.optional_text("origin")
    claim: dict[str, Any] = {
        "event_id": event.event_id,
        "happened_at": event.happened_at,
        "invoice_id": event.about.id("id"),
        "customer_id": event.about.optional_id("customer_id"),
        "subscription_id": event.about.id_or_none("subscription_id"),
        "credential_id": attempt.id_or_none("payment_method_id") or attempt.id_or_none("stored_payment_method_id"),
        "amount": owed,
        # Renewals are tried again by Paddle on every account (developer.paddle.com, "renewal and dunning").
        "retries_itself": origin == "subscription_recurring",
    }
    if attempt.optional_text("status") == "action_required":
        return Addressed(event=ActionRequired(**claim))
    return Addressed(event=PaymentFailed(**claim, decline=_decline(attempt)))


def _not_dunning(transaction: Node) -> Ignored | None:
    if transaction.optional_text("collection_mode") == "manual":
        return not_dunning("the transaction is sent for manual payment (collection_mode manual)")
    origin, status = transaction.optional_text("origin"), transaction.text("status")
    if status in OVER:
        return not_dunning(f"the transaction is over ({status}): nothing is owed on it")
    if origin == "subscription_payment_method_change":
        return not_dunning("the customer is changing the way to pay")
    if status in ("draft", "ready") and origin not in OF_A_SUBSCRIPTION:
        return not_dunning(f"a checkout that is not finished ({shown(status)}, origin {shown(origin)})")
    return None


def _transaction_paid(event: _Event) -> Addressed:
    """`paid`, then `completed` once Paddle has done its own sums: the same news."""
    return Addressed(
        event=PaymentSucceeded(
            event_id=event.event_id,
            happened_at=event.happened_at,
            invoice_id=event.about.id("id"),
            customer_id=event.about.optional_id("customer_id"),
            paid=_money(event.about, "grand_total"),
        )
    )


def _transaction_canceled(event: _Event) -> Addressed:
    return Addressed(
        event=InvoiceVoided(
            event_id=event.event_id,
            happened_at=event.happened_at,
            invoice_id=event.about.id("id"),
            customer_id=event.about.optional_id("customer_id"),
        )
    )


def _money(transaction: Node, *names: str) -> Money | None:
    """The first of these totals that is there."""
    totals = transaction.part("details").part("totals")
    currency = totals.optional_text("currency_code") or transaction.optional_text("currency_code") or ""
    return next((money for name in names if (money := totals.minor_money(name, currency)) is not None), None)


def _latest_attempt(transaction: Node) -> Node:
    """Paddle lists the latest first; the time decides."""
    attempts = transaction.nodes("payments")
    never = datetime.min.replace(tzinfo=UTC)
    latest = max(attempts, key=lambda attempt: attempt.optional_moment_of_text("created_at") or never, default=None)
    return latest or transaction.part("payments")


def _decline(attempt: Node) -> Decline | None:
    code = attempt.code("error_code")
    if code is None:
        return None
    method = attempt.part("method_details")
    is_card = method.optional_text("type") in (None, "card")
    network = Network.named(method.part("card").optional_text("type"))
    return classify("paddle", code, network=network, payment_type=PaymentType.CARD if is_card else PaymentType.WALLET)


# Subscriptions


def _subscription_past_due(event: _Event) -> Ignored:
    return not_dunning("it names no transaction; transaction.past_due says which one is owed")


def _subscription_paused(event: _Event) -> Ignored:
    return not_dunning("a paused subscription bills nothing new; what is owed stays owed until its transaction ends")


def _subscription_canceled(event: _Event) -> Addressed:
    return Addressed(
        event=SubscriptionCancelled(
            event_id=event.event_id,
            happened_at=event.happened_at,
            invoice_id=UNRESOLVED,
            customer_id=event.about.optional_id("customer_id"),
        ),
        lookup=Lookup(subscription_id=event.about.id("id")),
    )


# Disputes


def _adjusted(event: _Event) -> Addressed | Ignored:
    """A chargeback and its reversal are two adjustments that do not name each other: the transaction stands for the
    dispute."""
    action, status = event.about.text("action"), event.about.optional_text("status")
    if action not in ("chargeback", "chargeback_reverse", "chargeback_warning"):
        return not_dunning(f"an adjustment that takes nothing back from us ({shown(action)})")
    transaction_id = event.about.id("transaction_id")
    stamp: dict[str, Any] = {
        "event_id": event.event_id,
        "happened_at": event.happened_at,
        "invoice_id": transaction_id,
        "customer_id": event.about.optional_id("customer_id"),
    }
    if action == "chargeback_warning":
        return Addressed(event=FraudWarning(**stamp, signal=action))
    if action == "chargeback" and status != "reversed":
        return Addressed(event=DisputeOpened(**stamp, dispute_id=transaction_id))
    return Addressed(event=DisputeClosed(**stamp, dispute_id=transaction_id, won=True))


# Customers and their ways to pay


def _method_saved(event: _Event) -> Addressed:
    return _method_changed(event, MethodChange.ADDED)


def _method_deleted(event: _Event) -> Addressed:
    return _method_changed(event, MethodChange.REMOVED)


def _method_changed(event: _Event, change: MethodChange) -> Addressed:
    customer_id = event.about.id("customer_id")
    return method_changed(
        event, change, Lookup(customer_id=customer_id), credential_id=event.about.id("id"), customer_id=customer_id
    )


def _customer_told(event: _Event) -> Addressed:
    customer = event.about
    news = customer_news(
        customer.id("id"),
        name=customer.optional_text("name"),
        email=customer.optional_text("email"),
        locale=customer.optional_text("locale"),
        since=customer.optional_moment_of_text("created_at"),
    )
    return customer_changed(event, customer.id("id"), news)


def _address_told(event: _Event) -> Addressed:
    address = event.about
    news = customer_news(
        address.id("customer_id"),
        country=address.optional_text("country_code"),
        subdivision=address.optional_text("region"),
        postal_code=address.optional_text("postal_code"),
    )
    return customer_changed(event, address.id("customer_id"), news)


HANDLERS: dict[str, Callable[[_Event], Addressed | Ignored]] = {
    "transaction.payment_failed": _transaction_failed,
    "transaction.past_due": _transaction_failed,
    "transaction.paid": _transaction_paid,
    "transaction.completed": _transaction_paid,
    "transaction.canceled": _transaction_canceled,
    "subscription.past_due": _subscription_past_due,
    "subscription.paused": _subscription_paused,
    "subscription.canceled": _subscription_canceled,
    "adjustment.created": _adjusted,
    "adjustment.updated": _adjusted,
    "payment_method.saved": _method_saved,
    "payment_method.deleted": _method_deleted,
    "customer.created": _customer_told,
    "customer.updated": _customer_told,
    "address.created": _address_told,
    "address.updated": _address_told,
}
