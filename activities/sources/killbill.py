"""What Kill Bill says, in our words: `{"eventType", "accountId", "objectType", "objectId", "metaData"}`.

Its push notifications are terse by design (docs.killbill.io, "push notifications"; the types in killbill-plugin-api,
read in November 2026): no id, no signature, mostly no time, and what there is of details is JSON in a text. It sends no
credentials either, so something in front of us adds them: docs/sources/killbill.md. To understand one more type: a row
in HANDLERS.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from activities.sources.contract import UNRESOLVED, Addressed, Item, Lookup, Rejected, Verified
from activities.sources.reading import (
    NO_TIME,
    Node,
    ReadingSpeaker,
    Wrong,
    key_by_hash,
    not_dunning,
    object_of,
    parsed,
    shown,
    unknown_type,
)
from activities.sources.signatures import basic_auth_complaint, basic_auth_matches
from policies.events import (
    AnyEvent,
    CustomerChanged,
    DisputeClosed,
    DisputeOpened,
    Ignored,
    PaymentFailed,
    PaymentSucceeded,
    SubscriptionCancelled,
)
from policies.money import Money

CLEAR_STATE = "__KILLBILL__CLEAR__OVERDUE_STATE__"
MOMENTS = ("paymentDate", "effectiveDate")
NESTED_TEXTS = 2
"""How many texts deep an object may be written in `metaData`."""


class KillBillSpeaker(ReadingSpeaker):
    """Stateless; the passwords are handed in. The header is the password itself: it is not kept."""

    name = "killbill"

    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected:
        return basic_auth_matches(headers, secrets)

    def complaint_about(self, secret: str) -> str | None:
        return basic_auth_complaint(secret)

    def _items(self, body: bytes) -> Iterable[Item]:
        about = object_of(body)
        about.text("eventType")
        return (Item(event_key=key_by_hash(body), body=body, nameless=not _tells_a_moment(_details(about))),)

    def _said(self, body: bytes, event_id: str) -> Addressed | Ignored:
        about = object_of(body)
        kind = about.text("eventType")
        handler = HANDLERS.get(kind)
        if handler is None:
            return unknown_type(kind)
        return handler(_Notification(event_id, about, _details(about)))


@dataclass(frozen=True)
class _Notification:
    event_id: str
    about: Node
    details: Node

    @property
    def at(self) -> datetime | None:
        """A date alone says too little to put events in order."""
        for name in MOMENTS:
            if "T" in (self.details.optional_text(name) or ""):
                return self.details.optional_moment_of_text(name)
        return None


def _tells_a_moment(details: Node) -> bool:
    """Any text will do, a day alone too: it tells two events apart as long as it differs."""
    return any(details.optional_text(name) for name in MOMENTS)


def _details(about: Node) -> Node:
    """`metaData`: an object, one in a text, or one in a text in a text; empty when it is null, absent or a word."""
    value = about.fields.get("metaData")
    for _ in range(NESTED_TEXTS):
        if not isinstance(value, str):
            break
        try:
            _, value = parsed(value.encode("utf-8", "replace"))
        except Wrong:
            value = None
    return Node("metaData", value if isinstance(value, dict) else {})


def _told(
    said: _Notification, model: Callable[..., AnyEvent], lookup: Lookup | None = None, **fields: Any
) -> Addressed:
    event = model(
        event_id=said.event_id,
        happened_at=said.at or NO_TIME,
        customer_id=said.about.optional_id("accountId"),
        **{"invoice_id": UNRESOLVED, **fields},
    )
    return Addressed(event=event, lookup=lookup, undated=said.at is None)


# Payments of invoices


def _invoice_payment_failed(said: _Notification) -> Addressed | Ignored:
    """Kill Bill tries again by itself, by the tenant's schedule, which no event tells."""
    if why := _no_attempt(said):
        return why
    amount = _amount(said)
    if amount and amount.amount_minor <= 0:
        return not_dunning("nothing is owed (amount is 0)")
    return _told(said, PaymentFailed, invoice_id=said.about.id("objectId"), amount=amount, retries_itself=True)


def _invoice_payment_succeeded(said: _Notification) -> Addressed | Ignored:
    """A chargeback is told as a payment of its own kind, too."""
    invoice_id = said.about.id("objectId")
    if said.details.optional_text("invoicePaymentType") == "CHARGED_BACK":
        dispute_id = said.details.id_or_none("paymentId") or invoice_id
        return _told(said, DisputeOpened, invoice_id=invoice_id, dispute_id=dispute_id)
    return _no_attempt(said) or _paid(said, invoice_id=invoice_id)


