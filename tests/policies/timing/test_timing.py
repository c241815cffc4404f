from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies.charges import next_charge
from policies.decide import next_step
from policies.declines import Category
from policies.document import Avoid, PolicyDocument, Retries
from policies.facts import Attempt, CaseFacts, Outcome
from policies.keys import CaseRef
from policies.network_rules import LedgerEntry
from policies.package_data import settings
from policies.situation import Situation
from policies.steps import Charge
from policies.surroundings import CustomerView, Surroundings
from policies.timing import MOST, candidate_times, choose, load_model, spread_of
from policies.timing.model import chance
from tests.policies.timeline import CASE, SELF_SERVE, START, case, day, entry, everything_told, tried

WINDOW = timedelta(days=28)
QUIET = everything_told(SELF_SERVE, day(-9))
GERMAN = CustomerView(zone="Europe/Berlin", country="DE")


def adaptive(**retries: Any) -> PolicyDocument:
    wanted = {"timing": "adaptive", "window": WINDOW, "maximum": 4, **retries}
    return SELF_SERVE.model_copy(update={"retries": Retries(**wanted)})


def situation(
    facts: CaseFacts | None = None,
    now: datetime = START,
    customer: CustomerView = GERMAN,
    ledger: tuple[LedgerEntry, ...] = (),
    health: float = 1.0,
    **retries: Any,
) -> Situation:
    around = Surroundings(customer=customer, ledger=ledger, gateway_health=health)
    return Situation.of(adaptive(**retries), facts or case(messages=QUIET), around, now)


def test_times_lie_between_the_gap_and_the_end_of_the_window_on_local_days() -> None:
    times = candidate_times(situation(), START)
    assert 20 <= len(times) <= MOST
    assert times[0].at >= START + timedelta(days=1)
    assert times[-1].at <= START + WINDOW
    assert {each.at.astimezone(ZoneInfo("Europe/Berlin")).hour for each in times} == {10}
    assert list(times) == sorted(times)


def test_every_score_is_explained_by_its_parts() -> None:
    for each in candidate_times(situation(), START):
        assert each.score == round(chance(list(each.parts)), 4)
        assert each.parts[0][0] == "insufficient_funds"


def test_a_long_window_is_thinned_evenly_and_keeps_its_ends() -> None:
    times = candidate_times(situation(window=timedelta(days=90)), START)
    assert len(times) == MOST
    assert times[-1].at > START + timedelta(days=88)


def test_without_funds_the_morning_after_payday_is_worth_waiting_for() -> None:
    """The last of four tries, failed on 22 March; Germans are next paid on Tuesday, the 31st."""
    tries = (tried(1, day(20)), tried(2, day(21)), tried(3, day(22)))
    late = situation(case(messages=QUIET, attempts=tries).model_copy(update={"failed_at": day(20)}), day(22))
    chosen = choose(late, day(22))
    assert chosen is not None
    assert chosen.at.astimezone(ZoneInfo("Europe/Berlin")).strftime("%d %H:%M") == "31 00:30"
    assert "payday (+0.97)" in chosen.because
    refused = tried(1, day(22), category=Category.DO_NOT_HONOR)
    other = choose(situation(case(Category.DO_NOT_HONOR, messages=QUIET, attempts=(refused,)), day(22)), day(22))
    assert other is not None
    assert "payday" not in other.because


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"customer": GERMAN.model_copy(update={"paid_at": (day(-60), day(-30), day(-1))})}, {}),
        ({"customer": GERMAN.model_copy(update={"active_hours": (10,)})}, {}),
        ({}, {"facts": case(messages=QUIET, attempts=(tried(1, day(-1)),))}),
        ({}, {"facts": case(Category.DO_NOT_HONOR, messages=QUIET)}),
    ],
)
def test_each_thing_that_is_known_changes_the_chance(better: dict[str, Any], worse: dict[str, Any]) -> None:
    good, bad = (candidate_times(situation(**known), START) for known in (better, worse))
    assert max(each.score for each in good) > min(each.score for each in bad)
    assert {each.parts for each in good} != {each.parts for each in bad}


