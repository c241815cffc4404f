"""The invoice that is being recovered, as its owner sees it; the owner's word outranks what we believed."""

from enum import StrEnum
from typing import Literal

from policies.base import Record, UtcTime
from policies.declines import Decline
from policies.instruments import Initiator, Instrument
from policies.money import Money


class InvoiceStatus(StrEnum):
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"


Actor = Literal["recoup", "gateway", "staff", "customer"]
"""Who makes attempts; the networks count them all."""


class SeenAttempt(Record):
    """An attempt somebody else made: the gateway's first charge and its own retries, a colleague, the customer at a
    checkout. `key`: the gateway's reference. Without `decline` it succeeded."""

    key: str
    credential_id: str
    amount: Money
    at: UtcTime
    decline: Decline | None = None
    actor: Actor = "gateway"
    initiator: Initiator = Initiator.MERCHANT


class InvoiceNow(Record):
    """The invoice as its owner sees it at `as_of`. `due` is what is still owed. `plan_interval` is one of day, week,
    month, year. `retries_at`: when its owner will try again itself; `retries_itself`: it will, and does not say
    when."""

    status: InvoiceStatus
    due: Money
    customer_id: str
    credential_id: str
    gateway: str
    as_of: UtcTime
    subscription_id: str | None = None
    failed_at: UtcTime | None = None
    changed_at: UtcTime | None = None
    first_payment: bool = False
    collected_manually: bool = False
    dispute_open: bool = False
    last_decline: Decline | None = None
    attempts: tuple[SeenAttempt, ...] = ()
    instrument: Instrument = Instrument()
    plan_interval: str | None = None
    retries_at: UtcTime | None = None
    retries_itself: bool = False
