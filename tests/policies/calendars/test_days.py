"""Business days, paydays, seasons and zones."""

from datetime import date, timedelta

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.calendars.business_days import is_business_day, is_holiday, next_business_day, previous_business_day
from policies.calendars.paydays import days_from_payday, paydays_of
from policies.calendars.seasons import NAMES, season_on, seasons_on
from policies.calendars.zones import zone_of, zones_of_country
from policies.instruments import Network

days = st.dates(date(2000, 1, 1), date(2050, 1, 1))
countries = st.sampled_from([None, "US", "DE", "AE", "JP", "BR", "XX", ""])


@pytest.mark.parametrize(
    ("day", "country", "rail", "works"),
    [
        (date(2026, 7, 3), "US", Network.OTHER, False),
        (date(2026, 7, 3), "US", Network.ACH, True),
        (date(2027, 3, 26), None, Network.SEPA, False),
        (date(2026, 12, 28), None, Network.BACS, False),
        (date(2026, 11, 22), "DE", Network.OTHER, False),
        (date(2026, 11, 20), "SA", Network.OTHER, False),
        (date(2026, 11, 22), "SA", Network.OTHER, True),
        (date(2026, 11, 24), "XX", Network.OTHER, True),
        (date(2026, 11, 22), "XX", Network.OTHER, False),
    ],
)
def test_each_country_and_scheme_has_its_own_working_days(
    day: date, country: str | None, rail: Network, works: bool
) -> None:
    assert is_business_day(day, country, rail=rail) is works


def test_a_region_may_have_a_holiday_of_its_own_and_an_unknown_one_has_those_of_its_country() -> None:
    corpus_christi = date(2026, 6, 4)
    assert is_holiday(corpus_christi, "DE", "BY")
    assert not is_holiday(corpus_christi, "DE")
    assert is_holiday(date(2026, 12, 25), "DE", "no such region")


def test_the_longest_closures_end_with_a_working_day() -> None:
    """Twelve days of New Year in Russia; Easter between two holidays at the central bank of Europe."""
    assert next_business_day(date(2026, 1, 1), "RU") == date(2026, 1, 12)
    assert previous_business_day(date(2026, 1, 11), "RU") == date(2025, 12, 30)
    assert next_business_day(date(2026, 4, 3), None, rail=Network.SEPA) == date(2026, 4, 7)
    assert previous_business_day(date(2026, 4, 6), None, rail=Network.SEPA) == date(2026, 4, 2)


@given(days, countries)
def test_the_next_and_the_previous_business_day_are_business_days(day: date, country: str | None) -> None:
    later, earlier = next_business_day(day, country), previous_business_day(day, country)
    assert earlier <= day <= later
    assert is_business_day(later, country)
    assert is_business_day(earlier, country)


@pytest.mark.parametrize(
    ("country", "year", "month", "payday"),
    [
        ("SE", 2026, 10, date(2026, 10, 23)),
        ("DE", 2026, 10, date(2026, 10, 30)),
        ("BR", 2026, 11, date(2026, 11, 9)),
        ("US", 2026, 11, date(2026, 11, 20)),
        ("CA", 2026, 11, date(2026, 11, 19)),
        ("CA", 2026, 11, date(2026, 11, 20)),
        ("IE", 2026, 11, date(2026, 11, 19)),
        (None, 2026, 11, date(2026, 11, 30)),
    ],
)
def test_paydays_roll_back_to_a_day_on_which_banks_work(
    country: str | None, year: int, month: int, payday: date
) -> None:
    assert payday in paydays_of(year, month, country)


def test_a_payday_of_next_month_may_lie_in_this_one() -> None:
    """1 November 2026 is a Sunday, so who is paid on the first has it on Friday, 30 October."""
    assert days_from_payday(date(2026, 10, 30), "DE") == (0, 0)
    assert days_from_payday(date(2026, 11, 1), "DE").since == 2


@given(days, countries)
def test_the_distance_to_paydays_is_that_of_the_calendar(day: date, country: str | None) -> None:
    distance = days_from_payday(day, country)
    assert days_from_payday(day - timedelta(days=distance.since), country).since == 0
    assert days_from_payday(day + timedelta(days=distance.until), country).until == 0