def test_the_hour_at_which_they_have_paid_before_is_taken() -> None:
    evening = tuple(day(-30 * n) + timedelta(hours=9) for n in (1, 2, 3))
    times = candidate_times(situation(customer=CustomerView(paid_at=evening)), START)
    assert {each.at.hour for each in times} >= {19}


def test_of_hours_at_which_they_have_paid_equally_often_the_latest_payment_counts() -> None:
    """A set of hours has no order that two processes share."""
    hours = (3, 21, 7, 12, 16)
    paid_at = tuple(day(n - 9).replace(hour=hour) for n, hour in enumerate(hours))
    times = candidate_times(situation(customer=CustomerView(paid_at=paid_at)), START)
    usual = {each.at.hour for each in times} - {0}
    assert usual == {16}


def parts_at(here: Situation, now: datetime) -> dict[datetime, dict[str, float]]:
    return {each.at: dict(each.parts) for each in candidate_times(here, now)}


def test_the_day_of_the_month_on_which_they_have_paid_before_is_worth_more() -> None:
    """Paid on the 15th of three months; on other days as before."""
    fifteenth = tuple(datetime(2025, month, 15, 10, tzinfo=UTC) for month in (10, 11, 12))
    named = parts_at(situation(customer=CustomerView(paid_at=fifteenth)), START)
    liked = "a day of the month on which they have paid before"
    assert {moment.day: parts[liked] for moment, parts in named.items() if liked in parts} == {15: 0.40}


def test_a_gateway_that_is_unwell_makes_the_next_hours_worse_and_no_later_ones() -> None:
    """Asked at six in the morning: the candidate at ten lies within the hours for which it counts."""
    six = datetime(2026, 3, 4, 5, tzinfo=UTC)
    well, unwell = (parts_at(situation(now=six, health=health), six) for health in (1.0, 0.2))
    worse = {moment: parts for moment, parts in unwell.items() if parts != well[moment]}
    assert list(worse) == [datetime(2026, 3, 4, 9, tzinfo=UTC)]
    assert [round(parts["the gateway is unwell"], 2) for parts in worse.values()] == [-1.61]


def test_a_try_less_than_a_day_after_the_last_one_is_worth_less() -> None:
    """Failed at eleven on Monday: ten on Tuesday is too soon, ten on Wednesday is not."""
    first, second, *_ = parts_at(situation(gap=timedelta(hours=1)), START).items()
    assert first[0] == START + timedelta(hours=23)
    assert first[1]["soon after the last try"] == -1.36
    assert "soon after the last try" not in second[1]


def test_night_weekend_season_and_month_are_named() -> None:
    named = {
        name
        for each in candidate_times(situation(), datetime(2026, 3, 2, 10, tzinfo=START.tzinfo))
        for name, _ in each.parts
    }
    assert {"Saturday", "Sunday", "Tuesday"} <= named
    december = case(messages=QUIET).model_copy(update={"failed_at": datetime(2026, 12, 10, 10, tzinfo=START.tzinfo)})
    named = {name for each in candidate_times(situation(december), december.failed_at) for name, _ in each.parts}
    assert {"December", "year_end", "January"} <= named


def test_the_reason_names_the_strongest_parts_and_what_was_rejected() -> None:
    chosen = choose(situation(), START)
    assert chosen is not None
    assert chosen.name == "adaptive-1"
    assert chosen.because.startswith("best of ")
    assert "insufficient_funds (-1.39)" in chosen.because
    assert len(chosen.rejected) == 3
    assert chosen.edition == "timing 1"


