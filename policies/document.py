"""What a merchant may ask for: one timeline per segment with retries, messages, access and the end, in order (P5).

All offsets count from the first failure (`failed_at`); time in which the case was held does not count. Durations are
written `15m`, `6h`, `3d`. What makes sense together is asked at the door (`door.py`). To add a field: here, with a
default, since documents travel in running cases; in `docs/policies.md`; and a test that shows it changing a decision.
"""

import hashlib
import json
from datetime import time, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from policies.channels import Channel, Name
from policies.conditions import Condition
from policies.declines import Category
from policies.events import CloseOutcome
from policies.experiments import Variant
from policies.risk import RiskLevel
from policies.written import WEEKDAYS, ClockTime, Duration, HourRange, Hours, Part, Text, Weekday, Whole, YesNo

MAX_BYTES = 16_000
PEOPLE = ("support_contact", "ops")
STAGES = {
    "payment_failed": "notice",
    "confirm_payment": "notice",
    "reminder": "reminder",
    "offer": "reminder",
    "instalment_due": "reminder",
    "warning": "warning",
    "final_notice": "final_notice",
    "limited": "limited",
    "suspended": "suspended",
    "reinstated": "reinstated",
    "recovered": "recovered",
    "closed": "closed",
    "card_expiring": "upcoming",
    "upcoming_renewal": "upcoming",
    "handover": "handover",
}
"""Template -> the stage of tone that it speaks in; the first six rise in `TONE`."""
TONE = ("notice", "reminder", "warning", "final_notice", "limited", "suspended")
TEMPLATES = frozenset(STAGES)

TemplateName = Annotated[str, Field(pattern=f"^({'|'.join(sorted(TEMPLATES))})$")]
FailureCount = Annotated[Whole, Field(ge=1, le=16)]


class Avoid(Part):
    """Times at which nothing is retried, on the customer's own clock and calendar; hours may go over midnight."""

    weekdays: tuple[Weekday, ...] = ()
    hours: tuple[HourRange, ...] = ()
    holidays: YesNo = False
    seasons: tuple[str, ...] = ()

    @property
    def anything(self) -> bool:
        return bool(self.weekdays or self.hours or self.holidays or self.seasons)

    @property
    def weekday_numbers(self) -> tuple[int, ...]:
        return _numbers(self.weekdays)

    @property
    def clock_hours(self) -> tuple[tuple[time, time], ...]:
        return _clock_hours(self.hours)


@lru_cache(maxsize=256)
def _numbers(weekdays: tuple[Weekday, ...]) -> tuple[int, ...]:
    return tuple(WEEKDAYS.index(day) for day in weekdays)


@lru_cache(maxsize=256)
def _clock_hours(hours: tuple[Hours, ...]) -> tuple[tuple[time, time], ...]:
    return tuple((each.opens, each.closes) for each in hours)


class Retries(Part):
    """`immediate` rungs apply to technical declines only; `ladder` rungs to every decline that time may heal; with
    `adaptive` timing the times are chosen by the model within `window` instead.

    `gap` keeps two attempts apart; `maximum` counts all attempts of ours in the case; `spread` keeps cases that failed
    at one moment apart.
    """

    immediate: tuple[Duration, ...] = ()
    ladder: tuple[Duration, ...] = ()
    timing: Literal["ladder", "adaptive"] = "ladder"
    window: Duration | None = None
    gap: Duration = timedelta(days=1)
    maximum: Whole = Field(ge=1, le=15)
    spread: Duration = timedelta()
    business_days: YesNo = False
    avoid: Avoid = Avoid()
    backup_methods: Literal["when_hopeless", "in_turn", "never"] = "when_hopeless"
    failover: YesNo = False


