"""Whatever is called unreachable is never chosen, and what a person would call unreachable is found."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import reachable
from policies.conditions import Condition, Subject, matches
from policies.instruments import PaymentType
from policies.money import Money
from policies.reachable import is_reachable
from policies.risk import RiskLevel
from tests.policies.test_conditions import condition

leaves = st.one_of(
    st.builds(lambda values: {"segments": values}, st.lists(st.sampled_from("ab"), min_size=1)),
    st.builds(lambda values: {"tags": values}, st.lists(st.sampled_from("xy"), min_size=1)),
    st.builds(
        lambda low, high: {"amount": {"currency": "EUR", "at_least": low, "below": high}},
        *[st.none() | st.integers(0, 4)] * 2,
    ),
    st.builds(lambda low: {"tenure": {"at_least": f"{low}d"}}, st.integers(0, 3)),
    st.builds(lambda values: {"risks": values}, st.lists(st.sampled_from(list(RiskLevel)), min_size=1)),
    st.builds(lambda values: {"plan_intervals": values}, st.lists(st.sampled_from(["month", "year"]), min_size=1)),
    st.builds(lambda values: {"payment_types": values}, st.lists(st.sampled_from(list(PaymentType)), min_size=1)),
    st.builds(lambda values: {"countries": values}, st.lists(st.sampled_from(["DE", "FR"]), min_size=1)),
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
    risk=st.sampled_from(RiskLevel),
    plan_interval=st.sampled_from([None, "month", "year", "week"]),
    payment_type=st.sampled_from(PaymentType),
    country=st.sampled_from([None, "DE", "FR", "JP"]),
    tenure=st.none() | st.integers(0, 3).map(lambda days: timedelta(days=days)),
)


@given(st.lists(trees, max_size=3), trees, st.lists(subjects, max_size=20))
def test_what_is_called_unreachable_is_never_chosen(
    before: list[dict[str, Any]], wanted: dict[str, Any], crowd: list[Subject]
) -> None:
    earlier = [condition(**each) for each in before]
    gets_it = [each for each in crowd if matches(condition(**wanted), each)]
    left = [each for each in gets_it if not any(matches(other, each) for other in earlier)]
    assert is_reachable(condition(**wanted), earlier) or not left


def segments(*names: str) -> dict[str, Any]:
    return {"segments": list(names)}


EUR: dict[str, Any] = {"currency": "EUR"}


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        ([segments("a", "b")], segments("a")),
        ([segments("a"), segments("b")], segments("a", "b")),
        ([{"tags": ["x"]}], {**segments("a"), "tags": ["x"]}),
        ([{"tags": ["x", "y"]}], {"all": [segments("a"), {"tags": ["x"]}]}),
        ([{"any": [{"tags": ["x"]}, segments("a")]}], segments("a")),
        ([{"not": segments("a")}, segments("a")], {"countries": ["DE"]}),
        ([{"amount": {**EUR, "below": 10}}], {"amount": {**EUR, "at_least": 5, "below": 9}}),
        ([{"amount": {**EUR, "below": 7}}, {"amount": {**EUR, "at_least": 7}}], {"amount": EUR}),
        ([{"tenure": {"at_least": "3d"}}, {"tenure": {"below": "3d"}}], {"tenure": {"at_least": "0d"}}),
        ([{"not": {"risks": ["chronic"]}}], {"risks": ["one_off", "temporary"]}),
        ([{"risks": ["one_off", "temporary"]}, {"risks": ["chronic", "suspicious"]}], segments("a")),
        ([], {"all": [segments("a"), segments("b")]}),
        ([], {**segments("a"), "not": segments("a", "b")}),
        ([], {"amount": {**EUR, "at_least": 9, "below": 9}}),
        ([], {"amount": {**EUR, "below": 0}}),
        ([], {"amount": {**EUR, "at_least": -9, "below": -3}}),
        ([{"amount": {**EUR, "at_least": -5}}], {"amount": EUR}),
        ([{"amount": EUR}], {"amount": {**EUR, "below": 500}}),
        ([], {"tenure": {"below": "0d"}}),
        ([{"tenure": {"at_least": "0d"}}], {"tenure": {"below": "10d"}}),
    ],
)
def test_what_a_person_would_call_unreachable_is_found(before: list[dict[str, Any]], wanted: dict[str, Any]) -> None:
    assert not is_reachable(condition(**wanted), [condition(**each) for each in before])


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        ([segments("a")], segments("a", "b")),
        ([{**segments("a"), "tags": ["x"]}], segments("a")),
        ([{"tags": ["x"]}], {"tags": ["x", "y"]}),
        ([{"amount": {**EUR, "below": 10}}], {"amount": {**EUR, "below": 11}}),
        ([{"amount": {**EUR, "below": 7}}, {"amount": {**EUR, "at_least": 7}}], segments("a")),
        ([{"tenure": {"at_least": "3d"}}, {"tenure": {"below": "3d"}}], segments("a")),
        ([{"plan_intervals": ["day", "week", "month", "year"]}], segments("a")),
        ([], {"amount": EUR}),
        ([], {"amount": {**EUR, "below": 1}}),
        ([{"amount": {**EUR, "at_least": 1}}], {"amount": EUR}),
        ([{"tenure": {"at_least": "0d"}}], segments("a")),
    ],
)
def test_what_leaves_somebody_over_is_reachable(before: list[dict[str, Any]], wanted: dict[str, Any]) -> None:
    assert is_reachable(condition(**wanted), [condition(**each) for each in before])


def test_the_default_is_unreachable_when_the_others_take_everybody() -> None:
    vip = Condition.model_validate({"tags": ["vip"]})
    assert is_reachable(None, [vip])
    assert not is_reachable(None, [vip, Condition.model_validate({"not": {"tags": ["vip"]}})])


def test_a_search_that_grows_too_large_gives_up_and_accuses_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    impossible = condition(all=[segments("a"), {"not": segments("a")}])
    assert not is_reachable(impossible)
    monkeypatch.setattr(reachable, "MOST_STEPS", 0)
    assert is_reachable(impossible)
