"""Trials of messages: who hears what, what may be tried, and what the figures say."""

import math
from collections import Counter
from datetime import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies.experiments import (
    HELD_OUT,
    Arm,
    Assignment,
    Tally,
    Variant,
    assigned,
    newcombe,
    report,
    wilson,
)

CASES = [f"stripe/default/in_{n}" for n in range(4000)]
SHORT = Variant(name="short", share=50, wording="reminder_short")


def arms(message: str, variants: tuple[Variant, ...], holdout: int = 0) -> list[str | None]:
    return [assigned(case, message, variants, holdout).name for case in CASES]


def variants_of(*shares: int) -> tuple[Variant, ...]:
    return tuple(Variant(name=f"v{n}", share=share, wording="other") for n, share in enumerate(shares))


# --- who hears what ---------------------------------------------------------------------------------------------------


def test_without_a_trial_everybody_hears_the_ordinary_message() -> None:
    assert set(arms("reminder", ())) == {None}


@given(
    shares=st.lists(st.integers(1, 33), min_size=0, max_size=3),
    holdout=st.integers(0, 1),
    message=st.from_regex(r"[a-z0-9_]{1,40}", fullmatch=True),
)
def test_each_arm_gets_its_share_of_the_cases(shares: list[int], holdout: int, message: str) -> None:
    got = Counter(arms(message, variants_of(*shares), holdout))
    wanted: dict[str | None, int] = {f"v{n}": share for n, share in enumerate(shares)}
    wanted |= {HELD_OUT: holdout, None: 100 - holdout - sum(shares)}
    for arm, percent in wanted.items():
        expected = len(CASES) * percent / 100
        # Seven standard deviations: such a draw comes once in a million million.
        assert abs(got[arm] - expected) <= 7 * math.sqrt(expected * (1 - percent / 100)) + 1e-9


@given(case=st.sampled_from(CASES), shares=st.lists(st.integers(1, 25), max_size=3), holdout=st.integers(0, 25))
def test_a_case_always_hears_the_same(case: str, shares: list[int], holdout: int) -> None:
    variants = variants_of(*shares)
    assert assigned(case, "reminder", variants, holdout) == assigned(case, "reminder", variants, holdout)


def test_where_a_case_falls_is_kept_across_versions() -> None:
    """Recorded: another hash would move running cases to another arm."""
    variants = variants_of(40, 30)
    got = [assigned(f"stripe/default/in_{n}", "reminder", variants, 10).name for n in range(12)]
    assert got == ["v1", "v0", None, "v1", None, "holdout", "v1", "v0", "v0", None, "v0", None]


def test_trials_of_two_messages_are_drawn_independently() -> None:
    both = Counter(zip(arms("reminder", (SHORT,)), arms("warning", (SHORT,)), strict=True))
    assert len(both) == 4
    assert min(both.values()) > len(CASES) / 4 - 200


@given(holdout=st.integers(0, 49), case=st.sampled_from(CASES))
def test_who_was_held_out_stays_so_when_more_are(holdout: int, case: str) -> None:
    if assigned(case, "reminder", (SHORT,), holdout).held_out:
        assert assigned(case, "reminder", (SHORT,), holdout + 1).held_out


def test_all_may_hear_a_variant_and_all_be_held_out() -> None:
    assert set(arms("reminder", variants_of(60, 40))) == {"v0", "v1"}
    assert set(arms("reminder", (), 100)) == {HELD_OUT}


def test_an_assignment_says_what_differs() -> None:
    ordinary, held_out = Assignment(), Assignment(held_out=True)
    mail_too = Assignment(Variant(name="mail_too", share=10, channels=("sms", "email")))
    assert (ordinary.name, ordinary.wording) == (None, None)
    assert (held_out.name, held_out.wording) == (HELD_OUT, None)
    assert (Assignment(SHORT).name, Assignment(SHORT).wording) == ("short", "reminder_short")
    assert Assignment(SHORT).channels_of(("sms",), ("sms",)) == ("sms",)
    assert mail_too.channels_of(("sms",), ("sms", "push")) == ("sms", "email")
    assert mail_too.channels_of(("push",), ("sms", "email", "push")) == ("push",)


