"""A call to a gateway, what it came to, and what it counts for: the account, a region, an issuer."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from policies.base import Record, UtcTime
from policies.calendars.seasons import seasons_on
from policies.declines import TREATMENTS, Category, Decline
from policies.facts import Outcome

SLOW_SECONDS = 10.0
"""Ours: half of the time that an account waits by default (`timeout_seconds`)."""


class Kind(StrEnum):
    """Widest first."""

    ACCOUNT = "account"
    REGION = "region"
    ISSUER = "issuer"


class Scope(NamedTuple):
    """`name`: of the region (ISO 3166) or the issuer; empty for the account as a whole."""

    kind: Kind
    name: str = ""


class Result(StrEnum):
    """`approved`, `declined`: a clear answer. `failed`: the gateway's own fault. `issuer_failed`: the gateway answered
    that the card's bank cannot be reached, which says nothing against the gateway."""

    APPROVED = "approved"
    DECLINED = "declined"
    FAILED = "failed"
    ISSUER_FAILED = "issuer_failed"


class Call(Record):
    """`at`: when it was begun, by the case's clock."""

    at: UtcTime
    took_seconds: float
    result: Result

    @property
    def is_slow(self) -> bool:
        return self.took_seconds > SLOW_SECONDS

    def speaks_for(self, kind: Kind) -> bool | None:
        """Whether it shows that the gateway works there; None when it shows nothing."""
        if self.result is Result.FAILED or self.is_slow:
            return False
        if self.result is Result.ISSUER_FAILED:
            return None if kind is Kind.ACCOUNT else False
        return True


class Counts(Record):
    """Calls of a scope over some time. `seconds`: all of them together. `issuers_failing`: how many named issuers could
    not be reached; told for the account only."""

    approved: int = 0
    declined: int = 0
    failed: int = 0
    issuer_failed: int = 0
    slow: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    issuers_failing: int = 0

    @property
    def calls(self) -> int:
        return self.approved + self.declined + self.failed + self.issuer_failed


def result_of(outcome: Outcome | None, decline: Decline | None = None) -> Result:
    """`outcome` None: the gateway could not be reached, or said that we ask too often. Pending is approved: it has
    answered, and the money moves later. Errors of our own (Misconfigured) say nothing of the gateway: record none."""
    if outcome in (Outcome.SUCCEEDED, Outcome.PENDING):
        return Result.APPROVED
    if outcome is not Outcome.DECLINED:
        return Result.FAILED
    if decline is None or not TREATMENTS[decline.category].technical:
        return Result.DECLINED
    return Result.ISSUER_FAILED if decline.category is Category.ISSUER_UNAVAILABLE else Result.FAILED


def scopes_of(region: str | None, issuer: str | None) -> tuple[Scope, ...]:
    """Those that a charge falls under, widest first."""
    named = ((Kind.REGION, region), (Kind.ISSUER, issuer))
    return (Scope(Kind.ACCOUNT), *(Scope(kind, name) for kind, name in named if name))


def is_season(scope: Scope, now: datetime) -> bool:
    """A holiday season of that region, or of the whole world."""
    return bool(seasons_on(now.date(), scope.name if scope.kind is Kind.REGION else None))
