"""When a customer may be written to: inside the policy's hours and the channel's own window, on their own clock.

Law and custom by country and channel stand in `contact_windows.toml`. Where the policy's hours and the window do not
meet, the window counts: a message is never sent outside it. A customer who may live in several zones is written to
when it is day in all of them.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from policies.calendars.business_days import is_holiday
from policies.package_data import settings

_FILE = settings(__package__, "contact_windows.toml")
EDITION: str = _FILE["edition"]
ALL_WEEK = frozenset(range(7))
MIDNIGHT = time(0)
ALL_DAY = (MIDNIGHT, MIDNIGHT)
DAY_OPENS, DAY_CLOSES = time(8), time(21)
"""Day by any law: the outer bounds of 47 CFR 64.1200. Thirteen hours, so zones up to half the globe apart share one."""
ONE_DAY = timedelta(days=1)
SEARCH_DAYS = 30
"""For so long several zones are asked for an hour that they share; longer than any row of Sundays and holidays."""


class Window(NamedTuple):
    """The same time twice: all day."""

    opens: time
    closes: time
    days: frozenset[int]
    holidays: bool


def next_contact_time(
    moment: datetime,
    zone: str | tuple[str, ...],
    country: str | None,
    channel: str,
    opens: time,
    closes: time,
    subdivision: str | None = None,
) -> datetime:
    """The first moment, not before `moment`, at which the channel may be used; UTC. `opens`, `closes`: the policy's."""
    window = _window_of(country, subdivision, channel, opens, closes)
    if isinstance(zone, str):
        return _next_in(moment, zone, country, subdivision, window)
    own = _window_of(country, subdivision, channel, *ALL_DAY)
    found = (_next_in_all(moment, zone, country, subdivision, each) for each in _ever_wider(window, own))
    return next((common for common in found if common), moment.astimezone(UTC))


def may_contact(
    moment: datetime,
    zone: str | tuple[str, ...],
    country: str | None,
    channel: str,
    opens: time,
    closes: time,
    subdivision: str | None = None,
) -> bool:
    return next_contact_time(moment, zone, country, channel, opens, closes, subdivision) <= moment


def next_time_of_day(moment: datetime, zone: str, clock: time) -> datetime:
    """The first moment, not before `moment`, at which the clocks there show that time; UTC."""
    info = ZoneInfo(zone)
    day = moment.astimezone(info).date()
    found = (datetime.combine(day + n * ONE_DAY, clock, tzinfo=info).astimezone(UTC) for n in (0, 1))
    return next(at for at in found if at >= moment)


def _ever_wider(wanted: Window, own: Window) -> Iterator[Window]:
    """For zones that share no hour of what is wanted: what the channel itself allows, then the day. Those that are
    scattered around the globe share none of the day either; then no hour is better than another."""
    yield wanted
    if own.opens != own.closes:
        yield own
    yield own._replace(opens=DAY_OPENS, closes=DAY_CLOSES)


def _next_in_all(
    moment: datetime, zones: tuple[str, ...], country: str | None, subdivision: str | None, window: Window
) -> datetime | None:
    """None where they share no hour of it. Hours are the same every day, so two days tell that."""
    hours = window._replace(days=ALL_WEEK, holidays=True)
    shared = _first_common(moment, moment + 2 * ONE_DAY, zones, country, subdivision, hours)
    if shared is None or window == hours:
        return shared
    return _first_common(moment, moment + SEARCH_DAYS * ONE_DAY, zones, country, subdivision, window)


def _first_common(
    moment: datetime,
    end: datetime,
    zones: tuple[str, ...],
    country: str | None,
    subdivision: str | None,
    window: Window,
) -> datetime | None:
    """Each zone puts it off until none does."""
    candidate = moment
    while candidate < end:
        latest = max(_next_in(candidate, zone, country, subdivision, window) for zone in zones)
        if latest <= candidate:
            return candidate.astimezone(UTC)
        candidate = latest
    return None


def _next_in(moment: datetime, zone: str, country: str | None, subdivision: str | None, window: Window) -> datetime:
    info = ZoneInfo(zone)
    local = moment.astimezone(info)
    day = local.date()
    if _is_contact_day(day, country, subdivision, window):
        clock = local.time()
        if window.opens == window.closes or window.opens <= clock < window.closes:
            return moment.astimezone(UTC)
        if clock < window.opens:
            return _opening(day, window, info, moment)
    day += ONE_DAY
    while not _is_contact_day(day, country, subdivision, window):
        day += ONE_DAY
    return _opening(day, window, info, moment)


def _opening(day: date, window: Window, info: ZoneInfo, moment: datetime) -> datetime:
    """An opening time that the clocks skip that day comes as much later as they skip; one they show twice counts the
    second time as well."""
    opens = MIDNIGHT if window.opens == window.closes else window.opens
    first, second = (datetime.combine(day, opens.replace(fold=fold), tzinfo=info).astimezone(UTC) for fold in (0, 1))
    return first if first >= moment else second


def _is_contact_day(day: date, country: str | None, subdivision: str | None, window: Window) -> bool:
    if day.weekday() not in window.days:
        return False
    return window.holidays or not is_holiday(day, country, subdivision)


@lru_cache(maxsize=4096)
def _window_of(country: str | None, subdivision: str | None, channel: str, opens: time, closes: time) -> Window:
    rows = [row for row in _FILE["window"] if row["channel"] == channel and row.get("country") in (None, country)]
    rows = [row for row in rows if not row.get("subdivisions") or subdivision in row["subdivisions"]]
    if not rows:
        return Window(opens, closes, ALL_WEEK, True)
    row = max(rows, key=lambda row: ("country" in row, "subdivisions" in row))
    own_opens, own_closes = time.fromisoformat(row["opens"]), time.fromisoformat(row["closes"])
    days, on_holidays = frozenset(row["days"]), row["holidays"]
    if own_opens == own_closes:
        return Window(opens, closes, days, on_holidays)
    if opens == closes or max(opens, own_opens) >= min(closes, own_closes):
        return Window(own_opens, own_closes, days, on_holidays)
    return Window(max(opens, own_opens), min(closes, own_closes), days, on_holidays)
