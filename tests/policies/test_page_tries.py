"""How often may be tried on the page: a mistyped card costs little, a list of stolen ones gets nowhere."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.page_tries import DAY, HOUR, PER_DAY, PER_HOUR, Allowed, AskPerson, Verdict, Wait, may_try

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def ago(**spans: float) -> datetime:
    return NOW - timedelta(**spans)


def spread(count: int, last: timedelta, apart: timedelta = timedelta(minutes=1)) -> list[datetime]:
    return [NOW - last - apart * n for n in range(count)]


@pytest.mark.parametrize(
    ("count", "last", "verdict"),
    [
        (0, timedelta(), Allowed()),
        (1, timedelta(), Allowed()),
        (2, timedelta(seconds=29), Wait(until=NOW + timedelta(seconds=1))),
        (2, timedelta(seconds=30), Allowed()),
        (3, timedelta(seconds=30), Wait(until=NOW + timedelta(seconds=90))),
        (3, timedelta(seconds=119), Wait(until=NOW + timedelta(seconds=1))),
        (3, timedelta(minutes=2), Allowed()),
        (4, timedelta(minutes=2), Wait(until=NOW + timedelta(minutes=8))),
        (4, timedelta(minutes=10), Allowed()),
        (5, timedelta(minutes=10), AskPerson(until=NOW + timedelta(minutes=46))),
        (9, timedelta(minutes=10), AskPerson(until=NOW + timedelta(minutes=46))),
    ],
)
def test_each_try_within_an_hour_costs_more_than_the_one_before(count: int, last: timedelta, verdict: Verdict) -> None:
    assert may_try(spread(count, last), NOW) == verdict


def test_what_is_an_hour_old_counts_for_the_day_only() -> None:
    assert may_try(spread(5, HOUR), NOW) == Allowed()
    assert isinstance(may_try(spread(5, HOUR - timedelta(seconds=1), timedelta()), NOW), AskPerson)


def test_ten_a_day_are_enough_however_slowly() -> None:
    tries = [ago(hours=2 * n + 2) for n in range(9)]
    assert may_try(tries, NOW) == Allowed()
    assert may_try([*tries, ago(hours=23)], NOW) == AskPerson(until=ago(hours=23) + DAY)
    assert may_try([*tries, ago(hours=24)], NOW) == Allowed()


def test_of_two_full_limits_the_later_end_is_told() -> None:
    tries = [ago(minutes=n) for n in range(1, 11)]
    assert may_try(tries, NOW) == AskPerson(until=ago(minutes=10) + DAY)


def test_a_clock_that_is_ahead_makes_no_try_invisible() -> None:
    assert may_try([ago(seconds=-5)] * 5, NOW) == AskPerson(until=ago(seconds=-5) + HOUR)


@given(st.lists(st.integers(min_value=0, max_value=200_000)))
def test_whatever_was_tried_the_limits_hold_and_the_promised_moment_is_kept(seconds: list[int]) -> None:
    tries = [ago(seconds=each) for each in seconds]
    verdict = may_try(tries, NOW)
    lately = sum(at > NOW - HOUR for at in tries)
    today = sum(at > NOW - DAY for at in tries)
    assert isinstance(verdict, AskPerson) == (lately >= PER_HOUR or today >= PER_DAY)
    if not isinstance(verdict, Allowed):
        assert verdict.until > NOW
        assert not isinstance(may_try(tries, verdict.until), AskPerson)
