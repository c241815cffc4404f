"""When nothing is retried, on the customer's own clock and calendar: the first moment that a policy does not avoid."""

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from policies.calendars.business_days import is_business_day, is_holiday
from policies.calendars.seasons import seasons_on
from policies.instruments import Network

LONGEST_WAIT = timedelta(days=45)
"""A policy that avoids everything is not waited for: the retry then happens when it was due."""


class Avoided(NamedTuple):
    """What a policy avoids, and whose clock and calendar count. `hours`: from up to, may go over midnight. Seasons that
    only spread do not count."""

    zone: str
    country: str | None
    weekdays: tuple[int, ...] = ()
    hours: tuple[tuple[time, time], ...] = ()
    holidays: bool = False
    seasons: tuple[str, ...] = ()
    business_days: bool = False
    rail: Network = Network.OTHER
    subdivision: str | None = None

    def day(self, day: date) -> bool:
        """Whether nothing is retried on it."""
        return (
            day.weekday() in self.weekdays
            or (self.holidays and is_holiday(day, self.country, self.subdivision))
            or (self.business_days and not is_business_day(day, self.country, self.subdivision, self.rail))
            or bool(self.seasons and self._season(day))
        )

    def until(self, clock: time) -> time | None:
        """When the hours end that hold this one; None when it may be used."""
        for start, end in self.hours:
            if start <= clock < end if start < end else clock >= start or clock < end:
                return end
        return None

    def _season(self, day: date) -> bool:
        return any(each.effect == "shift" and each.name in self.seasons for each in seasons_on(day, self.country))


def next_allowed(moment: datetime, avoided: Avoided) -> datetime:
    """The first moment, not before `moment`, outside all that is avoided; UTC. From a day that is avoided it goes to
    the same time of the next."""
    info = ZoneInfo(avoided.zone)
    candidate = moment.astimezone(UTC)
    while candidate <= moment + LONGEST_WAIT:
        local = candidate.astimezone(info)
        day, clock = local.date(), local.time()
        if avoided.day(day):
            candidate = _at(day + timedelta(days=1), clock, info, candidate)
            continue
        until = avoided.until(clock)
        if until is None:
            return candidate
        candidate = _at(day if clock < until else day + timedelta(days=1), until, info, candidate)
    return moment.astimezone(UTC)


def _at(day: date, clock: time, info: ZoneInfo, after: datetime) -> datetime:
    """Always later than `after`, also where the clocks skip that time or show it twice."""
    return max(datetime.combine(day, clock, tzinfo=info).astimezone(UTC), after + timedelta(minutes=1))
