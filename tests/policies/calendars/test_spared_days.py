from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.calendars.seasons import spared_until
from policies.calendars.spared_days import after_spared_days

ZONES = ("UTC", "Pacific/Kiritimati", "Pacific/Honolulu", "Asia/Kolkata")
TURN = datetime(2026, 12, 22, tzinfo=UTC)
moments = st.integers(0, 30 * 365 * 24).map(lambda hours: datetime(2010, 1, 1, tzinfo=UTC) + timedelta(hours=hours))


@pytest.mark.parametrize(
    ("day", "until"),
    [
        (date(2026, 12, 23), None),
        (date(2026, 12, 24), date(2027, 1, 2)),
        (date(2027, 1, 2), date(2027, 1, 2)),
        (date(2027, 1, 3), None),
    ],
)
def test_the_days_over_which_nobody_is_suspended(day: date, until: date | None) -> None:
    assert spared_until(day) == until


@given(
    moments | st.integers(0, 13 * 24).map(lambda hours: TURN + timedelta(hours=hours)),
    st.sets(st.sampled_from(ZONES), min_size=1),
)
def test_the_answer_is_the_first_moment_that_is_past_them_in_every_zone(moment: datetime, zones: set[str]) -> None:
    found = after_spared_days(moment, tuple(zones))
    days = [found.astimezone(ZoneInfo(zone)).date() for zone in zones]
    assert not [day for day in days if spared_until(day)]
    before = [(found - timedelta(minutes=1)).astimezone(ZoneInfo(zone)).date() for zone in zones]
    assert found == moment or any(spared_until(day) for day in before)
    assert found >= moment


def test_midnight_is_the_customers_own() -> None:
    christmas = datetime(2026, 12, 25, 12, tzinfo=UTC)
    assert after_spared_days(christmas, "Asia/Tokyo") == datetime(2027, 1, 2, 15, tzinfo=UTC)
    assert after_spared_days(christmas, ("Asia/Tokyo", "America/New_York")) == datetime(2027, 1, 3, 5, tzinfo=UTC)
