"""What a decision needs to know of the world next to the case; read just before deciding, never kept in a history."""

from typing import Literal

from policies.base import Record, UtcTime
from policies.instruments import PaymentType
from policies.network_rules import LedgerEntry
from policies.ways_to_pay import WayToPay

Coexistence = Literal["replace", "wait", "weave"]
"""How we live with the retries that a source makes itself: `replace` them (they are switched off there), `wait` until
they stop, or `weave` ours into their gaps."""


class Contacted(Record):
    """One message to the customer, of any of their cases. `channel`: the one that took it or is being asked; None: not
    known yet. `covers`: the other cases it named."""

    key: str
    at: UtcTime
    case_id: str
    stage: str
    channel: str | None = None
    covers: tuple[str, ...] = ()


class CustomerView(Record):
    """What a decision may know of the customer; no name, no address.

    `channels`: those that reach them and that they agreed to, their favourites first; None: not known. `prefers`: how
    many of them are favourites, which outrank a policy's order.
    `zones`: all that theirs may be, where it is not known for sure; then `zone` is one of them. `country`,
    `subdivision`: ISO 3166. `active_hours`: hours of the local day (0-23) in which the customer is seen.
    `paid_at`: earlier payments of theirs that succeeded, newest last. `since`: when they became a customer.
    """

    segment: str = "self_serve"
    zone: str = "UTC"
    zones: tuple[str, ...] = ()
    country: str | None = None
    subdivision: str | None = None
    active_hours: tuple[int, ...] = ()
    paid_at: tuple[UtcTime, ...] = ()
    since: UtcTime | None = None
    tags: tuple[str, ...] = ()
    channels: tuple[str, ...] | None = None
    prefers: int = 0

    def reached_by(self, channels: tuple[str, ...]) -> tuple[str, ...]:
        """Those of `channels` that reach them: first their favourites, then in the order given. All of them where
        none does, so that the attempt is made and is seen to fail."""
        if self.channels is None:
            return channels
        reaching = self.channels
        favourites = [channel for channel in reaching[: self.prefers] if channel in channels]
        others = [channel for channel in channels if channel in reaching and channel not in favourites]
        return (*favourites, *others) or channels


class GatewayView(Record):
    """A gateway that may collect the invoice. `down_until`: it fails for everybody, and this case looks again then;
    None: it may be charged. `probe_due`: it still is out of order, and one charge may try. `because`: what was seen.
    `payment_types`: what it collects."""

    name: str
    down_until: UtcTime | None = None
    probe_due: bool = False
    because: str = ""
    payment_types: tuple[PaymentType, ...] = tuple(PaymentType)


class Surroundings(Record):
    """`contacts`: messages to the customer lately, and all of this case. `ledger`: attempts on the case's credential by
    anybody. `ways`: others that may be charged, in the customer's order. `gateways`: first choice first.
    `gateway_health`: 1 is normal, 0 is down."""

    customer: CustomerView = CustomerView()
    contacts: tuple[Contacted, ...] = ()
    ledger: tuple[LedgerEntry, ...] = ()
    ways: tuple[WayToPay, ...] = ()
    gateways: tuple[GatewayView, ...] = ()
    coexistence: Coexistence = "replace"
    gateway_health: float = 1.0
