"""When people are paid, by country: how many days since the last payday and until the next. Data: `paydays.toml`."""

import calendar
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from policies.calendars.business_days import is_business_day, previous_business_day
from policies.package_data import settings

_FILE = settings(__package__, "paydays.toml")
EDITION: str = _FILE["edition"]
LOOK_AROUND = 35
"""Every rule has a payday within so many days."""


class PaydayDistance(NamedTuple):
    """In days; 0 on a payday itself."""

    since: int
    until: int


@lru_cache(maxsize=16384)
def days_from_payday(day: date, country: str | None) -> PaydayDistance:
    days = range(LOOK_AROUND)
    since = next(n for n in days if _is_payday(day - timedelta(days=n), country))
    until = next(n for n in days if _is_payday(day + timedelta(days=n), country))
    return PaydayDistance(since, until)


def _is_payday(day: date, country: str | None) -> bool:
    return day in paydays_of(day.year, day.month, country) or day in paydays_of(*_next_month(day), country)


def _next_month(day: date) -> tuple[int, int]:
    return (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)


@lru_cache(maxsize=4096)
def paydays_of(year: int, month: int, country: str | None) -> frozenset[date]:
    """Those the month is known for; rolled back to the business day before, which may lie in the month before."""
    rules = _FILE["countries"].get(country, _FILE["default"])
    nominal = [day for rule in rules for day in _nominal(rule, year, month, country)]
    return frozenset(previous_business_day(day, country) for day in nominal)


def _nominal(rule: str, year: int, month: int, country: str | None) -> list[date]:
    last = calendar.monthrange(year, month)[1]
    days = [date(year, month, n) for n in range(1, last + 1)]
    kind, _, number = rule.partition(":")
    match kind:
        case "weekday":
            return [day for day in days if day.weekday() == int(number)]
        case "business":
            return [day for day in days if is_business_day(day, country)][int(number) - 1 : int(number)]
        case "day":
            return [days[min(int(number), last) - 1]]
        case "first":
            return days[:1]
        case _:
            return days[-1:]
