"""The access port. Setting a level twice is setting it once: `key` makes a repeated call harmless."""

from datetime import datetime
from typing import Protocol

from policies.base import Record
from policies.facts import AccessLevel


class SetAccess(Record):
    """`takes` names the benefits that `limited` takes, non-recurring ones first; empty for other levels."""

    key: str
    customer_id: str
    level: AccessLevel
    takes: tuple[str, ...]
    now: datetime


class AccessSet(Record):
    """`benefits_taken`: those of `takes` the customer had, in the order they were taken."""

    benefits_taken: tuple[str, ...]


class AccessControl(Protocol):
    name: str

    async def set_access(self, change: SetAccess) -> AccessSet:
        """Raises Unavailable, Misconfigured or NotFound (no such customer)."""
        ...
