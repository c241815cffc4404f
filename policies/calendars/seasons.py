"""Holiday seasons: when payments behave differently, and whether retries wait or are spread; and the days on which
nobody is suspended. Data: `seasons.toml`."""

from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from policies.package_data import settings

_FILE = settings(__package__, "seasons.toml")
EDITION: str = _FILE["edition"]
NAMES: tuple[str, ...] = tuple(row["name"] for row in _FILE["season"])
SHIFTING: tuple[str, ...] = tuple(row["name"] for row in _FILE["season"] if row["effect"] == "shift")
"""Those that a policy may wait out."""


class Season(NamedTuple):
    """`weight`: expected success beside an ordinary day. `until`: its last day."""

    name: str
    effect: Literal["shift", "spread"]
    weight: float
    until: date


@lru_cache(maxsize=8192)
def seasons_on(day: date, country: str | None) -> tuple[Season, ...]:
    """In the order of the file; where nobody knows the country, only the seasons of the whole world."""
    return tuple(
        Season(row["name"], row["effect"], row["weight"], last)
        for row in _FILE["season"]
        if not row.get("countries") or country in row["countries"]
        for first, last in _spans(row, day)
        if first <= day <= last
    )


@lru_cache(maxsize=8192)
def season_on(day: date, country: str | None) -> Season | None:
    """The one that weighs most."""
    return min(seasons_on(day, country), key=lambda season: season.weight, default=None)


@lru_cache(maxsize=8192)
def is_spread_on(day: date, country: str | None) -> bool:
    """Whether a season goes on in which retries are kept further apart."""
    return any(season.effect == "spread" for season in seasons_on(day, country))


@lru_cache(maxsize=4096)
def spared_until(day: date) -> date | None:
    """The last of the days around it on which nobody is suspended; None on every other day."""
    return next((last for first, last in _spans(_FILE["spared"], day) if first <= day <= last), None)


def _spans(row: dict[str, Any], day: date) -> list[tuple[date, date]]:
    if "computed" in row:
        return [_thanksgiving_to_tuesday(day.year)]
    if "yearly" in row:
        first, last = row["yearly"]
        over_new_year = last < first
        years = (day.year - 1, day.year) if over_new_year else (day.year,)
        return [
            (date.fromisoformat(f"{year}-{first}"), date.fromisoformat(f"{year + over_new_year}-{last}"))
            for year in years
        ]
    return [(date.fromisoformat(first), date.fromisoformat(last)) for first, last in row["dates"]]


def _thanksgiving_to_tuesday(year: int) -> tuple[date, date]:
    """The fourth Thursday of November, to the Tuesday after Cyber Monday."""
    first = date(year, 11, 1)
    thursday = first + timedelta(days=(3 - first.weekday()) % 7 + 21)
    return thursday, thursday + timedelta(days=5)
