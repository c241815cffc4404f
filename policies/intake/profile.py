"""Validation profiles: by source and account, which checks refuse an event, which quarantine it, which only warn.

A rule may be a `shadow`: it is looked at and reported, and changes nothing, so that a stricter one can be tried first.
To add a check: a class here, its question in `checks.py`, a row in docs/intake.md.
"""

from datetime import timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field

from policies.money import Currency
from policies.written import Duration, Part


class Action(StrEnum):
    """From mild to strict. `refuse`: the sender gets 422. `quarantine`: 2xx, and a dead letter for a person."""

    WARN = "warn"
    QUARANTINE = "quarantine"
    REFUSE = "refuse"


STRICTNESS = tuple(Action)


class _Rule(Part):
    """`name` stands in the report; left out, it is the check's."""

    action: Action
    shadow: bool = False
    check: str
    name: Annotated[str, Field(pattern="^[a-z0-9_]{1,40}$")] | None = None

    @property
    def called(self) -> str:
        return self.name or self.check


class Ahead(_Rule):
    """The event happened later than it came: a clock runs wrong, or the time is made up."""

    check: Literal["ahead"]
    by: Duration = timedelta(hours=1)


class Old(_Rule):
    """The event is older than so much when it comes."""

    check: Literal["old"]
    older_than: Duration


class OtherCurrency(_Rule):
    """The sum is in a currency that this account does not use."""

    check: Literal["other_currency"]
    expected: Annotated[tuple[Currency, ...], Field(min_length=1)]


class TooMuch(_Rule):
    """The sum is larger than anything this account sells; minor units of `currency`."""

    check: Literal["too_much"]
    above: Annotated[int, Field(gt=0)]
    currency: Currency


class Missing(_Rule):
    """An event that opens a case lacks one of these."""

    check: Literal["missing"]
    fields: Annotated[
        tuple[Literal["customer_id", "subscription_id", "credential_id", "amount", "decline"], ...], Field(min_length=1)
    ]


class UnknownDecline(_Rule):
    """The decline code stands in no table."""

    check: Literal["unknown_decline"]


class Conflict(_Rule):
    """The id of the event was here before with other content."""

    check: Literal["conflict"]


Rule = Annotated[
    Ahead | Old | OtherCurrency | TooMuch | Missing | UnknownDecline | Conflict, Field(discriminator="check")
]


Accounts = Annotated[str, Field(pattern="^[A-Za-z0-9_.:*-]+/[A-Za-z0-9_.:*-]+$")]
"""Such as "stripe/eu" or "stripe/*"."""


class Profile(Part):
    """`accounts`: "source/account", where `*` stands for anything. The first profile that fits an account holds."""

    accounts: Annotated[tuple[Accounts, ...], Field(min_length=1)]
    rules: tuple[Rule, ...] = ()

    def is_for(self, source: str, account: str) -> bool:
        return any(fnmatchcase(f"{source}/{account}", accounts) for accounts in self.accounts)


class Profiles(Part):
    profiles: tuple[Profile, ...] = ()

    def of(self, source: str, account: str) -> Profile:
        return next((each for each in self.profiles if each.is_for(source, account)), DEFAULT_PROFILE)


DEFAULT_PROFILE = Profile(
    accounts=("*/*",),
    rules=(
        Ahead(check="ahead", by=timedelta(hours=1), action=Action.WARN),
        Old(check="old", older_than=timedelta(days=90), action=Action.WARN),
        UnknownDecline(check="unknown_decline", action=Action.WARN),
        Conflict(check="conflict", action=Action.WARN),
    ),
)
"""Holds nothing back: an event that its source signed reaches its case, and what is odd about it is reported."""