def test_tries_that_are_left_fit_into_the_window() -> None:
    facts, now, tries = case(messages=QUIET), START, 0
    while chosen := choose(situation(facts, now), now):
        tries, now = tries + 1, chosen.at
        facts = facts.model_copy(update={"attempts": (*facts.attempts, tried(tries, now, chosen.name))})
        assert chosen.name == f"adaptive-{tries}"
        if tries == 4:
            break
    assert tries == 4
    assert now <= START + WINDOW


def test_outside_the_window_nothing_is_chosen() -> None:
    assert choose(situation(), START + WINDOW + timedelta(hours=1)) is None


@given(hours=st.integers(0, 23 * 24), spread=st.sampled_from([0, 60, 360]), category=st.sampled_from(Category))
def test_asked_again_before_its_time_the_answer_is_the_same(hours: int, spread: int, category: Category) -> None:
    wanted = {"spread": timedelta(minutes=spread)}
    first = choose(situation(case(category, messages=QUIET), **wanted), START)
    assert first is not None
    later = min(START + timedelta(hours=hours), first.at)
    assert choose(situation(case(category, messages=QUIET), later, **wanted), later) == first


def test_a_book_that_failed_at_one_moment_is_spread_evenly() -> None:
    ids = [CaseRef(source="stripe", account="a", invoice_id=f"in_{n}").case_id for n in range(600)]
    offsets = [spread_of(name, timedelta(hours=6)) for name in ids]
    by_hour = [sum(1 for o in offsets if timedelta(hours=h) <= o < timedelta(hours=h + 1)) for h in range(6)]
    assert sum(by_hour) == 600
    assert min(by_hour) > 60
    assert spread_of(ids[0], timedelta()) == timedelta()


def test_in_a_season_that_spreads_cases_are_kept_further_apart() -> None:
    november = datetime(2026, 11, 24, 10, tzinfo=START.tzinfo)
    facts = case(messages=QUIET).model_copy(update={"failed_at": november})
    offset = spread_of(CASE.case_id, timedelta(hours=1))
    times = candidate_times(situation(facts, november, spread=timedelta(hours=1), customer=CustomerView()), november)
    friday = next(each.at for each in times if each.at.day == 27 and each.at.hour >= 10)
    assert friday - friday.replace(hour=10, minute=0, second=0) == 3 * offset


def test_what_the_policy_avoids_is_no_candidate() -> None:
    weekend = Avoid(weekdays=("sat", "sun"))
    times = candidate_times(situation(avoid=weekend), START)
    assert times
    assert all(each.at.astimezone(ZoneInfo("Europe/Berlin")).weekday() < 5 for each in times)
    nowhere = Avoid(weekdays=("mon", "tue", "wed", "thu", "fri", "sat", "sun"))
    assert candidate_times(situation(avoid=nowhere), START)


CHRISTMAS = datetime(2026, 12, 18, 10, tzinfo=UTC)


def in_december(days: float, *attempts: Attempt, close: int = 30, failed_at: datetime = CHRISTMAS) -> Situation:
    """A policy that waits out the year's end, 20 December to 6 January, and closes after so many days."""
    facts = case(messages=QUIET, failed_at=failed_at, opened_at=failed_at, attempts=attempts)
    here = situation(
        facts, failed_at, gap=timedelta(days=2), window=timedelta(days=days), avoid=Avoid(seasons=("year_end",))
    )
    closing = here.policy.close.model_copy(update={"after": timedelta(days=close)})
    return replace(here, policy=here.policy.model_copy(update={"close": closing}))


def test_a_window_that_a_season_swallows_ends_with_the_first_day_after_it() -> None:
    times = candidate_times(in_december(16), CHRISTMAS)
    assert [(each.at.isoformat(" ", "minutes")[:16], each.due.day) for each in times] == [("2027-01-07 09:00", 21)]
    chosen = choose(in_december(16), CHRISTMAS)
    assert chosen is not None
    assert (chosen.at, chosen.due) == (times[0].at, times[0].due)
    assert choose(in_december(16), times[0].at) == chosen


