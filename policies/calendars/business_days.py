"""On which days banks and offices work: by country and region, or by the payment scheme that moves the money.

Source: the `holidays` package (pinned in the lock file). ACH follows the Federal Reserve, SEPA the TARGET calendar;
a country's own table moves holidays in ways the payment systems do not follow.
"""

from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache

from policies.instruments import Network

FINANCIAL = {Network.ACH: "XFED", Network.SEPA: "XECB"}
COUNTRY_OF = {
    Network.BACS: ("GB", "ENG"),
    Network.BECS_AU: ("AU", None),
    Network.BECS_NZ: ("NZ", None),
    Network.PAD_CA: ("CA", None),
}
SATURDAY_SUNDAY = frozenset({5, 6})


def is_business_day(
    day: date, country: str | None, subdivision: str | None = None, rail: Network = Network.OTHER
) -> bool:
    """Countries that nobody knows have Saturday and Sunday off and no holidays."""
    calendar, region = _calendar_of(country, subdivision, rail)
    return day.weekday() not in _weekend(calendar) and day not in _holidays(calendar, region, day.year)


def is_holiday(day: date, country: str | None, subdivision: str | None = None) -> bool:
    return day in _holidays((country or "").upper(), subdivision, day.year)


def next_business_day(
    day: date, country: str | None, subdivision: str | None = None, rail: Network = Network.OTHER
) -> date:
    """That day, or the first working day after it."""
    return _walk(day, 1, lambda each: is_business_day(each, country, subdivision, rail))


def previous_business_day(
    day: date, country: str | None, subdivision: str | None = None, rail: Network = Network.OTHER
) -> date:
    return _walk(day, -1, lambda each: is_business_day(each, country, subdivision, rail))


def _walk(day: date, step: int, works: Callable[[date], bool]) -> date:
    while not works(day):
        day += timedelta(days=step)
    return day


def _calendar_of(country: str | None, subdivision: str | None, rail: Network) -> tuple[str, str | None]:
    if rail in FINANCIAL:
        return FINANCIAL[rail], None
    return COUNTRY_OF.get(rail) or ((country or "").upper(), subdivision)


@lru_cache(maxsize=512)
def _weekend(calendar: str) -> frozenset[int]:
    import holidays

    try:
        return frozenset(holidays.country_holidays(calendar).weekend)
    except NotImplementedError:
        return SATURDAY_SUNDAY


@lru_cache(maxsize=4096)
def _holidays(calendar: str, subdivision: str | None, year: int) -> frozenset[date]:
    import holidays

    if calendar in FINANCIAL.values():
        return frozenset(holidays.financial_holidays(calendar, years=year))
    for region in (subdivision, None):
        try:
            return frozenset(holidays.country_holidays(calendar, subdiv=region, years=year))
        except NotImplementedError:
            continue
    return frozenset()
