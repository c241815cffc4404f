"""What a merchant may ask for: one timeline per segment with retries, messages, access and the end, in order (P5).

All offsets count from the first failure (`failed_at`); time in which the case was held does not count. Durations are
written `15m`, `6h`, `3d`. To add a field: here, in `docs/policies.md`, and a test that shows it changing a decision.
"""

import hashlib
import json
from datetime import time, timedelta
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from policies.conditions import Condition
from policies.declines import TREATMENTS, Category, Retryable
from policies.events import CloseOutcome
from policies.risk import RiskLevel
from policies.written import WEEKDAYS, ClockTime, Duration, HourRange, Part, Weekday, is_at_the_door

MAX_BYTES = 16_000
CHANNELS = ("email", "sms", "in_app")
TEMPLATES = frozenset(
    "payment_failed reminder final_notice limited suspended reinstated recovered offer handover".split()
)

Channel = Annotated[str, Field(pattern="^(email|sms|in_app)$")]
TemplateName = Annotated[str, Field(pattern=f"^({'|'.join(sorted(TEMPLATES))})$")]


class Avoid(Part):
    """Times at which nothing is retried, on the customer's own clock and calendar."""

    weekdays: tuple[Weekday, ...] = ()
    hours: tuple[HourRange, ...] = ()
    holidays: bool = False
    seasons: tuple[str, ...] = ()

    @property
    def anything(self) -> bool:
        return bool(self.weekdays or self.hours or self.holidays or self.seasons)

    @property
    def weekday_numbers(self) -> tuple[int, ...]:
        return tuple(WEEKDAYS.index(day) for day in self.weekdays)

    @property
    def clock_hours(self) -> tuple[tuple[time, time], ...]:
        return tuple((hours.opens, hours.closes) for hours in self.hours)


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
    maximum: int = Field(ge=1, le=15)
    spread: Duration = timedelta()
    business_days: bool = False
    avoid: Avoid = Avoid()

    @model_validator(mode="after")
    def _increasing(self, info: ValidationInfo) -> Self:
        if not is_at_the_door(info):
            return self
        for name, rungs in (("immediate", self.immediate), ("ladder", self.ladder)):
            for position, (earlier, later) in enumerate(pairwise(rungs), start=2):
                if later <= earlier:
                    raise ValueError(f"{name} rung {position} must come after rung {position - 1}; put them in order")
        return self


class Contact(Part):
    """Hours on the customer's own clock in which messages may be sent; `gap` keeps two scheduled messages apart."""

    opens: ClockTime = time(8)
    closes: ClockTime = time(20)
    gap: Duration = timedelta(hours=20)
    silent_window: dict[Category, Duration] = {}
    hours: dict[Channel, HourRange] = {}

    def hours_for(self, channel: Channel) -> tuple[time, time]:
        own = self.hours.get(channel)
        return (own.opens, own.closes) if own else (self.opens, self.closes)

    @model_validator(mode="after")
    def _can_be_kept(self, info: ValidationInfo) -> Self:
        if not is_at_the_door(info):
            return self
        if self.opens > self.closes:
            raise ValueError("closes must come after opens; the same time twice means all day")
        for category in self.silent_window:
            if TREATMENTS[category].retryable is not Retryable.YES:
                reason = "only the customer can help, so silence would lose time; leave it out"
                raise ValueError(f"silent_window of {category.value}: {reason}")
        return self


class ScheduledMessage(Part):
    """Due `after` a time, or when the payment has failed `failures` times in a row; only for `categories`, if given."""

    name: str = Field(pattern="^[a-z0-9_]{1,40}$")
    after: Duration | None = None
    failures: int | None = Field(default=None, ge=1, le=16)
    categories: tuple[Category, ...] = ()
    template: TemplateName
    channels: tuple[Channel, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_trigger(self, info: ValidationInfo) -> Self:
        if is_at_the_door(info) and (self.after is None) == (self.failures is None):
            raise ValueError("give either after or failures, so that it is clear when the message is due")
        return self


class ScheduledOffer(Part):
    after: Duration
    categories: tuple[Category, ...] = ()
    offers: tuple[str, ...] = Field(min_length=1)
    channels: tuple[Channel, ...] = Field(min_length=1)


class LimitAccess(Part):
    """Takes these benefits and names them: `takes` the non-recurring ones first, then `takes_recurring`; what is not
    listed stays usable. After a time or so many failures in a row, whichever comes first."""

    after: Duration | None = None
    failures: int | None = Field(default=None, ge=1, le=16)
    takes: tuple[str, ...] = Field(min_length=1)
    takes_recurring: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _has_a_trigger(self, info: ValidationInfo) -> Self:
        if is_at_the_door(info):
            _needs_a_trigger(self.after, self.failures)
        return self


class SuspendAccess(Part):
    """After a time or so many failures in a row, whichever comes first."""

    after: Duration | None = None
    failures: int | None = Field(default=None, ge=1, le=16)

    @model_validator(mode="after")
    def _has_a_trigger(self, info: ValidationInfo) -> Self:
        if is_at_the_door(info):
            _needs_a_trigger(self.after, self.failures)
        return self


def _needs_a_trigger(after: timedelta | None, failures: int | None) -> None:
    if after is None and failures is None:
        raise ValueError("give after, failures or both, so that it is clear when it happens")


class Chronic(Part):
    """A firmer line for customers whose payments keep failing; what is left out stays as for everybody."""

    maximum: int | None = Field(default=None, ge=1, le=15)
    limit_after: Duration | None = None
    suspend_after: Duration | None = None
    close_after: Duration | None = None


class EscalateTo(Part):
    after: Duration
    to: str = Field(pattern="^(support_contact|ops)$")


class Closing(Part):
    after: Duration
    outcome: CloseOutcome = CloseOutcome.WRITTEN_OFF

    @model_validator(mode="after")
    def _unpaid(self, info: ValidationInfo) -> Self:
        if not is_at_the_door(info):
            return self
        if self.outcome not in (CloseOutcome.WRITTEN_OFF, CloseOutcome.CANCELLED):
            raise ValueError("a policy closes as written_off or cancelled; the rest comes from the source alone")
        return self


class Reinstatement(Part):
    """Conditions in the merchant's own words, each a sentence that the suspension message quotes. Service comes back
    when `paid_percent` of the claim is paid."""

    conditions: tuple[str, ...] = Field(min_length=1)
    paid_percent: int = Field(default=100, ge=1, le=100)


class PolicyDocument(Part):
    name: str = Field(pattern="^[a-z0-9_]{1,40}$")
    version: int = Field(ge=1)
    applies_when: Condition | None = None
    retries: Retries
    contact: Contact = Contact()
    messages: tuple[ScheduledMessage, ...] = ()
    offers: tuple[ScheduledOffer, ...] = ()
    access_channels: tuple[Channel, ...] = ("email", "in_app")
    grace: Duration = timedelta()
    limit: LimitAccess | None = None
    suspend: SuspendAccess | None = None
    chronic: Chronic | None = None
    reinstatement: Reinstatement
    escalate: EscalateTo | None = None
    close: Closing

    def silence_for(self, category: Category) -> timedelta:
        """How long nothing is written: only while time alone may heal the decline."""
        return self.contact.silent_window.get(category, timedelta())

    def for_risk(self, level: RiskLevel) -> "PolicyDocument":
        """The line that is taken with such a customer."""
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
        return self.model_copy(update=changes)

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
