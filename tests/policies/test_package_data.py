import pytest

from policies.package_data import settings, table


def test_a_table_is_a_row_per_line_named_by_its_header() -> None:
    rows = table("policies.declines", "stripe.csv")
    known = next(row for row in rows if row["code"] == "insufficient_funds")
    assert known["category"] == "insufficient_funds"


def test_settings_keep_their_types() -> None:
    assert settings("policies.timing", "timing.toml")["own"]["successes_needed"] == 3


def test_a_table_that_no_package_ships_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"policies\.no_such ships no data/table\.csv"):
        table("policies.no_such", "table.csv")
    with pytest.raises(FileNotFoundError, match=r"no_such\.toml"):
        settings("policies.timing", "no_such.toml")
