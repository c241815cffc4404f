"""The tables: what each code of a gateway, a network or a scheme means. One CSV file per table in `data/`.

A new code is a row. A row names category, whether a retry may help, what the customer must do, whether it smells of
fraud, how long to wait at least, its source (`sources.csv`) and whether nobody has verified it.
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import NamedTuple

from policies.declines.categories import Category, CustomerAction, Retryable
from policies.package_data import table

EDITION = "declines 2026-11-22"

TABLES = tuple(
    """adyen amex bacs becs_au becs_nz braintree braintree_gateway_rejection gocardless iso8583 mastercard_mac
    nacha nordic_dd pad_ca paypal paypal_issue sepa stripe stripe_advice stripe_bank stripe_error
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
    """Spelling does not matter: case and surrounding spaces are ignored, and 5 is 05."""
    rows = _rows_by_code(table_name)
    plain = code.strip().lower()
    return rows.get(plain) or (rows.get(f"0{plain}") if len(plain) == 1 and table_name == "iso8583" else None)


def all_rows() -> Iterator[Row]:
    for name in TABLES:
        yield from _rows_by_code(name).values()


@cache
def _rows_by_code(table_name: str) -> dict[str, Row]:
    return {raw["code"].lower(): _row(table_name, raw) for raw in table(__package__, f"{table_name}.csv")}


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
