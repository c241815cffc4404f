from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.calendars.retry_hours import LONGEST_WAIT, Avoided, next_allowed
from policies.instruments import Network

FRIDAY = datetime(2026, 3, 6, 22, tzinfo=UTC)
NIGHT = ((time(22), time(6)),)


def allowed(moment: datetime, zone: str = "UTC", country: str | None = None, **avoid: Any) -> datetime:
    return next_allowed(moment, Avoided(zone, country, **avoid))


@pytest.mark.parametrize(
    ("avoid", "expected"),
    [
        ({}, FRIDAY),
        ({"weekdays": (4, 5, 6)}, datetime(2026, 3, 9, 22, tzinfo=UTC)),
        ({"hours": NIGHT}, datetime(2026, 3, 7, 6, tzinfo=UTC)),
        ({"hours": NIGHT, "weekdays": (5, 6)}, datetime(2026, 3, 9, 6, tzinfo=UTC)),
        ({"hours": ((time(21), time(23)),)}, datetime(2026, 3, 6, 23, tzinfo=UTC)),
    ],
)
def test_the_first_moment_that_is_not_avoided(avoid: dict[str, Any], expected: datetime) -> None:
    assert allowed(FRIDAY, **avoid) == expected


def test_days_are_the_customers_own() -> None:
    assert allowed(FRIDAY, "Asia/Tokyo", weekdays=(5, 6)) == datetime(2026, 3, 8, 22, tzinfo=UTC)


def test_holidays_and_seasons_are_waited_for_where_they_are_kept() -> None:
    christmas = datetime(2026, 12, 25, 12, tzinfo=UTC)
    assert allowed(christmas, country="DE", holidays=True).day == 27
    assert allowed(christmas, country="DE", seasons=("year_end",)) == datetime(2027, 1, 7, 12, tzinfo=UTC)
    assert allowed(datetime(2026, 5, 1, tzinfo=UTC), country="DE", seasons=("golden_week",)).day == 1
    assert allowed(datetime(2026, 5, 1, tzinfo=UTC), country="JP", seasons=("golden_week",)).day == 6
    spread = datetime(2026, 11, 27, tzinfo=UTC)
    assert allowed(spread, country="US", seasons=("black_friday",)) == spread


def test_business_days_are_those_of_the_scheme_that_moves_the_money() -> None:
    """4 July 2026 is a Saturday: offices close on Friday, the Federal Reserve does not."""
    independence = datetime(2026, 7, 3, 12, tzinfo=UTC)
    assert allowed(independence, country="US", business_days=True).day == 6
    assert allowed(independence, country="US", business_days=True, rail=Network.ACH) == independence


def test_a_policy_that_avoids_everything_is_not_waited_for() -> None:
    assert allowed(FRIDAY, weekdays=tuple(range(7))) == FRIDAY


zones = st.sampled_from(["UTC", "Europe/Berlin", "America/Asuncion", "Australia/Lord_Howe", "Asia/Beirut"])
clock = st.builds(time, st.integers(0, 23), st.sampled_from([0, 30]))


FIRST = datetime(2000, 1, 1, tzinfo=UTC)


@given(
    st.integers(0, 40 * 365 * 24 * 60).map(
        lambda minutes: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    zones,
    st.sets(st.integers(0, 6), max_size=6),
    st.lists(st.tuples(clock, clock).filter(lambda pair: pair[0] != pair[1]), max_size=2),
)
def test_what_is_found_is_allowed_and_not_earlier(
    moment: datetime, zone: str, weekdays: set[int], hours: list[tuple[time, time]]
) -> None:
    found = allowed(moment, zone, weekdays=tuple(weekdays), hours=hours)
    assert moment <= found <= moment + LONGEST_WAIT + timedelta(days=1)
    if found > moment:
        local = found.astimezone(ZoneInfo(zone))
        assert local.weekday() not in weekdays
        for start, end in hours:
            inside = start <= local.time() < end if start < end else local.time() >= start or local.time() < end
            assert not inside
