"""The gateway port. Charge means: collect this invoice at the system that owns it.

Only an explicit yes or no is Succeeded or Declined. `Unavailable` is raised only when the request certainly was not
accepted; once a byte was sent and no clear answer came the outcome is Unknown. No retries here: Temporal owns them.
"""

from datetime import datetime, timedelta
from typing import Annotated, Literal, Protocol

from pydantic import Field

from policies.base import Record
from policies.declines import Decline
from policies.money import Money


class GatewayCharge(Record):
    """`key` is the idempotency key; `invoice_id` is collected from `credential_id`. `now` is the case's time."""

    key: str
    invoice_id: str
    credential_id: str
    amount: Money
    now: datetime


class Succeeded(Record):
    kind: Literal["succeeded"] = "succeeded"
    reference: str


class Declined(Record):
    kind: Literal["declined"] = "declined"
    reference: str
    decline: Decline


class Pending(Record):
    """Accepted, the money moves later (direct debit, 3-D Secure under way)."""

    kind: Literal["pending"] = "pending"
    reference: str


class Unknown(Record):
    """No clear answer: money may or may not have moved."""

    kind: Literal["unknown"] = "unknown"
    reason: str


ChargeOutcome = Annotated[Succeeded | Declined | Pending | Unknown, Field(discriminator="kind")]


class NeverArrived(Record):
    """The gateway has no record of the key."""

    kind: Literal["never_arrived"] = "never_arrived"


LookUpOutcome = Annotated[Succeeded | Declined | Pending | Unknown | NeverArrived, Field(discriminator="kind")]


class Capabilities(Record):
    """`keys_live_for`: how long the gateway recognises an idempotency key; nothing is resent after it."""

    keys_live_for: timedelta


class Gateway(Protocol):
    name: str
    capabilities: Capabilities

    async def charge(self, charge: GatewayCharge) -> ChargeOutcome:
        """Raises Unavailable, RateLimited or Misconfigured; see the module's first words."""
        ...

    async def look_up(self, key: str, now: datetime) -> LookUpOutcome:
        """What became of the charge with this key. Raises Unavailable or Misconfigured."""
        ...