@pytest.mark.parametrize(
    ("day", "country", "name"),
    [
        (date(2026, 11, 26), "US", "black_friday"),
        (date(2026, 12, 1), None, "black_friday"),
        (date(2026, 12, 2), "US", None),
        (date(2026, 12, 20), "DE", "year_end"),
        (date(2027, 1, 6), "DE", "year_end"),
        (date(2027, 1, 7), "DE", None),
        (date(2026, 2, 17), "CN", "lunar_new_year"),
        (date(2026, 2, 17), "DE", None),
        (date(2026, 5, 3), "JP", "golden_week"),
        (date(2026, 10, 3), "CN", "national_day_week"),
        (date(2026, 11, 8), "IN", "diwali"),
        (date(2026, 3, 1), "AE", "ramadan"),
        (date(2026, 3, 20), "AE", "eid_al_fitr"),
    ],
)
def test_seasons_are_kept_where_they_are_kept(day: date, country: str | None, name: str | None) -> None:
    found = season_on(day, country)
    assert (found.name if found else None) == name
    assert name is None or name in NAMES


@pytest.mark.parametrize("year", range(2025, 2033))
def test_moving_seasons_hold_the_day_that_the_holidays_package_knows(year: int) -> None:
    """The moon may move Eid by a day, so a day beside it is enough."""
    known = {
        ("CN", "lunar_new_year"): holidays.country_holidays("CN", years=year, language="en_US"),
        ("MU", "diwali"): holidays.country_holidays("MU", years=year, language="en_US"),
        ("AE", "eid_al_fitr"): holidays.country_holidays("AE", years=year, language="en_US"),
    }
    words = {
        "lunar_new_year": ("Chinese New Year", "Spring Festival"),
        "diwali": ("Diwali",),
        "eid_al_fitr": ("Eid al-Fitr",),
    }
    for (country, season), calendar in known.items():
        found = [day for day, name in calendar.items() if any(word in name for word in words[season])]
        assert found, f"{season} {year}"
        near = {day + timedelta(days=n) for day in found[:1] for n in (-1, 0, 1)}
        assert any(season in [each.name for each in seasons_on(day, country)] for day in near), (season, found)


@pytest.mark.parametrize(
    ("known", "zone"),
    [
        (("DE",), "Europe/Berlin"),
        (("jp",), "Asia/Tokyo"),
        (("US", "CA"), "America/Los_Angeles"),
        (("US", "US-AZ"), "America/Phoenix"),
        (("US", None, "10001"), "America/New_York"),
        (("US", None, "35203-1234"), "America/Chicago"),
        (("CA", None, "v6b 1a1"), "America/Vancouver"),
        (("AU", None, "6000"), "Australia/Perth"),
        (("US", None, None, "+14155550100"), "America/Los_Angeles"),
        ((None, None, None, "+442071234567"), "Europe/London"),
        (("US",), None),
        (("US", "ZZ", "!!"), None),
        (("US", None, None, "+18005550100"), None),
        (("US", None, None, "no number"), None),
        (("FR", None, None, "+14155550100"), "Europe/Paris"),
        (("RU", None, None, "+14155550100"), None),
        (("RU", None, None, "+74132600000"), "Asia/Magadan"),
        ((None,), None),
        (("XX",), None),
    ],
)
def test_the_zone_is_that_of_the_smallest_place_that_is_known(known: tuple[str | None, ...], zone: str | None) -> None:
    guess = zone_of(*known)
    assert guess.zone == zone
    assert guess.because
    for secret in known[2:]:
        assert secret is None or secret not in guess.because


def test_an_unknown_zone_is_one_of_those_of_the_country() -> None:
    assert zone_of("US").candidates == zones_of_country("US")
    assert {"America/New_York", "America/Los_Angeles"} <= set(zones_of_country("US"))
    assert zone_of(None).candidates == ()


@pytest.mark.parametrize(
    ("country", "few"),
    [("RU", "Asia/Anadyr"), ("US", "America/Adak"), ("CL", "Pacific/Easter"), ("NZ", "Pacific/Chatham")],
)
def test_nobody_waits_for_a_zone_in_which_hardly_anybody_lives(country: str, few: str) -> None:
    assert zones_of_country(country)
    assert few not in zones_of_country(country)


@given(*[st.none() | st.text(max_size=8)] * 4)
def test_whatever_comes_in_there_is_a_guess(
    country: str | None, subdivision: str | None, postal_code: str | None, phone: str | None
) -> None:
    guess = zone_of(country, subdivision, postal_code, phone)
    assert guess.zone is None or guess.zone in guess.candidates or phone