# --- what may be tried ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"share": 0},
        {"share": 101},
        {"share": "50"},
        {"share": True},
        {"name": "Short"},
        {"name": ""},
        {"wording": "../reminder"},
        {"channels": []},
        {"channels": ["telegram"]},
        {"at": "25:00"},
    ],
)
def test_a_variant_that_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Variant.model_validate({"name": "short", "share": 50, "wording": "reminder_short", **wrong})


def test_a_time_of_day_is_one_on_the_customers_clock() -> None:
    assert Variant.model_validate({"name": "late", "share": 50, "at": "18:30"}).at == time(18, 30)


# --- figures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    # R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Stat. Med. 17 (1998), table I, row 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_a_share_has_the_published_bounds(count: int, of: int, low: float, high: float) -> None:
    got = wilson(count, of)
    assert (round(got.low, 4), round(got.high, 4)) == (low, high)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    # Newcombe 1998 (Stat. Med. 17, 873-890), table II, method 10.
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090)],
)
def test_a_difference_has_the_published_bounds(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    got = newcombe(wilson(*one), wilson(*other))
    assert (round(got.low, 4), round(got.high, 4)) == (low, high)


@given(of=st.integers(1, 10_000), share=st.floats(0, 1))
def test_bounds_hold_the_share_and_stay_within_none_and_all(of: int, share: float) -> None:
    got = wilson(round(share * of), of)
    assert 0 <= got.low <= got.value <= got.high <= 1


@given(st.integers(0, 50), st.integers(0, 50))
def test_a_difference_the_other_way_round_is_its_mirror(x: int, y: int) -> None:
    one, other = wilson(x, 50), wilson(y, 50)
    there, back = newcombe(one, other), newcombe(other, one)
    assert there.low == pytest.approx(-back.high)
    assert there.high == pytest.approx(-back.low)


def tally(variant: str | None, cases: int, recovered: int, **changes: Any) -> Tally:
    return Tally.model_validate(
        {"policy": "self_serve", "message": "reminder", "variant": variant, "cases": cases, "recovered": recovered}
        | changes
    )


def told(*rows: Tally) -> dict[str, Arm]:
    return {arm.arm: arm for arm in report(rows)}


def test_arms_are_compared_with_the_ordinary_one() -> None:
    rows = [
        tally(HELD_OUT, 400, 100),
        tally("zz", 400, 201, complained=30, opted_out=2),
        tally("late", 400, 260),
        tally(None, 400, 200, complained=2, opted_out=2),
    ]
    got = told(*rows)
    assert list(got) == ["ordinary", "late", "zz", HELD_OUT]
    ordinary, late, wordy, held_out = got.values()
    assert (ordinary.recovered.difference, ordinary.recovered.verdict) == (None, None)
    assert ordinary.recovered.rate == wilson(200, 400)
    assert (late.recovered.count, late.recovered.verdict) == (260, "more")
    assert late.recovered.difference == newcombe(wilson(260, 400), wilson(200, 400))
    assert (wordy.recovered.verdict, wordy.complained.verdict, wordy.opted_out.verdict) == (
        "no difference seen",
        "more",
        "no difference seen",
    )
    assert (held_out.recovered.verdict, held_out.complained.count) == ("less", 0)


@pytest.mark.parametrize(
    ("ordinary", "variant", "enough"), [(30, 30, True), (29, 30, False), (30, 29, False), (4000, 29, False)]
)
def test_few_cases_get_no_verdict(ordinary: int, variant: int, enough: bool) -> None:
    late = told(tally(None, ordinary, 0), tally("late", variant, variant))["late"]
    assert late.recovered.verdict == ("more" if enough else "too few")
    assert late.recovered.difference is not None


def test_each_message_of_each_policy_is_its_own_trial() -> None:
    rows = [
        tally("late", 100, 90),
        tally(None, 100, 10, message="warning"),
        tally(None, 100, 10, policy="premium"),
    ]
    got = report(rows)
    assert [(arm.policy, arm.message, arm.arm) for arm in got] == [
        ("premium", "reminder", "ordinary"),
        ("self_serve", "reminder", "late"),
        ("self_serve", "warning", "ordinary"),
    ]
    assert got[1].recovered.difference is None, "there is nothing to compare it with"


def test_an_arm_without_cases_is_no_arm() -> None:
    with pytest.raises(ValidationError):
        tally("late", 0, 0)


def test_no_trial_no_figures() -> None:
    assert report([]) == ()
