from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.calendars.contact import next_contact_time

# Both hemispheres, half-hour shifts, odd offsets, no daylight saving, a shift at midnight, both sides of the date line.
ZONES = """Europe/Berlin Europe/Lisbon America/New_York America/Los_Angeles America/St_Johns America/Santiago
    Asia/Beirut Asia/Kolkata Australia/Lord_Howe Pacific/Auckland Pacific/Chatham Africa/Casablanca""".split()


def within_hours(moment: datetime, zone: str, opens: time, closes: time) -> datetime:
    """Mail has no window of its own where the country is not known, so the policy's hours count alone."""
    return next_contact_time(moment, zone, None, "email", opens, closes)


def transitions(zone: str) -> list[datetime]:
    """Hours of 2026 after which the zone's offset differs."""
    hours = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(365 * 24)]
    offsets = [hour.astimezone(ZoneInfo(zone)).utcoffset() for hour in hours]
    return [hours[n] for n in range(len(hours) - 1) if offsets[n] != offsets[n + 1]]


NEAR = {zone: [*transitions(zone), datetime(2026, 7, 1, tzinfo=UTC)] for zone in ZONES}


def test_the_zones_have_the_transitions_they_were_chosen_for() -> None:
    assert {zone for zone in ZONES if len(NEAR[zone]) == 3} >= set(ZONES) - {"Asia/Kolkata", "Africa/Casablanca"}


@pytest.mark.parametrize("zone", ZONES)
@given(data=st.data())
def test_around_both_transitions_the_answer_is_the_first_allowed_moment(zone: str, data: st.DataObject) -> None:
    moment = data.draw(st.sampled_from(NEAR[zone])) + timedelta(minutes=data.draw(st.integers(-72 * 60, 72 * 60)))
    opens = time(data.draw(st.integers(5, 12)), data.draw(st.sampled_from([0, 30])))
    closes = time(data.draw(st.integers(13, 23)), data.draw(st.sampled_from([0, 59])))
    allowed = within_hours(moment, zone, opens, closes)
    wall = allowed.astimezone(ZoneInfo(zone)).time()
    assert opens <= wall < closes
    assert timedelta() <= allowed - moment <= timedelta(hours=25)
    assert within_hours(allowed, zone, opens, closes) == allowed
    if allowed > moment:
        assert wall == opens
        skipped = range(0, int((allowed - moment).total_seconds()) // 60, 7)
        walls = [(moment + timedelta(minutes=m)).astimezone(ZoneInfo(zone)).time() for m in skipped]
        assert not [w for w in walls if opens <= w < closes]


def test_the_same_time_twice_means_all_day() -> None:
    moment = datetime(2026, 3, 2, 3, tzinfo=UTC)
    assert within_hours(moment, "Europe/Berlin", time(8), time(8)) == moment


@pytest.mark.parametrize(
    ("utc_hour", "allowed"),
    [(6, (2, 7)), (7, (2, 7)), (18, (2, 18)), (19, (3, 7))],
)
def test_opening_is_inside_and_closing_is_outside(utc_hour: int, allowed: tuple[int, int]) -> None:
    moment = datetime(2026, 3, 2, utc_hour, tzinfo=UTC)
    day_of_month, hour = allowed
    expected = datetime(2026, 3, day_of_month, hour, tzinfo=UTC)
    assert within_hours(moment, "Europe/Berlin", time(8), time(20)) == expected
