from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from babel.core import get_global
from hypothesis import given
from hypothesis import strategies as st

from policies.calendars.contact import may_contact, next_contact_time
from policies.calendars.zones import zones_of_country
from policies.package_data import settings

EIGHT, TWENTY = time(8), time(20)
ZONES = (
    *("Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "America/Santiago"),
    *("Australia/Sydney", "Australia/Lord_Howe", "Asia/Beirut", "Africa/Casablanca", "America/Asuncion"),
    *("Antarctica/Troll", "Pacific/Auckland"),
)
SATURDAY_NIGHT = datetime(2026, 3, 7, 21, 30, tzinfo=UTC)

moments = st.integers(0, 50 * 365 * 24 * 60).map(
    lambda minutes: datetime(1995, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


def local(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone))


@pytest.mark.parametrize(
    ("channel", "country", "expected"),
    [
        ("email", None, datetime(2026, 3, 8, 7, tzinfo=UTC)),
        ("sms", "DE", datetime(2026, 3, 9, 8, tzinfo=UTC)),
        ("in_app", "DE", datetime(2026, 3, 8, 7, tzinfo=UTC)),
        ("sms", "FR", datetime(2026, 3, 9, 9, tzinfo=UTC)),
    ],
)
def test_each_channel_has_its_own_days_and_hours(channel: str, country: str | None, expected: datetime) -> None:
    """Saturday night in Europe: mail goes out on Sunday morning, a text waits for Monday."""
    assert next_contact_time(SATURDAY_NIGHT, "Europe/Paris", country, channel, EIGHT, TWENTY) == expected


def test_no_text_on_a_public_holiday() -> None:
    christmas = datetime(2026, 12, 24, 22, tzinfo=UTC)
    assert next_contact_time(christmas, "Europe/Berlin", "DE", "sms", EIGHT, TWENTY).day == 28


def test_policy_and_window_are_kept_both_and_where_they_do_not_meet_the_window_counts() -> None:
    monday = datetime(2026, 3, 9, 0, tzinfo=UTC)
    assert next_contact_time(monday, "UTC", None, "sms", time(11), TWENTY).hour == 11
    assert next_contact_time(monday, "UTC", None, "sms", time(6), time(8)).hour == 9
    assert next_contact_time(monday, "UTC", None, "sms", time(0), time(0)).hour == 9
    assert next_contact_time(monday, "UTC", None, "email", time(6), time(8)).hour == 6


def test_a_state_may_be_stricter_than_its_country() -> None:
    night = datetime(2026, 3, 9, 3, tzinfo=UTC)
    florida = next_contact_time(night, "America/New_York", "US", "sms", EIGHT, time(21), "FL")
    assert local(florida, "America/New_York").hour == 9


def test_who_may_live_in_several_zones_is_written_to_when_it_is_day_in_all() -> None:
    coasts = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
    written = next_contact_time(datetime(2026, 3, 10, 5, tzinfo=UTC), coasts, "US", "sms", EIGHT, TWENTY)
    assert local(written, "America/New_York").hour == 12
    assert all(may_contact(written, zone, "US", "sms", EIGHT, TWENTY) for zone in coasts)
    assert not may_contact(written - timedelta(seconds=1), coasts, "US", "sms", EIGHT, TWENTY)


RUSSIA = ("Europe/Kaliningrad", "Europe/Moscow", "Asia/Vladivostok", "Asia/Kamchatka")
AMERICA = ("America/New_York", "America/Los_Angeles", "Pacific/Honolulu")


def hours_in(zones: tuple[str, ...], moment: datetime) -> list[int]:
    return [local(moment, zone).hour for zone in zones]


def test_zones_that_share_no_hour_of_the_policy_share_one_of_the_channel() -> None:
    """Texts from five to eight in the evening: when it is eight in New York it is three in Hawaii."""
    written = next_contact_time(datetime(2026, 3, 3, 3, tzinfo=UTC), AMERICA, "US", "sms", time(17), TWENTY)
    assert hours_in(AMERICA, written) == [14, 11, 9]


def test_zones_that_share_no_hour_of_the_channel_either_share_one_of_the_day() -> None:
    """Kamchatka is ten hours ahead of Kaliningrad; mail has no hours of its own, and nobody is written to at night."""
    written = next_contact_time(datetime(2026, 3, 3, 12, tzinfo=UTC), RUSSIA, "RU", "email", time(9), time(19))
    assert hours_in(RUSSIA, written) == [8, 9, 16, 18]
    opposite = ("Asia/Tokyo", "America/Sao_Paulo")
    text = next_contact_time(datetime(2026, 3, 10, 5, tzinfo=UTC), opposite, None, "sms", EIGHT, TWENTY)
    assert hours_in(opposite, text) == [20, 8]


def test_where_it_is_always_night_somewhere_no_hour_is_better_than_another() -> None:
    scattered, moment = ("Pacific/Auckland", "America/Sao_Paulo", "Europe/Moscow"), datetime(2026, 3, 10, 5, tzinfo=UTC)
    assert next_contact_time(moment, scattered, None, "email", time(9), time(10)) == moment


WIDE = [each for each in sorted(set(get_global("zone_territories").values())) if len(zones_of_country(each)) > 1]


@pytest.mark.parametrize("country", sorted(set(WIDE) - {"001", "ZZ"}))
@pytest.mark.parametrize("month", [1, 7])
def test_in_every_country_there_is_an_hour_at_which_it_is_day_in_all_zones(country: str, month: int) -> None:
    zones = zones_of_country(country)
    for hour in range(0, 24, 3):
        moment = datetime(2026, month, 7, hour, tzinfo=UTC)
        written = next_contact_time(moment, zones, country, "email", time(9), time(9, 30))
        assert set(hours_in(zones, written)) <= set(range(8, 21))
        text = next_contact_time(moment, zones, country, "sms", time(9), time(9, 30))
        assert set(hours_in(zones, text)) <= set(range(9, 20))


def test_zones_a_day_apart_share_the_hour_though_not_the_date() -> None:
    apart, moment = ("Pacific/Kiritimati", "Pacific/Honolulu"), datetime(2026, 3, 10, 5, tzinfo=UTC)
    written = next_contact_time(moment, apart, None, "email", time(9), time(10))
    assert [local(written, zone).strftime("%d %H:%M") for zone in apart] == ["11 09:00", "10 09:00"]


def test_after_the_last_hour_of_the_week_a_text_waits_for_the_first_of_the_next() -> None:
    saturday_evening = datetime(2026, 3, 7, 20, tzinfo=UTC)
    assert may_contact(saturday_evening - timedelta(seconds=1), "UTC", None, "sms", EIGHT, TWENTY)
    monday_nine = datetime(2026, 3, 9, 9, tzinfo=UTC)
    assert next_contact_time(saturday_evening, "UTC", None, "sms", EIGHT, TWENTY) == monday_nine


def test_every_channel_that_ships_is_open_on_some_working_day() -> None:
    """Else there would be no next time to wait for."""
    rows = settings("policies.calendars", "contact_windows.toml")["window"]
    assert [row for row in rows if not set(row["days"]) & set(range(5))] == []


def transitions(zone: str, year: int) -> list[datetime]:
    """Hours of the year around which the zone's clocks are put."""
    start = datetime(year, 1, 1, tzinfo=UTC)
    every = [start + timedelta(hours=n) for n in range(366 * 24)]
    return [b for a, b in pairwise(every) if local(a, zone).utcoffset() != local(b, zone).utcoffset()]


@pytest.mark.parametrize("zone", ZONES)
def test_both_changes_of_the_clocks_keep_the_window(zone: str) -> None:
    changes = [moment for year in (2024, 2025) for moment in transitions(zone, year)]
    assert len(changes) >= 2, f"{zone} no longer changes its clocks; walk another one"
    for change in changes:
        for minutes in range(-36 * 60, 36 * 60, 30):
            moment = change + timedelta(minutes=minutes)
            found = next_contact_time(moment, zone, None, "email", time(2, 30), TWENTY)
            wall = local(found, zone).time()
            assert found >= moment
            assert time(2, 30) <= wall < TWENTY
            assert next_contact_time(found, zone, None, "email", time(2, 30), TWENTY) == found
            assert found - moment < timedelta(hours=8)


@given(moment=moments, zone=st.sampled_from(ZONES), channel=st.sampled_from(["email", "sms", "in_app"]))
def test_the_answer_is_never_before_the_question_and_stands_when_asked_again(
    moment: datetime, zone: str, channel: str
) -> None:
    found = next_contact_time(moment, zone, "US", channel, EIGHT, TWENTY)
    assert found >= moment
    assert found.tzinfo is UTC
    assert next_contact_time(found, zone, "US", channel, EIGHT, TWENTY) == found
