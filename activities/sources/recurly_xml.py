"""Recurly's XML notifications: the root element names the kind, `<failed_payment_notification>`; below it stand the
`account` and what it is about: `transaction`, `invoice`, `subscription`.

There is no event id, a transaction names no currency, and what is about an account alone has no time. Sources (as of
2026-11): docs.recurly.com, "Payment notifications", and those for charge invoices, invoices, dunning events,
subscriptions and accounts.
To understand one more kind: a function from `_Notice`, a row in HANDLERS, a row in the table of the test.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from activities.sources.contract import UNRESOLVED, Addressed, Lookup
from activities.sources.customer_news import CustomerNews, customer_news, full_name
from activities.sources.reading import NO_TIME, Node, Wrong, not_dunning, shown, unknown_type
from activities.sources.recurly_json import invoice_number_of, will_not_renew
from activities.sources.xml_reading import xml_of
from policies.declines import Category, Decline, classify
from policies.events import (
    CustomerChanged,
    FraudWarning,
    Ignored,
    InvoiceVoided,
    MethodChange,
    PaymentFailed,
    PaymentMethodChanged,
    PaymentSucceeded,
    SubscriptionCancelled,
)
from policies.money import Money


def said_in_xml(body: bytes, event_id: str) -> Addressed | Ignored:
    kind, content = notification_of(body)
    handler = HANDLERS.get(kind)
    return handler(_Notice(event_id, content)) if handler else unknown_type(kind)


def notification_of(body: bytes) -> tuple[str, Node]:
    kind, content = xml_of(body)
    if not kind.endswith("_notification"):
        raise Wrong("body", f"the body is no notification: its root is {shown(kind)}")
    return kind, content


@dataclass(frozen=True)
class _Notice:
    event_id: str
    content: Node

    def the(self, name: str) -> Node:
        """Empty when it is missing. Of an element that stands twice the first counts that says something; that goes
        for lists too, such as the subscriptions of an invoice."""
        return _with_firsts(_with_firsts(self.content).part(name))

    @property
    def customer_id(self) -> str | None:
        """None for account codes that cannot stand in a history, such as e-mail addresses."""
        return self.the("account").id_or_none("account_code")

    def about(self, happened_at: datetime, invoice_id: str = UNRESOLVED) -> dict[str, Any]:
        """What every fact has."""
        return {
            "event_id": self.event_id,
            "happened_at": happened_at,
            "invoice_id": invoice_id,
            "customer_id": self.customer_id,
        }

    @property
    def transaction_at(self) -> datetime:
        return self.the("transaction").moment_of_text("date")

    @property
    def invoice_at(self) -> datetime:
        """The newest time that the invoice knows: `updated_at`; on sites without credit invoices, which have none, when
        it was closed, made or last charged."""
        stamps = [("invoice", name) for name in ("updated_at", "closed_at", "date", "created_at")]
        told = [(self.the(one), name) for one, name in (*stamps, ("transaction", "date"))]
        found = [node.moment_of_text(name) for node, name in told if node.fields.get(name) not in (None, "")]
        if not found:
            raise self.the("invoice").wrong("updated_at", "an ISO 8601 time between 2000 and 2100")
        return max(found)


def _with_firsts(node: Node) -> Node:
    return Node(node.path, {name: _first(value) for name, value in node.fields.items()})


def _first(value: object) -> object:
    return next((one for one in value if one not in (None, "")), None) if isinstance(value, list) else value


def _payment_failed(notice: _Notice) -> Addressed | Ignored:
    """It names no currency, so what is owed is not known from it."""
    transaction = notice.the("transaction")
    if why := _no_claim(transaction):
        return why
    invoice_id = invoice_number_of(transaction)
    return Addressed(
        event=PaymentFailed(
            **notice.about(notice.transaction_at, invoice_id or UNRESOLVED),
            subscription_id=transaction.id_or_none("subscription_id"),
            decline=_decline(transaction),
        ),
        lookup=None if invoice_id else Lookup(payment_id=transaction.id("id")),
        customer=_news(notice),
    )


def _payment_succeeded(notice: _Notice) -> Ignored:
    return not_dunning(
        "it names no currency and not whether the invoice is settled; "
        "paid_charge_invoice_notification or closed_invoice_notification does"
    )


def _payment_voided(notice: _Notice) -> Ignored:
    return not_dunning("the merchant gave a payment back before it settled; what is owed then stands in the invoice")


def _transaction_updated(notice: _Notice) -> Addressed | Ignored:
    transaction = notice.the("transaction")
    match status := transaction.text("status").lower():
        case "declined" | "failed" | "error":
            return _payment_failed(notice)
        case "success":
            return _payment_succeeded(notice)
        case "void":
            return _payment_voided(notice)
        case _:
            return not_dunning(f"the transaction is {shown(status)}: it neither failed nor succeeded")


def _fraud_told(notice: _Notice) -> Addressed | Ignored:
    """Sent whenever a review changes, also when it ends well; only a failure for fraud is a warning."""
    transaction = notice.the("transaction")
    signal = transaction.code("failure_type") or ""
    if not signal.startswith("fraud"):
        return not_dunning("a fraud review changed, and the notification does not say that it suspects the payment")
    invoice_id = invoice_number_of(transaction)
    return Addressed(
        event=FraudWarning(**notice.about(notice.transaction_at, invoice_id or UNRESOLVED), signal=signal),
        lookup=None if invoice_id else Lookup(payment_id=transaction.id("id")),
        customer=_news(notice),
    )


def _invoice_due(notice: _Notice) -> Addressed | Ignored:
    """Past due, or an event of Recurly's own dunning: sites without credit invoices send the transaction along."""
    invoice = notice.the("invoice")
    if invoice.fields.get("collection_method") == "manual":
        return not_dunning("the invoice is paid by hand (collection_method manual)")
    if invoice.fields.get("origin") == "purchase":
        return not_dunning("first payment of a new subscription (origin purchase)")
    amount = _money(invoice, "balance_in_cents") or _money(invoice, "total_in_cents")
    if amount and amount.amount_minor <= 0:
        return not_dunning("nothing is owed (the balance is not above 0)")
    subscription_id = invoice.id_or_none("subscription_ids") or invoice.id_or_none("subscription_id")
    return Addressed(
        event=PaymentFailed(
            **notice.about(notice.invoice_at, _number_of(invoice)),
            amount=amount,
            subscription_id=subscription_id,
            decline=_decline(notice.the("transaction")),
        ),
        customer=_news(notice),
    )


