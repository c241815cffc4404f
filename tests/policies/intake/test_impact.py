"""What a dead letter weighs: the sum in one currency, the segment, and how long it waits."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from policies.intake.impact import Stakes, impact
from policies.money import Money

CAME = datetime(2026, 3, 2, 9, tzinfo=UTC)


def money(amount_minor: int, currency: str) -> Money:
    return Money(amount_minor=amount_minor, currency=currency)


@pytest.mark.parametrize(
    ("amount", "segment", "stake"),
    [
        (money(2900, "EUR"), None, 2900),
        (money(2900, "EUR"), "self_serve", 2900),
        (money(2900, "EUR"), "premium", 5800),
        (money(2900, "EUR"), "enterprise", 14500),
        (money(2900, "USD"), None, 2610),
        (money(1000, "JPY"), None, 600),
        (money(450_000, "KWD"), None, 10_000),
        (None, None, 10_000),
        (None, "premium", 20_000),
    ],
)
def test_a_stake_is_the_sum_in_the_base_currency_times_the_weight_of_the_segment(
    amount: Money | None, segment: str | None, stake: float
) -> None:
    stakes = Stakes(rates={"USD": Decimal("0.9"), "JPY": Decimal("0.006")})
    assert stakes.stake(amount, segment) == stake


def test_every_setting_of_the_stakes_changes_one() -> None:
    in_yen = Stakes(base="JPY", rates={"EUR": Decimal("165.4")}, weights={"trial": 0.5}, unknown_minor=700)
    assert in_yen.stake(money(2900, "EUR"), None) == 4797
    assert in_yen.stake(money(2900, "EUR"), "trial") == 2398.5
    assert in_yen.stake(money(100, "USD"), "premium") == 700


@pytest.mark.parametrize(("minor", "base"), [(50, 0), (51, 1), (150, 2), (250, 2)])
def test_halves_are_rounded_to_the_even_one(minor: int, base: int) -> None:
    converted = Stakes(rates={"USD": Decimal("0.01")}).in_base(money(minor, "USD"))
    assert converted == money(base, "EUR")


@pytest.mark.parametrize(("waited", "times"), [(timedelta(), 1), (timedelta(days=3.5), 1.5), (timedelta(days=7), 2)])
def test_who_waits_a_week_weighs_twice(waited: timedelta, times: float) -> None:
    assert impact(100, CAME, CAME + waited) == 100 * times


def test_a_clock_that_is_behind_makes_nothing_lighter() -> None:
    assert impact(100, CAME, CAME - timedelta(days=3)) == 100
