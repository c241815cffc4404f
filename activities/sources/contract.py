"""The source port has two halves. A Speaker is pure and total: it verifies, splits and normalises what was sent to us.
An Owner is asked: it owns the invoice and knows the truth now."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from activities.customers import Customer
from policies.base import Identifier, Record, UtcTime
from policies.events import CaseEvent, Ignored, Unreadable
from policies.facts import InvoiceNow


class Verified(Record):
    """`signed_at` is the sender's time stamp inside the signature."""

    signed_at: UtcTime


class Rejected(Record):
    """Why the signature does not hold: one sentence for the sender's engineer; never a secret."""

    reason: str


class Item(Record):
    """One event of a delivery. `event_key` is the source's id of it, else a hash of the item."""

    event_key: str
    body: bytes


class Malformed(Record):
    """The body is not what this source sends; `reason` names what is wrong."""

    reason: str


class Lookup(Record):
    """An event that names no invoice: the relay finds the invoice by one of these and hands it to `event_for`."""

    payment_id: Identifier | None = None
    subscription_id: Identifier | None = None


class Addressed(Record):
    """What one item says. `lookup` is set when `event.invoice_id` is not known yet (it is then `unresolved`)."""

    event: CaseEvent
    lookup: Lookup | None = None


UNRESOLVED = "unresolved"


class Speaker(Protocol):
    """Pure; none of the three ever raises, whatever the bytes."""

    name: str

    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected: ...

    def split(self, body: bytes) -> tuple[Item, ...] | Malformed: ...

    def normalise(self, body: bytes, event_id: str) -> Addressed | Ignored | Unreadable: ...


class Owner(Protocol):
    """Raises Unavailable, Misconfigured or NotFound (no such invoice). `now` is the case's time."""

    async def invoice_now(self, invoice_id: str, now: datetime) -> InvoiceNow: ...

    async def customer(self, customer_id: str) -> Customer | None:
        """Name, segment and contact points as far as the owner knows them; None when it knows nothing."""
        ...

    async def invoice_of_payment(self, payment_id: str) -> str | None:
        """The invoice that a payment pays; None when it pays none."""
        ...
