"""What a merchant may ask for: one timeline per segment with retries, messages, access and the end, in order (P5).

All offsets count from the first failure (`failed_at`); time in which the case was held does not count. Durations are
written `15m`, `6h`, `3d`. To add a field: here, in `docs/policies.md`, and a test that shows it changing a decision.
"""

import hashlib
import json
import re
from datetime import time, timedelta
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    model_validator,
)

from policies.declines import TREATMENTS, Category, Retryable
from policies.events import CloseOutcome
from policies.risk import RiskLevel

MAX_BYTES = 16_000
CHANNELS = ("email", "sms", "in_app")
TEMPLATES = frozenset(
    "payment_failed reminder final_notice limited suspended reinstated recovered offer handover".split()
)

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"(\d{1,4})([mhd])")


def _read_duration(raw: Any) -> Any:
    if isinstance(raw, timedelta):
        return raw
    match = _DURATION.fullmatch(raw) if isinstance(raw, str) else None
    if not match:
        raise ValueError(f"{raw!r} is no duration; write minutes, hours or days such as 15m, 6h or 3d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _write_duration(value: timedelta) -> str:
    minutes = int(value.total_seconds()) // 60
    if minutes and minutes % 1440 == 0:
        return f"{minutes // 1440}d"
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"


Duration = Annotated[
    timedelta,
    BeforeValidator(_read_duration),
    PlainSerializer(_write_duration, return_type=str),
]


_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?")


def _read_clock(raw: Any) -> Any:
    if isinstance(raw, time) or (isinstance(raw, str) and _CLOCK.fullmatch(raw)):
        return raw
    raise ValueError(f'{raw!r} is no time of day; write it as "08:00", the customer\'s zone is added later')


ClockTime = Annotated[time, BeforeValidator(_read_clock)]
Channel = Annotated[str, Field(pattern="^(email|sms|in_app)$")]
TemplateName = Annotated[str, Field(pattern=f"^({'|'.join(sorted(TEMPLATES))})$")]


class _Part(BaseModel):
    """Strict at the door, lenient inside: `load_policy` forbids unknown fields and runs the checks below; a document
    that already travels in a case is read by older and newer workers alike (P7)."""

    model_config = ConfigDict(frozen=True, extra="ignore")


AT_THE_DOOR = {"at_the_door": True}
"""The validation context under which documents are checked as a whole."""


def _is_at_the_door(info: ValidationInfo) -> bool:
    return bool(info.context and info.context.get("at_the_door"))


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class _HourRange(_Part):
    """`opens` up to, not including, `closes`; may go over midnight."""

    opens: ClockTime
    closes: ClockTime


def _read_hours(raw: Any) -> Any:
    if isinstance(raw, str) and raw.count("-") == 1:
        opens, closes = (part.strip() for part in raw.split("-"))
        return {"opens": opens, "closes": closes}
    if isinstance(raw, _HourRange):
        return raw
    raise ValueError(f'{raw!r} is no range of hours; write it as "09:00-20:00"')


def _write_hours(hours: _HourRange) -> str:
    return f"{hours.opens:%H:%M}-{hours.closes:%H:%M}"


HourRange = Annotated[_HourRange, BeforeValidator(_read_hours), PlainSerializer(_write_hours, return_type=str)]


class AppliesWhen(_Part):
    """Which cases the policy is for. Left out: all."""

    segments: tuple[str, ...] = Field(min_length=1)


class Avoid(_Part):
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


class Retries(_Part):
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
        if not _is_at_the_door(info):
            return self
        for name, rungs in (("immediate", self.immediate), ("ladder", self.ladder)):
            for position, (earlier, later) in enumerate(pairwise(rungs), start=2):
                if later <= earlier:
                    raise ValueError(f"{name} rung {position} must come after rung {position - 1}; put them in order")
        return self


class Contact(_Part):
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
        if not _is_at_the_door(info):
            return self
        if self.opens > self.closes:
            raise ValueError("closes must come after opens; the same time twice means all day")
        for category in self.silent_window:
            if TREATMENTS[category].retryable is not Retryable.YES:
                reason = "only the customer can help, so silence would lose time; leave it out"
                raise ValueError(f"silent_window of {category.value}: {reason}")
        return self


class ScheduledMessage(_Part):
    """Due `after` a time, or when the payment has failed `failures` times in a row; only for `categories`, if given."""

    name: str = Field(pattern="^[a-z0-9_]{1,40}$")
    after: Duration | None = None
    failures: int | None = Field(default=None, ge=1, le=16)
    categories: tuple[Category, ...] = ()
    template: TemplateName
    channels: tuple[Channel, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_trigger(self, info: ValidationInfo) -> Self:
        if _is_at_the_door(info) and (self.after is None) == (self.failures is None):
            raise ValueError("give either after or failures, so that it is clear when the message is due")
        return self


class ScheduledOffer(_Part):
    after: Duration
    categories: tuple[Category, ...] = ()
    offers: tuple[str, ...] = Field(min_length=1)
    channels: tuple[Channel, ...] = Field(min_length=1)


class LimitAccess(_Part):
    """Takes these benefits and names them: `takes` the non-recurring ones first, then `takes_recurring`; what is not
    listed stays usable. After a time or so many failures in a row, whichever comes first."""

    after: Duration | None = None
    failures: int | None = Field(default=None, ge=1, le=16)
    takes: tuple[str, ...] = Field(min_length=1)
    takes_recurring: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _has_a_trigger(self, info: ValidationInfo) -> Self:
        if _is_at_the_door(info):
            _needs_a_trigger(self.after, self.failures)
        return self


class SuspendAccess(_Part):
    """After a time or so many failures in a row, whichever comes first."""

    after: Duration | None = None
    failures: int | None = Field(default=None, ge=1, le=16)

    @model_validator(mode="after")
    def _has_a_trigger(self, info: ValidationInfo) -> Self:
        if _is_at_the_door(info):
            _needs_a_trigger(self.after, self.failures)
        return self


def _needs_a_trigger(after: timedelta | None, failures: int | None) -> None:
    if after is None and failures is None:
        raise ValueError("give after, failures or both, so that it is clear when it happens")


class Chronic(_Part):
    """A firmer line for customers whose payments keep failing; what is left out stays as for everybody."""

    maximum: int | None = Field(default=None, ge=1, le=15)
    limit_after: Duration | None = None
    suspend_after: Duration | None = None
    close_after: Duration | None = None


class EscalateTo(_Part):
    after: Duration
    to: str = Field(pattern="^(support_contact|ops)$")


class Closing(_Part):
    after: Duration
    outcome: CloseOutcome = CloseOutcome.WRITTEN_OFF

    @model_validator(mode="after")
    def _unpaid(self, info: ValidationInfo) -> Self:
        if not _is_at_the_door(info):
            return self
        if self.outcome not in (CloseOutcome.WRITTEN_OFF, CloseOutcome.CANCELLED):
            raise ValueError("a policy closes as written_off or cancelled; the rest comes from the source alone")
        return self


class Reinstatement(_Part):
    """Conditions in the merchant's own words, each a sentence that the suspension message quotes. Service comes back
    when `paid_percent` of the claim is paid."""

    conditions: tuple[str, ...] = Field(min_length=1)
    paid_percent: int = Field(default=100, ge=1, le=100)


class PolicyDocument(_Part):
    name: str = Field(pattern="^[a-z0-9_]{1,40}$")
    version: int = Field(ge=1)
    applies_when: AppliesWhen | None = None
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

    @model_validator(mode="after")
    def _one_timeline(self, info: ValidationInfo) -> Self:
        if not _is_at_the_door(info):
            return self
        end, ladder = self.close.after, self.retries.ladder
        for what, after in self._scheduled():
            if after >= end:
                raise ValueError(
                    f"{what} at {_write_duration(after)} never happens: the case closes at {_write_duration(end)}"
                )
        limit, suspend = (part.after if part else None for part in (self.limit, self.suspend))
        if suspend is not None and ladder and suspend <= ladder[0]:
            raise ValueError("suspend comes before the first retry; suspend later or retry earlier")
        if limit is not None and suspend is not None and limit >= suspend:
            raise ValueError("limit must come before suspend; give it an earlier time or leave it out")
        rungs = len(self.retries.ladder)
        if self.retries.maximum < rungs:
            raise ValueError(f"maximum {self.retries.maximum} never reaches rung {self.retries.maximum + 1} of {rungs}")
        names = [message.name for message in self.messages]
        if len(set(names)) != len(names):
            raise ValueError("two messages have one name; a message is sent once per name")
        return self

    def _scheduled(self) -> list[tuple[str, timedelta]]:
        rows = [(f"ladder rung {n}", after) for n, after in enumerate(self.retries.ladder, start=1)]
        rows += [(f"message {m.name}", m.after) for m in self.messages if m.after is not None]
        rows += [(f"offer {n}", o.after) for n, o in enumerate(self.offers, start=1)]
        rows += [("limit", self.limit.after)] if self.limit and self.limit.after is not None else []
        rows += [("suspend", self.suspend.after)] if self.suspend and self.suspend.after is not None else []
        rows += [("escalate", self.escalate.after)] if self.escalate else []
        return rows

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
