from datetime import UTC, datetime
from decimal import Decimal

import iso4217
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies.base import Record, UtcTime
from policies.money import EXPONENT_0, EXPONENT_2, EXPONENT_3, EXPONENT_4, EXPONENTS, Money

# Units of account, metals and funds codes without minor units: nobody is billed in them.
THEIRS = {c.code: c.exponent for c in iso4217.Currency if c.exponent is not None}


def test_exponents_are_those_of_the_standard() -> None:
    assert {code: exponent for code, exponent in EXPONENTS.items() if THEIRS.get(code, exponent) != exponent} == {}


def test_every_currency_with_minor_units_is_known_or_was_withdrawn() -> None:
    assert set(THEIRS) - set(EXPONENTS) == set()


def test_a_currency_stands_in_one_list_only() -> None:
    assert len(EXPONENTS) == len(EXPONENT_0) + len(EXPONENT_2) + len(EXPONENT_3) + len(EXPONENT_4)


@pytest.mark.parametrize(
    ("amount_minor", "currency", "written"),
    [
        (1050, "EUR", "10.50 EUR"),
        (1050, "JPY", "1,050 JPY"),
        (1050, "KWD", "1.050 KWD"),
        (1050, "MGA", "10.50 MGA"),
        (10500, "CLF", "1.0500 CLF"),
        (-5, "USD", "-0.05 USD"),
        (123456789, "USD", "1,234,567.89 USD"),
        (0, "BHD", "0.000 BHD"),
    ],
)
def test_money_is_written_with_the_decimals_of_its_currency(amount_minor: int, currency: str, written: str) -> None:
    assert str(Money(amount_minor=amount_minor, currency=currency)) == written


@given(st.integers(-(10**15), 10**15), st.sampled_from(sorted(EXPONENTS)))
def test_decimals_and_minor_units_say_the_same(amount_minor: int, currency: str) -> None:
    money = Money(amount_minor=amount_minor, currency=currency)
    assert money.as_decimal * 10 ** EXPONENTS[currency] == Decimal(amount_minor)
    assert Money.model_validate_json(money.model_dump_json()) == money


@pytest.mark.parametrize("amount", [10.5, 10.0, "10", Decimal(10), True, None])
def test_only_an_integer_is_an_amount(amount: object) -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({"amount_minor": amount, "currency": "EUR"})


@pytest.mark.parametrize("code", ["EURO", "eur", "", "XXX", "XAU", "BTC"])
def test_an_unknown_currency_is_refused(code: str) -> None:
    with pytest.raises(ValidationError, match="is no ISO 4217 currency code"):
        Money(amount_minor=1, currency=code)


def test_times_are_kept_in_utc_and_need_a_zone() -> None:
    class Fact(Record):
        at: UtcTime

    assert Fact.model_validate({"at": "2026-03-02T10:00:00+02:00"}).at == datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert Fact.model_validate({"at": "2026-03-02T10:00:00+02:00"}).at.tzinfo is UTC
    with pytest.raises(ValidationError):
        Fact.model_validate({"at": "2026-03-02T10:00:00"})


def test_sums_of_one_currency_are_added_and_two_currencies_are_not() -> None:
    ten, three = Money(amount_minor=1000, currency="EUR"), Money(amount_minor=300, currency="EUR")
    assert (ten + three, ten - three) == (
        Money(amount_minor=1300, currency="EUR"),
        Money(amount_minor=700, currency="EUR"),
    )
    with pytest.raises(ValueError, match="two currencies"):
        ten + Money(amount_minor=1000, currency="USD")