def _invoice_paid(notice: _Notice) -> Addressed:
    """`paid` is all that settled the invoice: money, credits, and what was marked as paid by hand."""
    invoice = notice.the("invoice")
    total, balance = _money(invoice, "total_in_cents"), _money(invoice, "balance_in_cents")
    if total is None:
        raise invoice.wrong("total_in_cents" if invoice.optional_text("currency") else "currency", "what was paid")
    paid = total.amount_minor - (balance.amount_minor if balance else 0)
    about = notice.about(notice.invoice_at, _number_of(invoice))
    return Addressed(
        event=PaymentSucceeded(
            **about,
            paid=Money(amount_minor=paid, currency=total.currency),
            remaining=balance if balance and balance.amount_minor > 0 else None,
        ),
        customer=_news(notice),
    )


def _invoice_failed(notice: _Notice) -> Addressed:
    """Recurly wrote it off: a failed invoice is never collected again, and cannot be reopened."""
    about = notice.about(notice.invoice_at, _number_of(notice.the("invoice")))
    return Addressed(event=InvoiceVoided(**about), customer=_news(notice))


def _invoice_closed(notice: _Notice) -> Addressed | Ignored:
    match state := notice.the("invoice").text("state"):
        case "collected" | "paid":
            return _invoice_paid(notice)
        case "failed":
            return _invoice_failed(notice)
        case _:
            return not_dunning(f"the invoice was closed as {shown(state)}: neither paid nor failed")


def _subscription_expired(notice: _Notice) -> Addressed:
    """The end of service ends the claim."""
    subscription = notice.the("subscription")
    return Addressed(
        event=SubscriptionCancelled(**notice.about(subscription.moment_of_text("expires_at"))),
        lookup=Lookup(subscription_id=subscription.id("uuid")),
        customer=_news(notice),
    )


