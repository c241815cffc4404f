"""Which words a case hears while several are tried side by side, and what came of each. Pure: the same case always
hears the same, and another message's trials change nothing."""

import hashlib
from collections.abc import Iterable, Sequence
from math import hypot, sqrt
from typing import Literal, NamedTuple

from pydantic import Field

from policies.base import Record
from policies.channels import Channel, Name
from policies.written import ClockTime, Part, Whole

HELD_OUT = "holdout"
ORDINARY = "ordinary"
BUCKETS = 10_000

ENOUGH_CASES = 30
"""With fewer in an arm a verdict would be a guess, whatever the interval says."""

Z = 1.959963984540054
"""Of the normal distribution, for 95 % on two sides."""


class Variant(Part):
    """`share`: percent of the cases. What differs from the ordinary message: its `wording` (another template file), its
    `channels`, the time of day `at` which it is sent, on the customer's own clock."""

    name: Name
    share: Whole = Field(ge=1, le=100)
    wording: Name | None = None
    channels: tuple[Channel, ...] | None = Field(default=None, min_length=1)
    at: ClockTime | None = None


class Assignment(NamedTuple):
    """`variant` None and not `held_out`: the ordinary message."""

    variant: Variant | None = None
    held_out: bool = False

    @property
    def name(self) -> str | None:
        return HELD_OUT if self.held_out else self.variant.name if self.variant else None

    @property
    def wording(self) -> str | None:
        return self.variant.wording if self.variant else None

    def channels_of(self, left: tuple[str, ...], ordinary: tuple[str, ...]) -> tuple[str, ...]:
        """`left`: of the ordinary channels, those not tried yet."""
        own = self.variant.channels if self.variant else None
        if own is None:
            return left
        return tuple([c for c in own if c in left or c not in ordinary]) or left


def assigned(case_id: str, message: str, variants: Sequence[Variant], holdout: int) -> Assignment:
    """`holdout`: percent of the cases that are not sent the message. Uniform over case ids."""
    digest = hashlib.sha256(f"{message}\n{case_id}".encode()).digest()
    bucket = int.from_bytes(digest[:8], "big") % BUCKETS
    percent = BUCKETS // 100
    end = holdout * percent
    if bucket < end:
        return Assignment(held_out=True)
    for variant in variants:
        end += variant.share * percent
        if bucket < end:
            return Assignment(variant)
    return Assignment()


# --- what came of it --------------------------------------------------------------------------------------------------


class Tally(Record):
    """Closed cases in which a message of a policy was due, by arm. `variant` None: the ordinary message. `recovered`,
    `complained`, `opted_out`: so many of these cases."""

    policy: str
    message: str
    variant: str | None = None
    cases: int = Field(ge=1)
    recovered: int = 0
    complained: int = 0
    opted_out: int = 0

    @property
    def arm(self) -> str:
        return self.variant or ORDINARY


class Interval(Record):
    """A share, or the difference of two, and the bounds between which it lies in 95 of 100 such trials; 0.1 is ten
    percent."""

    value: float
    low: float
    high: float


Verdict = Literal["too few", "more", "less", "no difference seen"]


class Share(Record):
    """How many of an arm's cases, and how that compares with the ordinary arm: `more`, `less` when the interval of the
    difference leaves zero out. `difference` and `verdict` None: it is the ordinary arm, or there is none."""

    count: int
    rate: Interval
    difference: Interval | None = None
    verdict: Verdict | None = None


class Arm(Record):
    """`arm`: `ordinary`, `holdout` or the variant's name."""

    policy: str
    message: str
    arm: str
    cases: int
    recovered: Share
    complained: Share
    opted_out: Share


def report(rows: Iterable[Tally]) -> tuple[Arm, ...]:
    """By policy and message; within one the ordinary arm first, those that were not written to last."""
    given = sorted(rows, key=lambda row: (row.policy, row.message, row.arm == HELD_OUT, row.variant or ""))
    ordinary = {(row.policy, row.message): row for row in given if row.variant is None}
    return tuple(_arm(row, ordinary.get((row.policy, row.message))) for row in given)


def _arm(row: Tally, ordinary: Tally | None) -> Arm:
    if row is ordinary:
        ordinary = None
    return Arm(
        policy=row.policy,
        message=row.message,
        arm=row.arm,
        cases=row.cases,
        recovered=_share(row, ordinary, "recovered"),
        complained=_share(row, ordinary, "complained"),
        opted_out=_share(row, ordinary, "opted_out"),
    )


def _share(row: Tally, ordinary: Tally | None, what: str) -> Share:
    rate = wilson(getattr(row, what), row.cases)
    if ordinary is None:
        return Share(count=getattr(row, what), rate=rate)
    difference = newcombe(rate, wilson(getattr(ordinary, what), ordinary.cases))
    verdict = _verdict(difference, min(row.cases, ordinary.cases))
    return Share(count=getattr(row, what), rate=rate, difference=difference, verdict=verdict)


def _verdict(difference: Interval, cases: int) -> Verdict:
    if cases < ENOUGH_CASES:
        return "too few"
    if difference.low > 0:
        return "more"
    return "less" if difference.high < 0 else "no difference seen"


def wilson(count: int, of: int) -> Interval:
    """The score interval of a share, without continuity correction: E. B. Wilson, "Probable inference, the law of
    succession, and statistical inference", J. Am. Stat. Assoc. 22 (1927) 209-212. Good also near 0 and 1."""
    share, squared = count / of, Z * Z
    middle = share + squared / (2 * of)
    half = Z * sqrt(share * (1 - share) / of + squared / (4 * of * of))
    whole = 1 + squared / of
    # By arithmetic the bounds hold the share; rounding must not say otherwise of none and all.
    return Interval(
        value=share, low=min(share, max(0, (middle - half) / whole)), high=max(share, min(1, (middle + half) / whole))
    )


def newcombe(one: Interval, other: Interval) -> Interval:
    """The interval of `one` less `other`, two independent shares with their score intervals: R. G. Newcombe, "Interval
    estimation for the difference between independent proportions", Stat. Med. 17 (1998) 873-890, method 10."""
    value = one.value - other.value
    below = hypot(one.value - one.low, other.high - other.value)
    above = hypot(one.high - one.value, other.value - other.low)
    return Interval(value=value, low=value - below, high=value + above)