def test_a_window_of_which_a_season_leaves_something_is_not_made_longer() -> None:
    times = candidate_times(in_december(22), CHRISTMAS)
    assert times[-1].at <= CHRISTMAS + timedelta(days=22)
    assert all(each.at == each.due for each in times)


def test_after_the_try_that_was_put_off_the_window_is_over() -> None:
    after = tried(1, datetime(2027, 1, 7, 9, tzinfo=UTC), "adaptive-1")
    assert candidate_times(in_december(16, after), after.at) == ()


def test_a_season_that_outlasts_the_case_leaves_no_time() -> None:
    assert candidate_times(in_december(16, close=19), CHRISTMAS) == ()


def test_an_hour_that_the_policy_avoids_every_day_is_put_off_by_hours() -> None:
    mornings = Avoid.model_validate({"hours": ["09:00-12:00"]})
    times = candidate_times(situation(case(Category.DO_NOT_HONOR), avoid=mornings), START)
    assert len(times) > 20
    assert {local(each.at).hour for each in times} == {12}
    assert {local(each.due).hour for each in times} == {10}


def local(moment: datetime) -> datetime:
    return moment.astimezone(ZoneInfo("Europe/Berlin"))


def test_advice_to_wait_moves_the_first_candidate() -> None:
    waiting = case(messages=QUIET)
    decline = waiting.decline
    assert decline is not None
    told = decline.model_copy(update={"earliest_retry": timedelta(days=10)})
    facts = waiting.model_copy(update={"invoice": waiting.invoice.model_copy(update={"last_decline": told})})
    assert candidate_times(situation(facts), START)[0].at >= day(10)


def test_a_case_with_adaptive_timing_is_charged_at_the_time_that_was_chosen() -> None:
    here = situation()
    step = next_step(adaptive(), here.facts, here.around, START)
    chosen = choose(here, START)
    assert chosen is not None
    assert isinstance(step, Charge)
    assert (step.at, step.rung, step.because) == (chosen.at, "adaptive-1", chosen.because)
    assert "timing 1" in step.basis.editions
    assert set(chosen.rejected) <= set(step.basis.rejected)


def test_what_the_networks_forbid_is_chosen_anew_for_the_time_it_is_free() -> None:
    ledger = tuple(entry(day(-20) + timedelta(hours=n)) for n in range(15))
    here = situation(ledger=ledger)
    gentle = adaptive().model_copy(update={"limit": None, "suspend": None})
    step = next_step(gentle, here.facts, here.around, START)
    assert isinstance(step, Charge)
    assert step.at >= day(10)
    assert "free again" in step.because


def test_what_the_networks_free_only_after_the_window_is_not_tried_again() -> None:
    """Fifteen attempts until an hour ago hold for thirty days; the window ends after twenty-eight."""
    ledger = tuple(entry(START - timedelta(hours=n)) for n in range(1, 16))
    here = situation(ledger=ledger)
    assert next_charge(here) is None
    assert next_charge(situation(ledger=ledger[1:])) is not None


def test_once_the_window_is_over_nothing_is_charged_any_more() -> None:
    late = situation(now=day(29))
    assert choose(late, day(29)) is None
    assert next_charge(late) is None


def test_a_learned_model_replaces_the_shipped_one_and_a_wrong_one_is_refused() -> None:
    raw = settings("policies.timing", "timing.toml")
    eager = load_model({**raw, "version": 7, "base": {**raw["base"], "insufficient_funds": 3.0}})
    chosen = choose(situation(), START, eager)
    assert chosen is not None
    assert chosen.edition == "timing 7"
    assert "+3.00" in chosen.because
    with pytest.raises(ValidationError):
        load_model({**raw, "unheard_of": {}})


def test_an_attempt_that_succeeded_is_no_failed_try() -> None:
    done = case(messages=QUIET, attempts=(tried(1, day(1), outcome=Outcome.NOT_ACCEPTED),))
    assert all(
        name != "after 1 failed tries" for each in candidate_times(situation(done), day(1)) for name, _ in each.parts
    )