class Caps(Part):
    """How often one customer is written to, over all their cases; `in_app` is not counted. `week_on`, `case_on`: one
    channel's share. Defaults: our reading of US and EU practice, researched 2026-11-22 (docs/channels/README.md)."""

    per_day: Whole = Field(default=1, ge=1, le=5)
    per_week: Whole = Field(default=4, ge=1, le=20)
    week_on: dict[Channel, Annotated[Whole, Field(ge=1, le=20)]] = {"sms": 2}
    case_on: dict[Channel, Annotated[Whole, Field(ge=1, le=20)]] = {"email": 6, "sms": 4}

    def in_week(self, channel: str) -> int | None:
        return self.week_on.get(channel)

    def in_case(self, channel: str) -> int | None:
        return self.case_on.get(channel)


class Contact(Part):
    """Hours on the customer's own clock in which messages may be sent; `hours`: those of one channel instead.
    `gap` keeps two scheduled messages to a customer apart. `receipt_window`: for so long a message whose fate nobody
    knows is waited for; then the next channel is due. `pause_after_activity`: who has just looked at the page is not
    reminded of it."""

    opens: ClockTime = time(8)
    closes: ClockTime = time(20)
    gap: Duration = timedelta(hours=20)
    silent_window: dict[Category, Duration] = {}
    hours: dict[Channel, HourRange] = {}
    caps: Caps = Caps()
    receipt_window: Duration = timedelta(hours=6)
    pause_after_activity: Duration = timedelta(days=2)

    def hours_for(self, channel: Channel) -> tuple[time, time]:
        own = self.hours.get(channel)
        return (own.opens, own.closes) if own else (self.opens, self.closes)


class ScheduledMessage(Part):
    """Due `after` a time, or when the payment has failed `failures` times in a row; only for `categories`, if given.
    `variants` are tried beside it, each on its share of the cases; `holdout` percent of the cases are not sent it, to
    see what it is worth."""

    name: Name
    after: Duration | None = None
    failures: FailureCount | None = None
    categories: tuple[Category, ...] = ()
    template: TemplateName
    channels: tuple[Channel, ...] = Field(min_length=1)
    variants: tuple[Variant, ...] = ()
    holdout: Whole = Field(default=0, ge=0, le=50)


class ScheduledOffer(Part):
    after: Duration
    categories: tuple[Category, ...] = ()
    offers: tuple[Text, ...] = Field(min_length=1)
    channels: tuple[Channel, ...] = Field(min_length=1)


class LimitAccess(Part):
    """Takes these benefits and names them: `takes` the non-recurring ones first, then `takes_recurring`; what is not
    listed stays usable. After a time or so many failures in a row, whichever comes first."""

    after: Duration | None = None
    failures: FailureCount | None = None
    takes: tuple[Text, ...] = Field(min_length=1)
    takes_recurring: tuple[Text, ...] = ()


class SuspendAccess(Part):
    """After a time or so many failures in a row, whichever comes first."""

    after: Duration | None = None
    failures: FailureCount | None = None


class Chronic(Part):
    """A firmer line for customers whose payments keep failing; what is left out stays as for everybody."""

    maximum: Whole | None = Field(default=None, ge=1, le=15)
    limit_after: Duration | None = None
    suspend_after: Duration | None = None
    close_after: Duration | None = None


class EscalateTo(Part):
    after: Duration
    to: str = Field(pattern=f"^({'|'.join(PEOPLE)})$")


class Closing(Part):
    """`at_source`: what becomes of a claim that is written off at the system that owns it. `tell`: the customer is told
    that it is over."""

    after: Duration
    outcome: CloseOutcome = CloseOutcome.WRITTEN_OFF
    at_source: Literal["leave", "mark_uncollectible", "cancel_subscription"] = "leave"
    tell: YesNo = False


class PartPayments(Part):
    """Less than all may be paid, but no less than this share of what is owed, in percent."""

    least_percent: Whole = Field(default=25, ge=1, le=99)


class PlanTerms(Part):
    """`instalments` equal parts, the first at once and one `every` so often."""

    instalments: Whole = Field(ge=2, le=12)
    every: Duration


