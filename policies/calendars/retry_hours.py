"""When nothing is retried, on the customer's own clock and calendar: the first moment that a policy does not avoid."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from policies.calendars.business_days import is_business_day, is_holiday
from policies.calendars.seasons import seasons_on
from policies.instruments import Network

LONGEST_WAIT = timedelta(days=45)
"""A policy that avoids everything is not waited for: the retry then happens when it was due."""


def next_allowed(
    moment: datetime,
    zone: str,
    country: str | None,
    *,
    weekdays: Sequence[int] = (),
    hours: Sequence[tuple[time, time]] = (),
    holidays: bool = False,
    seasons: Sequence[str] = (),
    business_days: bool = False,
    rail: Network = Network.OTHER,
    subdivision: str | None = None,
) -> datetime:
    """The first moment, not before `moment`, outside all that is avoided; UTC. `hours`: from up to, may go over
    midnight. From a day that is avoided it goes to the same time of the next; seasons that only spread do not count."""
    info = ZoneInfo(zone)

    def is_avoided(day: date) -> bool:
        return (
            day.weekday() in weekdays
            or (holidays and is_holiday(day, country, subdivision))
            or (business_days and not is_business_day(day, country, subdivision, rail))
            or any(season.effect == "shift" and season.name in seasons for season in seasons_on(day, country))
        )

    candidate = moment.astimezone(UTC)
    while candidate <= moment + LONGEST_WAIT:
        local = candidate.astimezone(info)
        if is_avoided(local.date()):
            candidate = _at(local.date() + timedelta(days=1), local.time(), info, candidate)
            continue
        until = next((end for start, end in hours if _within(local.time(), start, end)), None)
        if until is None:
            return candidate
        day = local.date() if local.time() < until else local.date() + timedelta(days=1)
        candidate = _at(day, until, info, candidate)
    return moment.astimezone(UTC)


def _within(clock: time, start: time, end: time) -> bool:
    return start <= clock < end if start < end else clock >= start or clock < end


def _at(day: date, clock: time, info: ZoneInfo, after: datetime) -> datetime:
    """Always later than `after`, also where the clocks skip that time or show it twice."""
    return max(datetime.combine(day, clock, tzinfo=info).astimezone(UTC), after + timedelta(minutes=1))
