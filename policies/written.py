"""How values are written in a policy document: durations, times of day, ranges of hours, days of the week.

Strict at the door, lenient inside: `load_policy` forbids unknown fields and runs the checks; a document that already
travels in a case is read by older and newer workers alike (P7).
"""

import re
from datetime import time, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationInfo


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


AT_THE_DOOR = {"at_the_door": True}
"""The validation context under which documents are checked as a whole."""


def is_at_the_door(info: ValidationInfo) -> bool:
    return bool(info.context and info.context.get("at_the_door"))


_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"(\d{1,4})([mhd])")


def _read_duration(raw: Any) -> Any:
    if isinstance(raw, timedelta):
        return raw
    match = _DURATION.fullmatch(raw) if isinstance(raw, str) else None
    if not match:
        raise ValueError(f"{raw!r} is no duration; write minutes, hours or days such as 15m, 6h or 3d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def write_duration(value: timedelta) -> str:
    minutes = int(value.total_seconds()) // 60
    if minutes and minutes % 1440 == 0:
        return f"{minutes // 1440}d"
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"


Duration = Annotated[
    timedelta,
    BeforeValidator(_read_duration),
    PlainSerializer(write_duration, return_type=str),
]


_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?")


def _read_clock(raw: Any) -> Any:
    if isinstance(raw, time) or (isinstance(raw, str) and _CLOCK.fullmatch(raw)):
        return raw
    raise ValueError(f'{raw!r} is no time of day; write it as "08:00", the customer\'s zone is added later')


ClockTime = Annotated[time, BeforeValidator(_read_clock)]
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class _HourRange(Part):
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
