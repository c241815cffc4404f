"""What strangers write into a field is read or refused, and nothing else can come out of it."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from activities.sources.reading import Node, Wrong
from policies.money import Money
from tests.activities.sources.speaking import ODD

MORE_ODD = (
    *ODD,
    *("1e-999999", "-1e999999", "1E+5", "sNaN", "Infinity", "+5", "5.", ".5", "\u0665", "9" * 30, "0." + "0" * 5000),
    *(1e308, 1e-300, float("nan"), float("inf"), -(10**18), False),
    *("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "２０26-01-01", "2026-W01", "24:00"),
)

READINGS: dict[str, Callable[[Node], object]] = {
    "minor_money": lambda node: node.minor_money("x", "EUR"),
    "major_money": lambda node: node.major_money("x", "EUR"),
    "minor": lambda node: node.minor("x"),
    "moment": lambda node: node.moment("x"),
    "optional_moment": lambda node: node.optional_moment("x"),
    "moment_of_text": lambda node: node.moment_of_text("x"),
    "optional_moment_of_text": lambda node: node.optional_moment_of_text("x"),
    "id": lambda node: node.id("x"),
    "id_or_none": lambda node: node.id_or_none("x"),
    "code": lambda node: node.code("x"),
    "text": lambda node: node.text("x"),
    "optional_text": lambda node: node.optional_text("x"),
}


@pytest.mark.parametrize("reading", READINGS)
def test_an_odd_value_is_read_or_wrong_and_raises_nothing_else(reading: str) -> None:
    for value in MORE_ODD:
        with suppress(Wrong):
            READINGS[reading](Node("", {"x": value}))


@pytest.mark.parametrize("currency", ["", "\ud800", "1e999999", "EURO", "x" * 5000])
def test_an_odd_currency_is_wrong(currency: str) -> None:
    for read in (Node("", {"x": "1"}).minor_money, Node("", {"x": "1"}).major_money):
        with pytest.raises(Wrong):
            read("x", currency)


@pytest.mark.parametrize(
    ("written", "minor"),
    [("29.00", 2900), (" 29 ", 2900), ("-5.5", -550), ("19.990000000", 1999), (29.99, 2999), (29, 2900), (0, 0)],
)
def test_an_amount_in_major_units_is_a_plain_decimal(written: Any, minor: int) -> None:
    assert Node("", {"x": written}).major_money("x", "eur") == Money(amount_minor=minor, currency="EUR")


@pytest.mark.parametrize(
    "written", ["1e999999", "1e2", "1_000", "１２.00", "\u0665", "+5", "NaN", "29.999", True, 1e300, "9" * 16]
)
def test_what_only_a_parser_would_take_for_money_is_none(written: Any) -> None:
    with pytest.raises(Wrong):
        Node("", {"x": written}).major_money("x", "EUR")
