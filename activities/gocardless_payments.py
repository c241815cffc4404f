"""A GoCardless payment and the tries that were made on it, as its events tell them.

GoCardless retries a payment under its own id, so one payment may be many tries: each begins with `created` or
`resubmission_requested`, and the last decisive event before the next beginning says what became of it. A retry's
metadata stands on the event `resubmission_requested` and nowhere else. Events are written a little later than what they
tell. Sources (November 2026): developer.gocardless.com/api-reference/#core-endpoints-payments and
/#core-endpoints-events.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from pydantic import ValidationError

from activities.errors import Unavailable
from activities.gateways.contract import Declined, Pending, Succeeded
from activities.gocardless_client import Fields
from activities.sources.gocardless import (
    ATTEMPT_MARK,
    BY_THE_MERCHANT,
    CLAIM_MARK,
    attempt_marked,
    decline_of_ended,
    decline_told,
)
from activities.sources.reading import Node
from policies.base import Record, UtcTime
from policies.declines import Decline, classify
from policies.instruments import Instrument, Network, PaymentType
from policies.invoices import Actor
from policies.money import Money

COLLECTED = frozenset({"confirmed", "paid_out"})
UNDER_WAY = frozenset({"pending_customer_approval", "pending_submission", "submitted"})
UNPAID = frozenset({"failed", "cancelled", "customer_approval_denied"})
"""The claim is owed, and nothing collects it. What is left is `charged_back`."""

_SAYS_YES = frozenset({"confirmed", "paid_out", "chargeback_cancelled"})
_SAYS_NO = frozenset({"failed", "cancelled", "customer_approval_denied", "charged_back"})


class PaymentLinks(Record):
    mandate: str | None = None
    subscription: str | None = None


class Payment(Record):
    id: str
    amount: int
    currency: str
    status: str
    created_at: UtcTime
    amount_refunded: int = 0
    charge_date: date | None = None
    scheme: str | None = None
    metadata: dict[str, str] = {}
    links: PaymentLinks = PaymentLinks()

    @property
    def money(self) -> Money:
        return Money(amount_minor=self.amount, currency=self.currency)

    @property
    def pays_for(self) -> str | None:
        """The claim in whose place our gateway created it."""
        return self.metadata.get(CLAIM_MARK) if attempt_marked(self.metadata) else None

    @property
    def is_refunded(self) -> bool:
        return self.amount_refunded >= self.amount


class MandateLinks(Record):
    customer: str | None = None
    customer_bank_account: str | None = None
    new_mandate: str | None = None


class Mandate(Record):
    id: str
    status: str
    scheme: str | None = None
    links: MandateLinks = MandateLinks()


class BankAccount(Record):
    id: str
    country_code: str | None = None
    bank_name: str | None = None
    account_number_ending: str | None = None

    @property
    def last4(self) -> str | None:
        """GoCardless tells the last few digits, in some schemes two."""
        ending = self.account_number_ending
        return ending[-4:] if ending and ending.isascii() and ending.isalnum() else None


class EventDetails(Record):
    origin: str | None = None
    cause: str | None = None
    will_attempt_retry: bool | None = None


class EventLinks(Record):
    new_mandate: str | None = None
    parent_event: str | None = None


class Event(Record):
    """`fields`: the event as GoCardless tells it."""

    id: str
    created_at: UtcTime
    action: str
    details: EventDetails = EventDetails()
    links: EventLinks = EventLinks()
    metadata: dict[str, str] = {}
    fields: dict[str, object] = {}

    @property
    def was_meant(self) -> bool:
        """Of a cancellation: by the merchant, as the Speaker tells it from one that came with the end of a mandate."""
        cause = self.details.cause
        return cause in BY_THE_MERCHANT if cause else self.links.parent_event is None

    @property
    def decline(self) -> Decline:
        """As the Speaker reads it, but always one: here it is known that the try failed."""
        told = decline_told(Node("details", self.fields))
        if self.action == "cancelled" and not self.was_meant:
            return decline_of_ended(told)
        return told or classify("gocardless", None, payment_type=PaymentType.BANK_DEBIT)


@dataclass(frozen=True)
class Try:
    """`key`: what stands under our mark, if anything. `ended` is None while it is under way."""

    key: str | None
    actor: Actor
    ended: Event | None

    @property
    def is_ours(self) -> bool:
        return attempt_marked({ATTEMPT_MARK: self.key}) is not None

    @property
    def said_no(self) -> Event | None:
        return self.ended if self.ended and self.ended.action in _SAYS_NO else None


def events_read(told: Iterable[Fields]) -> tuple[Event, ...]:
    """The oldest first; GoCardless lists the newest first. Raises Unavailable when one cannot be read."""
    try:
        events = [Event.model_validate({**each, "fields": each.get("details") or {}}) for each in told]
    except ValidationError:
        raise Unavailable("GoCardless lists something that is no event") from None
    return tuple(reversed(events))


def payments_read(told: Iterable[Fields]) -> tuple[Payment, ...]:
    try:
        return tuple(Payment.model_validate(each) for each in told)
    except ValidationError:
        raise Unavailable("GoCardless lists something that is no payment") from None


def tries_of(payment: Payment, events: Sequence[Event]) -> tuple[Try, ...]:
    """Events may reach back less far than the payment: then the first try has no beginning."""
    tries: list[Try] = [Try(payment.metadata.get(ATTEMPT_MARK), "gateway", None)]
    for event in events:
        if event.action == "resubmission_requested":
            actor: Actor = "staff" if event.details.origin == "api" else "gateway"
            tries.append(Try(event.metadata.get(ATTEMPT_MARK), actor, None))
        elif event.action in _SAYS_YES | _SAYS_NO:
            tries[-1] = Try(tries[-1].key, tries[-1].actor, event)
    return tuple(tries)


def outcome_of(payment: Payment, tries: Sequence[Try], key: str) -> Succeeded | Declined | Pending | None:
    """None when no try carries the key. The status is ahead of the events; only good news is taken from it."""
    found = next((each for each in tries if each.key == key), None)
    if found is None:
        return None
    if found.said_no:
        return Declined(reference=payment.id, decline=found.said_no.decline)
    if found.ended or (found is tries[-1] and payment.status in COLLECTED):
        return Succeeded(reference=payment.id)
    return Pending(reference=payment.id)


def is_owed(payment: Payment, tries: Sequence[Try]) -> bool:
    """It failed, or ended with its mandate. What the merchant called off is owed by nobody."""
    ended = tries[-1].ended
    was_called_off = payment.status == "cancelled" and ended is not None and ended.was_meant
    return payment.status in UNPAID and not was_called_off


def waits_for_its_events(payment: Payment, tries: Sequence[Try]) -> bool:
    """The payment is under way again, and its events do not say yet who asked for it."""
    return payment.status in UNDER_WAY and tries[-1].said_no is not None


def instrument_of(scheme: str | None, account: BankAccount | None) -> Instrument:
    return Instrument(
        payment_type=PaymentType.BANK_DEBIT,
        network=Network.named(scheme),
        country=account.country_code if account else None,
        issuer=account.bank_name if account else None,
        fingerprint=account.id if account else None,
    )
