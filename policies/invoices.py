"""The invoice that is being recovered, as its owner sees it; the owner's word outranks what we believed."""

from enum import StrEnum

from policies.base import Record, UtcTime
from policies.declines import Decline
from policies.instruments import Instrument
from policies.money import Money


class InvoiceStatus(StrEnum):
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"


class SeenAttempt(Record):
    """An attempt somebody else made: the gateway's first charge and its own retries. `key`: the gateway's reference."""

    key: str
    credential_id: str
    amount: Money
    at: UtcTime
    decline: Decline | None = None


class InvoiceNow(Record):
    """The invoice as its owner sees it at `as_of`. `due` is what is still owed. `plan_interval` is one of day, week,
    month, year."""

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
