"""Moves a suspension behind the days on which nobody is suspended, on the customer's own calendar."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from policies.calendars.seasons import spared_until

ONE_DAY = timedelta(days=1)


def after_spared_days(moment: datetime, zone: str | tuple[str, ...]) -> datetime:
    """That moment, or the midnight with which they end; UTC. Who may live in several zones is spared until they are
    over in all of them."""
    if not _are_near(moment.date()):
        return moment
    zones = (zone,) if isinstance(zone, str) else zone
    later = max(_after(moment, ZoneInfo(each)) for each in zones)
    # Over in one zone, they may still go on in another.
    return later if later == moment else after_spared_days(later, zones)


def _after(moment: datetime, info: ZoneInfo) -> datetime:
    last = spared_until(moment.astimezone(info).date())
    return datetime.combine(last + ONE_DAY, time(0), tzinfo=info).astimezone(UTC) if last else moment


@lru_cache(maxsize=4096)
def _are_near(day: date) -> bool:
    """Whether they may have begun, or not be over, in some zone: almost every decision is spared the rest."""
    return any(spared_until(day + n * ONE_DAY) for n in (-1, 0, 1))
