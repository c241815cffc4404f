"""Recurly's JSON notifications: `{"id", "object_type", "event_type", "event_time", ...}` and one name of the object:
`uuid`, `invoice_number` or `account_code`. They carry no amounts, codes or personal data: the relay asks the owner.

Sources (2026-11): the same pages of docs.recurly.com as for XML; they show each notification in both forms.
To understand one more kind: a function from `_Event`, a row in JSON_HANDLERS (`object_type.event_type`), a row in the
table of the test.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from activities.sources.contract import UNRESOLVED, Addressed, Lookup
from activities.sources.reading import Node, not_dunning, unknown_type
from policies.events import (
    CustomerChanged,
    Ignored,
    InvoiceVoided,
    MethodChange,
    PaymentFailed,
    PaymentMethodChanged,
    PaymentSucceeded,
    SubscriptionCancelled,
)


def said_in_json(body: Node, event_id: str) -> Addressed | Ignored:
    kind = kind_of(body)
    handler = JSON_HANDLERS.get(kind)
    return handler(_Event(event_id, body)) if handler else unknown_type(kind)


def kind_of(body: Node) -> str:
    return f"{body.text('object_type')}.{body.text('event_type')}"


def invoice_number_of(node: Node) -> str | None:
    """The id of a claim: all forms of notification name it, and payments too. With its prefix, which keeps numbers of
    countries with sequences of their own apart."""
    number = node.fields.get("invoice_number")
    is_number = isinstance(number, int) and not isinstance(number, bool)
    text = str(number) if is_number else node.optional_text("invoice_number")
    if text is None:
        return None
    prefix = node.optional_text("invoice_number_prefix") or ""
    return Node(node.path, {"invoice_number": prefix + text}).id("invoice_number")


def will_not_renew(_: object) -> Ignored:
    return not_dunning("the subscription will not renew, and goes on until its end; the running term is still owed")


@dataclass(frozen=True)
class _Event:
    event_id: str
    body: Node

    @property
    def invoice_number(self) -> str:
        number = invoice_number_of(self.body)
        if number is None:
            raise self.body.wrong("invoice_number", "an invoice number")
        return number

    def about(self, invoice_id: str = UNRESOLVED) -> dict[str, Any]:
        """What every fact has."""
        return {
            "event_id": self.event_id,
            "happened_at": self.body.moment_of_text("event_time"),
            "invoice_id": invoice_id,
            "customer_id": self.body.id_or_none("account_code"),
        }


def _payment_failed(event: _Event) -> Addressed:
    return Addressed(event=PaymentFailed(**event.about()), lookup=Lookup(payment_id=event.body.id("uuid")))


def _invoice_due(event: _Event) -> Addressed:
    """Whether it is a first payment or paid by hand, the invoice says that `open_case` reads."""
    return Addressed(event=PaymentFailed(**event.about(event.invoice_number)))


def _invoice_paid(event: _Event) -> Addressed:
    """All of it, however much that was: JSON tells no sums."""
    return Addressed(event=PaymentSucceeded(**event.about(event.invoice_number)))


def _some_payment(_: _Event) -> Ignored:
    return not_dunning("JSON does not say whether the payment was all that was owed; charge_invoice.paid does")


def _closed(_: _Event) -> Ignored:
    return not_dunning("JSON does not say whether the invoice was closed as paid; charge_invoice.paid does")


def _invoice_failed(event: _Event) -> Addressed:
    return Addressed(event=InvoiceVoided(**event.about(event.invoice_number)))


def _subscription_expired(event: _Event) -> Addressed:
    lookup = Lookup(subscription_id=event.body.id("uuid"))
    return Addressed(event=SubscriptionCancelled(**event.about()), lookup=lookup)


def _method_changed(event: _Event) -> Addressed:
    """`id` is the billing info's, and finds the claims where the account's code cannot stand in a history. Otherwise it
    may be one of several, and the relay asks which one is charged."""
    customer_id = event.body.id_or_none("account_code")
    credential_id = None if customer_id else event.body.id("id")
    return Addressed(
        event=PaymentMethodChanged(**event.about(), change=MethodChange.UPDATED, credential_id=credential_id),
        lookup=Lookup(customer_id=customer_id, credential_id=credential_id),
    )


def _account_changed(event: _Event) -> Addressed:
    event.body.id("account_code")
    return Addressed(event=CustomerChanged(**event.about()))


JSON_HANDLERS: dict[str, Callable[[_Event], Addressed | Ignored]] = {
    "payment.failed": _payment_failed,
    "payment.succeeded": _some_payment,
    "dunning_event.created": _invoice_due,
    "charge_invoice.past_due": _invoice_due,
    "charge_invoice.paid": _invoice_paid,
    "charge_invoice.failed": _invoice_failed,
    "invoice.past_due": _invoice_due,
    "invoice.closed": _closed,
    "subscription.expired": _subscription_expired,
    "subscription.canceled": will_not_renew,
    "billing_info.updated": _method_changed,
    "account.created": _account_changed,
    "account.updated": _account_changed,
}
