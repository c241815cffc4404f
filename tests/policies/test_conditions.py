from datetime import timedelta
from typing import Any

import pydantic_core
import pytest

from policies.conditions import Condition, Subject, matches
from policies.instruments import PaymentType
from policies.money import Money
from policies.risk import RiskLevel


def condition(**fields: Any) -> Condition:
    return Condition.model_validate(fields)


ANNA = Subject(
    segment="premium",
    amount=Money(amount_minor=2900, currency="EUR"),
    plan_interval="month",
    country="DE",
    tenure=timedelta(days=100),
    payment_type=PaymentType.CARD,
    tags=("beta", "vip"),
    risk=RiskLevel.TEMPORARY,
)
NOBODY = Subject(segment="x")

FIELDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"segments": ["premium", "gold"]}, {"segments": ["gold"]}),
    ({"countries": ["DE"]}, {"countries": ["FR"]}),
    ({"plan_intervals": ["month"]}, {"plan_intervals": ["year"]}),
    ({"payment_types": ["card"]}, {"payment_types": ["bank_debit"]}),
    ({"risks": ["temporary"]}, {"risks": ["chronic", "suspicious"]}),
    ({"tags": ["vip", "x"]}, {"tags": ["x"]}),
    ({"amount": {"currency": "EUR", "at_least": 2900}}, {"amount": {"currency": "EUR", "at_least": 2901}}),
    ({"amount": {"currency": "EUR", "below": 2901}}, {"amount": {"currency": "EUR", "below": 2900}}),
    ({"amount": {"currency": "EUR"}}, {"amount": {"currency": "USD"}}),
    ({"tenure": {"at_least": "100d"}}, {"tenure": {"at_least": "101d"}}),
    ({"tenure": {"below": "101d"}}, {"tenure": {"below": "100d"}}),
    (
        {"all": [{"segments": ["premium"]}, {"countries": ["DE"]}]},
        {"all": [{"segments": ["premium"]}, {"tags": ["x"]}]},
    ),
    ({"any": [{"segments": ["x"]}, {"countries": ["DE"]}]}, {"any": [{"segments": ["x"]}, {"countries": ["FR"]}]}),
    ({"not": {"segments": ["x"]}}, {"not": {"segments": ["premium"]}}),
    ({"segments": ["premium"], "countries": ["DE"]}, {"segments": ["premium"], "countries": ["FR"]}),
]


@pytest.mark.parametrize(("met", "missed"), FIELDS, ids=lambda fields: ",".join(fields))
def test_each_field_is_met_and_missed(met: dict[str, Any], missed: dict[str, Any]) -> None:
    assert matches(condition(**met), ANNA)
    assert not matches(condition(**missed), ANNA)


@pytest.mark.parametrize(
    "met", [met for met, _ in FIELDS[:11] if not {"segments", "payment_types", "risks"} & set(met)]
)
def test_what_nobody_knows_meets_no_condition_on_it(met: dict[str, Any]) -> None:
    assert not matches(condition(**met), NOBODY)


def test_left_out_means_everybody() -> None:
    assert matches(None, NOBODY)


def test_every_field_of_a_condition_is_in_the_table_above() -> None:
    tried = {name for met, _ in FIELDS for name in met}
    assert {field.alias or name for name, field in Condition.model_fields.items()} == tried


def test_a_condition_survives_every_way_of_writing_it_down() -> None:
    written = condition(**{"not": {"any": [{"not": {"segments": ["x"]}}, {"tenure": {"below": "3d"}}]}})
    again = [
        Condition.model_validate(written.model_dump(mode="json")),
        Condition.model_validate_json(written.model_dump_json()),
        Condition.model_validate_json(pydantic_core.to_json(written)),
    ]
    assert again == [written] * 3
