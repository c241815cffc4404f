"""The source port. A Speaker is pure and total: it verifies, splits and normalises what was sent to us. An Owner is
asked: it owns the invoice and knows the truth now. A Prover is asked only where a signature cannot be checked with what
we have."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

from activities.channels.news import MessageNews
from activities.customers import Customer
from activities.sources.customer_news import CustomerNews
from policies.base import Identifier, Record, UtcTime
from policies.events import AnyEvent, Ignored, Unreadable
from policies.invoices import InvoiceNow
from policies.money import Money


class Verified(Record):
    """`signed_at` is the sender's time stamp inside the signature; None where the scheme has none. Then a replay is
    caught by the inbox alone: the same bytes are stored once."""

    signed_at: UtcTime | None = None


class Rejected(Record):
    """Why the signature does not hold: one sentence for the sender's engineer; never a secret."""

    reason: str


class Unproven(Record):
    """Nothing speaks against the signature, but to check it something must be fetched from the sender. The delivery is
    stored, and the relay has it proven before it does anything else with it."""

    reason: str


class Item(Record):
    """One event of a delivery. `event_key` is the source's id of it, else a hash of the item. `nameless`: it has no id
    and no time, so the same bytes on another day are another event."""

    event_key: str
    body: bytes
    nameless: bool = False


class Malformed(Record):
    """The body is not what this source sends; `reason` names what is wrong."""

    reason: str


class Lookup(Record):
    """An event that names no invoice: the relay finds the invoices by one of these."""

    payment_id: Identifier | None = None
    subscription_id: Identifier | None = None
    credential_id: Identifier | None = None
    customer_id: Identifier | None = None


class Addressed(Record):
    """What one item says. `lookup` is set when `event.invoice_id` is not known yet (it is then UNRESOLVED). `customer`:
    what it tells of a person on top; that goes to the customer directory and into no history. `undated`: the source
    sends no times; the relay takes the time of receipt for `event.happened_at`. `one_payment`: the sum of a success is
    that of one payment, and only the invoice says whether more is owed; the relay reads it. `running_account`: the
    claim is a subscription that goes on, so a failure after a write-off is a new debt. `attempt_key`: the key of an
    attempt of ours that the sender repeats to us, and `reference` its own id of it: the attempt is settled in the
    ledger, and its case is told, wherever that case's invoice is owned."""

    event: AnyEvent
    lookup: Lookup | None = None
    customer: CustomerNews | None = None
    undated: bool = False
    one_payment: bool = False
    running_account: bool = False
    attempt_key: Identifier | None = None
    reference: Identifier | None = None

    def dated(self, received_at: datetime) -> "Addressed":
        if not self.undated:
            return self
        return self.model_copy(update={"event": self.event.model_copy(update={"happened_at": received_at})})


UNRESOLVED = "unresolved"

REQUESTED_ADDRESS = "recoup-requested-address"
"""Among the headers that `verify` gets, added by the API: the public address that was asked, with its query, for those
who sign it."""


class Speaker(ABC):
    """What one source says. Pure; no method ever raises, whatever the bytes."""

    name: str

    kept_headers: tuple[str, ...] = ()
    """In lower case: what `verify` reads. They are stored beside the body, so that a delivery can be proven later."""

    accepted: str | None = None
    """The body that the sender wants to read when we keep an event; None: our receipt, as JSON."""

    answers_in = "text/plain"

    @abstractmethod
    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected | Unproven: ...

    @abstractmethod
    def split(self, body: bytes) -> tuple[Item, ...] | Malformed: ...

    @abstractmethod
    def normalise(self, body: bytes, event_id: str) -> Addressed | MessageNews | Ignored | Unreadable:
        """`body` is an Item's. MessageNews: from those who carry our messages."""
        ...

    def answer_to(self, body: bytes) -> str | None:
        """The body that the sender wants to read when we keep this delivery; None: our receipt, as JSON."""
        return self.accepted

    def complaint_about(self, secret: str) -> str | None:
        """Why a configured secret cannot be one of this source's, and what to write instead; never the secret."""
        return None if secret.strip() else "it is empty"

    def answer_to_challenge(self, query: Mapping[str, str], secrets: Sequence[str]) -> str | None:
        """What the source wants to read when it asks, by GET, whether the address is ours."""
        return None


class Prover(Protocol):
    """Checks what the Speaker left Unproven. Raises Unavailable or Misconfigured."""

    async def prove(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], received_at: datetime
    ) -> Verified | Rejected: ...


class PaymentElsewhere(Record):
    """Money for an invoice that a gateway took which does not own it. `key`: of the attempt; telling it again changes
    nothing. `reference`: the gateway's id of the payment. `at`: the case's time."""

    key: str
    invoice_id: Identifier
    amount: Money
    gateway: str
    reference: str
    at: UtcTime


Ending = Literal["mark_uncollectible", "cancel_subscription"]


class CloseOut(Record):
    """How an invoice is to end at its owner when its case gave it up. `key` makes repeating it harmless. `at`: the
    case's time."""

    key: str
    invoice_id: Identifier
    subscription_id: Identifier | None
    how: Ending
    at: UtcTime


class OwnerCapabilities(Record):
    """What an owner can do; docs/gateways/README.md prints them side by side.

    `books_payments`: money that came another way can be booked on an invoice of its. `closes_out`: the ways in which an
    invoice can be ended there. `lists_events`: what it told can be asked for once more.
    """

    books_payments: bool
    closes_out: tuple[Ending, ...]
    lists_events: bool


class Owner(Protocol):
    """Raises Unavailable, RateLimited, Misconfigured or NotFound (no such invoice). `now` is the case's time."""

    capabilities: OwnerCapabilities

    async def invoice_now(self, invoice_id: str, now: datetime) -> InvoiceNow:
        """With the attempts that others made. What carries a key of ours is left out; what merely may be ours is told,
        under the gateway's reference, by which the ledger knows it."""
        ...

    async def customer(self, customer_id: str) -> Customer | None:
        """Name, segment and contact points as far as the owner knows them; None when it knows nothing."""
        ...

    async def invoice_of_payment(self, payment_id: str) -> str | None:
        """The invoice that a payment pays; None when it pays none."""
        ...

    async def record_payment(self, payment: PaymentElsewhere) -> None:
        """Books the money on the invoice; harmless to repeat. Raises Misconfigured where the owner cannot."""
        ...

    async def close_out(self, ending: CloseOut) -> None:
        """Harmless to repeat, and to an invoice that has ended otherwise. Raises Misconfigured where the owner
        cannot."""
        ...

    def events_since(self, source: str, since: datetime) -> AsyncIterator[Item] | None:
        """What the owner has to tell since then, oldest first, as the source's Speaker reads it; None when it keeps no
        list for that source."""
        ...
