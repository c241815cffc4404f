from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.conditions import Condition, Subject, implies, matches
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


leaves = st.one_of(
    st.builds(lambda values: {"segments": values}, st.lists(st.sampled_from("ab"), min_size=1)),
    st.builds(lambda values: {"tags": values}, st.lists(st.sampled_from("xy"), min_size=1)),
    st.builds(
        lambda low, high: {"amount": {"currency": "EUR", "at_least": low, "below": high}},
        *[st.none() | st.integers(0, 4)] * 2,
    ),
    st.builds(lambda low: {"tenure": {"at_least": f"{low}d"}}, st.integers(0, 3)),
)
trees = st.recursive(
    leaves,
    lambda children: st.one_of(
        st.builds(lambda parts: {"all": parts}, st.lists(children, min_size=1, max_size=2)),
        st.builds(lambda parts: {"any": parts}, st.lists(children, min_size=1, max_size=2)),
        st.builds(lambda part: {"not": part}, children),
        st.builds(lambda one, other: {**one, **other}, leaves, children),
    ),
    max_leaves=5,
)
subjects = st.builds(
    Subject,
    segment=st.sampled_from("abc"),
    tags=st.lists(st.sampled_from("xyz"), max_size=2).map(tuple),
    amount=st.none() | st.integers(0, 4).map(lambda minor: Money(amount_minor=minor, currency="EUR")),
    tenure=st.none() | st.integers(0, 3).map(lambda days: timedelta(days=days)),
)


@given(trees, trees, st.lists(subjects, max_size=20))
def test_who_is_called_unreachable_is_never_reached(
    narrow: dict[str, Any], wide: dict[str, Any], crowd: list[Subject]
) -> None:
    if implies(condition(**narrow), condition(**wide)):
        assert all(matches(condition(**wide), each) for each in crowd if matches(condition(**narrow), each))


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ({"segments": ["a"]}, {"segments": ["a", "b"]}),
        ({"segments": ["a"], "tags": ["x"]}, {"tags": ["x"]}),
        ({"all": [{"segments": ["a"]}, {"tags": ["x"]}]}, {"tags": ["x", "y"]}),
        ({"segments": ["a"]}, {"any": [{"tags": ["x"]}, {"segments": ["a"]}]}),
        ({"any": [{"segments": ["a"]}, {"segments": ["b"]}]}, {"segments": ["a", "b"]}),
        ({"amount": {"currency": "EUR", "at_least": 5, "below": 9}}, {"amount": {"currency": "EUR", "below": 10}}),
        ({"tenure": {"at_least": "9d"}}, {"tenure": {"at_least": "3d"}}),
        ({"not": {"tags": ["x"]}}, {"not": {"tags": ["x"]}}),
    ],
)
def test_what_a_person_would_call_unreachable_is_seen(narrow: dict[str, Any], wide: dict[str, Any]) -> None:
    assert implies(condition(**narrow), condition(**wide))
    assert not implies(condition(**wide), condition(**{**narrow, "countries": ["DE"]}))
