"""The feature matrix: made from the adapters' own records, and its page says the same."""

import json
from pathlib import Path
from typing import get_args

from typer.testing import CliRunner

from activities.gateways.accounts import GatewayAccount
from workers import gateway_matrix as told
from workers.cli import app

PAGE = Path(__file__).parents[2] / "docs" / "gateways" / "README.md"


def matrix(*arguments: str) -> str:
    ended = CliRunner().invoke(app, ("gateways", "matrix", *arguments))
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def test_the_page_of_gateways_says_what_the_adapters_say() -> None:
    before, _, rest = PAGE.read_text().partition(f"{told.BEGINS}\n")
    found, _, after = rest.partition(f"\n{told.ENDS}")
    assert before
    assert after
    assert found.strip() == told.as_markdown().strip(), "write it anew: recoup gateways matrix --markdown"


def test_every_gateway_that_can_be_set_up_is_in_it() -> None:
    (union, *_) = get_args(GatewayAccount)
    kinds = {account.model_fields["kind"].default for account in get_args(union)}
    assert set(told.GATEWAYS) == kinds


def test_who_owns_invoices_as_a_gateway_is_told_among_the_owners() -> None:
    assert {name for name, one in told.GATEWAYS.items() if one.owns_invoices} == set(told.OWNERS) - {"merchant"}


def test_people_read_columns() -> None:
    head, *lines = matrix().splitlines()
    assert head.split()[:3] == ["gateway", "stripe", "adyen"]
    (row,) = [line for line in lines if line.startswith("keeps idempotency keys")]
    assert [cell for cell in row.split("  ") if cell][1].strip() == "24 h"
    assert any(line.startswith("books money taken elsewhere") for line in lines)


def test_documents_get_markdown_and_programs_json() -> None:
    assert matrix("--markdown") == told.as_markdown()
    facts = json.loads(matrix("--json"))
    assert facts["gateways"]["braintree"]["looks_up"] == "by_reading"
    assert facts["owners"]["gocardless"]["books_payments"] is False
