"""How values are written in a policy document: durations, times of day, ranges of hours, days of the week.

Lenient inside: unknown fields are ignored, since a document that already travels in a case is read by older and newer
workers alike (P7). `load_policy` forbids them, and asks the door whether what is written makes sense.
"""

import re
from datetime import time, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


Text = Annotated[str, Field(min_length=1)]
Whole = Annotated[int, Field(strict=True)]
YesNo = Annotated[bool, Field(strict=True)]
"""Written as such: true is no 1, and a number in quotes is a text."""

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"(\d{1,4})([mhd])", re.ASCII)


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
    WithJsonSchema({"type": "string", "pattern": f"^{_DURATION.pattern}$", "examples": ["15m", "6h", "3d"]}),
]

_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?", re.ASCII)


def _read_clock(raw: Any) -> Any:
    if isinstance(raw, time) or (isinstance(raw, str) and _CLOCK.fullmatch(raw)):
        return raw
    raise ValueError(f'{raw!r} is no time of day; write it as "08:00", the customer\'s zone is added later')


ClockTime = Annotated[
    time,
    BeforeValidator(_read_clock),
    WithJsonSchema({"type": "string", "pattern": f"^{_CLOCK.pattern}$", "examples": ["08:00"]}),
]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Hours(Part):
    """`opens` up to, not including, `closes`; whether it may go over midnight is said where it is used."""

    opens: ClockTime
    closes: ClockTime


def _read_hours(raw: Any) -> Any:
    if isinstance(raw, str) and raw.count("-") == 1:
        opens, closes = (part.strip() for part in raw.split("-"))
        return {"opens": opens, "closes": closes}
    if isinstance(raw, Hours):
        return raw
    raise ValueError(f'{raw!r} is no range of hours; write it as "09:00-20:00"')


def write_hours(hours: Hours) -> str:
    return f"{_clock_text(hours.opens)}-{_clock_text(hours.closes)}"


def _clock_text(clock: time) -> str:
    return clock.isoformat("seconds" if clock.second else "minutes")


HourRange = Annotated[
    Hours,
    BeforeValidator(_read_hours),
    PlainSerializer(write_hours, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": f"^{_CLOCK.pattern} *- *{_CLOCK.pattern}$", "examples": ["09:00-20:00"]}
    ),
]
