"""The tables: what each code of a gateway, a network or a scheme means. One CSV file per table in `data/`.

A new code is a row. A row names category, whether a retry may help, what the customer must do, whether it smells of
fraud, how long to wait at least, its source (`sources.csv`) and whether nobody has verified it.
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import cache, lru_cache
from typing import NamedTuple

from policies.declines.categories import Category, CustomerAction, Retryable
from policies.package_data import table

EDITION = "declines 2026-11-25"

TABLES = tuple(
    """adyen amex bacs becs_au becs_nz braintree braintree_gateway_rejection gocardless iso8583 mastercard_mac
    nacha nordic_dd pad_ca paddle paypal paypal_issue sepa stripe stripe_advice stripe_bank stripe_error
    visa_category""".split()
)


class Row(NamedTuple):
    """`earliest_retry`: no retry is of use sooner after the attempt. `unverified`: general knowledge, no page seen."""

    table: str
    code: str
    name: str
    category: Category
    retryable: Retryable
    customer_action: CustomerAction
    fraud_signal: bool
    earliest_retry: timedelta | None
    source: str
    unverified: bool

    def __str__(self) -> str:
        return f"{self.table} {self.code}"


def row_for(table_name: str, code: str) -> Row | None:
    """Case and surrounding spaces do not matter."""
    return _rows_by_code(table_name).get(code.strip().lower())


def row_by_number(table_name: str, code: str) -> Row | None:
    """Leading zeros do not matter either: 5 is 05."""
    return _rows_by_plain_code(table_name).get(plain_code(code))


@lru_cache(maxsize=4096)
def plain_code(code: str) -> str:
    """As two spellings of one code are compared."""
    plain = code.strip().upper()
    return (plain.lstrip("0") or "0") if plain.isdecimal() else plain


def all_rows() -> Iterator[Row]:
    for name in TABLES:
        yield from _rows_by_code(name).values()


@cache
def _rows_by_code(table_name: str) -> dict[str, Row]:
    return {raw["code"].lower(): _row(table_name, raw) for raw in table(__package__, f"{table_name}.csv")}


@cache
def _rows_by_plain_code(table_name: str) -> dict[str, Row]:
    return {plain_code(row.code): row for row in _rows_by_code(table_name).values()}


def _row(table_name: str, raw: dict[str, str]) -> Row:
    return Row(
        table=table_name,
        code=raw["code"],
        name=raw["name"],
        category=Category(raw["category"]),
        retryable=Retryable(raw["retryable"]),
        customer_action=CustomerAction(raw["customer_action"]),
        fraud_signal=raw["fraud_signal"] == "yes",
        earliest_retry=_wait(raw["earliest_retry"]),
        source=raw["source"],
        unverified=raw["unverified"] == "yes",
    )


def _wait(written: str) -> timedelta | None:
    if not written:
        return None
    number = int(written[:-1])
    return timedelta(hours=number) if written.endswith("h") else timedelta(days=number)