class PromiseTerms(Part):
    """A day may be named on which all is charged, at most `within` so long, so many `times` a case."""

    within: Duration
    times: Whole = Field(default=1, ge=1, le=5)


PageWay = Literal["card", "stored", "direct_debit", "wallet"]


class SelfService(Part):
    """What customers may do on their page. `ways` in the order shown, as far as a gateway of the case takes them;
    `pay_once`: a way to pay may be lent for once. `part`, `plans`, `promise` left out: not offered. `step_up`: who
    opens the page shows by a code sent to the address on file that it is theirs: never, before a stored way to pay is
    shown (`stored`), or before anything is (`always`)."""

    ways: tuple[PageWay, ...] = Field(default=("card", "stored", "direct_debit", "wallet"), min_length=1)
    pay_once: YesNo = True
    part: PartPayments | None = None
    plans: tuple[PlanTerms, ...] = ()
    promise: PromiseTerms | None = None
    step_up: Literal["never", "stored", "always"] = "stored"


class Reinstatement(Part):
    """Conditions in the merchant's own words, each a sentence that the suspension message quotes. Service comes back
    when `paid_percent` of the claim is paid."""

    conditions: tuple[Text, ...] = Field(min_length=1)
    paid_percent: Whole = Field(default=100, ge=1, le=100)


class PolicyDocument(Part):
    """`applies_when` left out: for every case. `grace`: no service is taken before it ends, however many failures.
    `priority`: whose charges go first when many are due at once, 1 before 5."""

    name: Name
    version: Whole = Field(ge=1)
    applies_when: Condition | None = None
    priority: Whole = Field(default=3, ge=1, le=5)
    retries: Retries
    contact: Contact = Contact()
    messages: tuple[ScheduledMessage, ...] = ()
    offers: tuple[ScheduledOffer, ...] = ()
    access_channels: tuple[Channel, ...] = Field(default=("email", "in_app"), min_length=1)
    grace: Duration = timedelta()
    limit: LimitAccess | None = None
    suspend: SuspendAccess | None = None
    chronic: Chronic | None = None
    reinstatement: Reinstatement
    escalate: EscalateTo | None = None
    close: Closing
    page: SelfService = SelfService()

    def silence_for(self, category: Category) -> timedelta:
        """How long nothing is written: only while time alone may heal the decline."""
        return self.contact.silent_window.get(category, timedelta())

    def for_risk(self, level: RiskLevel) -> "PolicyDocument":
        """The line that is taken with such a customer; this very document where nothing changes."""
        firmer = self.chronic
        if firmer is None or level is not RiskLevel.CHRONIC:
            return self
        changes: dict[str, Any] = {}
        if firmer.maximum:
            changes["retries"] = self.retries.model_copy(update={"maximum": firmer.maximum})
        if firmer.limit_after and self.limit:
            changes["limit"] = self.limit.model_copy(update={"after": firmer.limit_after})
        if firmer.suspend_after and self.suspend:
            changes["suspend"] = self.suspend.model_copy(update={"after": firmer.suspend_after})
        if firmer.close_after:
            changes["close"] = self.close.model_copy(update={"after": firmer.close_after})
        return self.model_copy(update=changes) if changes else self

    @property
    def edition(self) -> str:
        return f"policy {self.name}@{self.version}"


class PolicySnapshot(BaseModel):
    """The chosen document by value, as it travels in the case (P7). `sha256` is that of the canonical JSON."""

    model_config = ConfigDict(frozen=True)

    document: PolicyDocument
    sha256: str

    @classmethod
    def of(cls, document: PolicyDocument) -> "PolicySnapshot":
        return cls(
            document=document,
            sha256=hashlib.sha256(canonical_json(document)).hexdigest(),
        )


def canonical_json(document: PolicyDocument) -> bytes:
    data = document.model_dump(mode="json", exclude_none=True)
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