def _method_changed(notice: _Notice) -> Addressed:
    customer_id = notice.the("account").id("account_code")
    return Addressed(
        event=PaymentMethodChanged(**notice.about(NO_TIME), change=MethodChange.UPDATED),
        lookup=Lookup(customer_id=customer_id),
        customer=_news(notice),
        undated=True,
    )


def _method_refused(notice: _Notice) -> Ignored:
    return not_dunning("new payment details were refused, so the old ones stay")


def _account_changed(notice: _Notice) -> Addressed:
    notice.the("account").id("account_code")
    return Addressed(event=CustomerChanged(**notice.about(NO_TIME)), customer=_news(notice), undated=True)


HANDLERS: dict[str, Callable[[_Notice], Addressed | Ignored]] = {
    "failed_payment_notification": _payment_failed,
    "successful_payment_notification": _payment_succeeded,
    "void_payment_notification": _payment_voided,
    "transaction_status_updated_notification": _transaction_updated,
    "fraud_info_updated_notification": _fraud_told,
    "new_dunning_event_notification": _invoice_due,
    "past_due_charge_invoice_notification": _invoice_due,
    "past_due_invoice_notification": _invoice_due,
    "paid_charge_invoice_notification": _invoice_paid,
    "failed_charge_invoice_notification": _invoice_failed,
    "closed_invoice_notification": _invoice_closed,
    "expired_subscription_notification": _subscription_expired,
    "canceled_subscription_notification": will_not_renew,
    "billing_info_updated_notification": _method_changed,
    "billing_info_update_failed_notification": _method_refused,
    "new_account_notification": _account_changed,
    "updated_account_notification": _account_changed,
}

WITHOUT_TIME = frozenset(
    kind for kind, handler in HANDLERS.items() if handler in (_method_changed, _method_refused, _account_changed)
)
"""What is about an account alone has neither an id nor a time."""


# Parts that several notifications share


def _no_claim(transaction: Node) -> Ignored | None:
    """Refused transactions that collect no invoice."""
    transaction.id("id")
    action = transaction.fields.get("action")
    if action not in (None, "", "purchase", "capture"):
        return not_dunning(f"the transaction collects nothing: {shown(action)}")
    if transaction.fields.get("source") == "billing_info":
        return not_dunning("the transaction only checks payment details")
    if transaction.fields.get("amount_in_cents") == "0":
        return not_dunning("nothing is owed (amount_in_cents is 0)")
    if all(transaction.fields.get(name) in (None, "") for name in ("invoice_number", "invoice_id")):
        return not_dunning("the transaction belongs to no invoice: a sign-up or a check of payment details")
    return None


def _number_of(invoice: Node) -> str:
    number = invoice_number_of(invoice)
    if number is None:
        raise invoice.wrong("invoice_number", "an invoice number")
    return number


def _money(invoice: Node, name: str) -> Money | None:
    currency = invoice.optional_text("currency")
    return invoice.minor_money(name, currency) if currency else None


def _decline(transaction: Node) -> Decline | None:
    """The gateway's own code where we have its table, else Recurly's word for the failure."""
    gateway, code = transaction.code("gateway") or "recurly", transaction.code("gateway_error_codes")
    failure = transaction.code("failure_type")
    own = classify(gateway, code) if code else None
    if own and (failure is None or own.category is not Category.UNKNOWN):
        return own
    return classify("recurly", failure) if failure else None


def _news(notice: _Notice) -> CustomerNews | None:
    account, address = notice.the("account"), notice.the("invoice").part("address")
    return customer_news(
        notice.customer_id,
        name=full_name(account.optional_text("first_name"), account.optional_text("last_name"))
        or account.optional_text("company_name"),
        email=account.optional_text("email"),
        phone=account.optional_text("phone") or address.optional_text("phone"),
        country=address.optional_text("country"),
        subdivision=address.optional_text("state"),
        postal_code=address.optional_text("zip"),
    )