def _no_attempt(said: _Notification) -> Ignored | None:
    kind = said.details.optional_text("invoicePaymentType")
    return None if kind in (None, "ATTEMPT") else not_dunning(f"no payment of the invoice ({shown(kind)})")


def _invoice_adjusted(said: _Notification) -> Ignored:
    return not_dunning("the invoice was adjusted, or voided; what is owed is read at Kill Bill before each act")


# Payments


def _payment_failed(said: _Notification) -> Addressed | Ignored:
    """A chargeback that "fails" is one that was taken back: that is how Kill Bill writes it down."""
    payment_id, kind = said.about.optional_id("objectId"), said.details.optional_text("transactionType")
    if payment_id is None:
        return not_dunning("it names no payment; of invoices INVOICE_PAYMENT_FAILED tells")
    lookup = Lookup(payment_id=payment_id)
    if kind == "CHARGEBACK":
        return _told(said, DisputeClosed, lookup, dispute_id=payment_id, won=True)
    if why := _not_collected(said, kind):
        return why
    return _told(said, PaymentFailed, lookup, amount=_amount(said), retries_itself=True)


def _payment_succeeded(said: _Notification) -> Addressed | Ignored:
    payment_id, kind = said.about.id("objectId"), said.details.optional_text("transactionType")
    lookup = Lookup(payment_id=payment_id)
    if kind == "CHARGEBACK":
        return _told(said, DisputeOpened, lookup, dispute_id=payment_id)
    if kind is None:
        return not_dunning("it says of no transaction whether it paid, refunded or took back")
    return _not_collected(said, kind) or _paid(said, lookup)


def _not_collected(said: _Notification, kind: str | None) -> Ignored | None:
    if kind not in (None, "PURCHASE", "CAPTURE"):
        return not_dunning(f"a transaction that collects nothing ({shown(kind)})")
    status = said.details.optional_text("status")
    if status in ("PENDING", "UNKNOWN"):
        return not_dunning(f"how the payment ends is not known yet ({shown(status)})")
    return None


def _paid(said: _Notification, lookup: Lookup | None = None, invoice_id: str = UNRESOLVED) -> Addressed | Ignored:
    """The sum is that of one payment."""
    paid = _amount(said)
    if paid and paid.amount_minor <= 0:
        return not_dunning("nothing was paid (amount is not above 0)")
    told = _told(said, PaymentSucceeded, lookup, invoice_id=invoice_id, paid=paid)
    return told.model_copy(update={"one_payment": True})


def _amount(said: _Notification) -> Money | None:
    """Null in some failures; without its currency it is none."""
    currency = said.details.optional_text("currency")
    return said.details.major_money("amount", currency) if currency else None


# Accounts and subscriptions


def _account_changed(said: _Notification) -> Addressed:
    """What is new about the account is not told."""
    account_id = said.about.id("accountId")
    return _told(said, CustomerChanged, Lookup(customer_id=account_id))


def _subscription_cancelled(said: _Notification) -> Addressed | Ignored:
    """Told when it is asked for, and again when it comes into effect."""
    if said.details.optional_text("actionType") == "REQUESTED":
        return not_dunning("the subscription ends later; that it has ended is told then")
    return _told(said, SubscriptionCancelled, Lookup(subscription_id=said.about.id("objectId")))


def _overdue_changed(said: _Notification) -> Ignored:
    state = said.details.optional_text("stateName")
    if state == CLEAR_STATE:
        return not_dunning("the account is overdue no more; the payment itself comes as INVOICE_PAYMENT_SUCCESS")
    return not_dunning(f"Kill Bill's own state of the account changed ({shown(state)})")


HANDLERS: dict[str, Callable[[_Notification], Addressed | Ignored]] = {
    "INVOICE_PAYMENT_FAILED": _invoice_payment_failed,
    "INVOICE_PAYMENT_SUCCESS": _invoice_payment_succeeded,
    "INVOICE_ADJUSTMENT": _invoice_adjusted,
    "PAYMENT_FAILED": _payment_failed,
    "PAYMENT_SUCCESS": _payment_succeeded,
    "ACCOUNT_CREATION": _account_changed,
    "ACCOUNT_CHANGE": _account_changed,
    "SUBSCRIPTION_CANCEL": _subscription_cancelled,
    "OVERDUE_CHANGE": _overdue_changed,
    "BLOCKING_STATE": _overdue_changed,
}
