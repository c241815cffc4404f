"""A source that retries by itself: instead of it, after it, or in its gaps, and never both at once."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from policies.charges import next_charge
from policies.coexistence import NEWS_TAKES
from policies.decide import next_step
from policies.declines import Category
from policies.events import PaymentFailed
from policies.facts import CaseFacts
from policies.record import with_event
from policies.situation import Situation
from policies.surroundings import Coexistence, Surroundings
from tests.policies.timeline import ANNUAL, SELF_SERVE, START, case, day, declined_as, everything_told


def owner_retries(at: datetime | None = None, itself: bool = False, **facts: Any) -> CaseFacts:
    known = case(**facts)
    told = known.invoice.model_copy(update={"retries_at": at, "retries_itself": itself})
    return known.model_copy(update={"invoice": told})


def charged_at(facts: CaseFacts, mode: Coexistence, now: datetime = START) -> datetime | None:
    charge = next_charge(Situation.of(SELF_SERVE, facts, Surroundings(coexistence=mode), now))
    return charge.at if charge else None


def test_replaced_retries_change_nothing_but_are_named() -> None:
    facts = owner_retries(day(1))
    assert charged_at(facts, "replace") == day(1)
    step = next_step(SELF_SERVE, facts, Surroundings(), START)
    assert "the source tries again itself as well; switch that off there" in step.basis.rejected


@pytest.mark.parametrize("mode", ["replace", "wait", "weave"])
def test_a_source_that_does_not_retry_is_in_nobody_s_way(mode: Coexistence) -> None:
    assert charged_at(case(), mode) == day(1)
    step = next_step(SELF_SERVE, case(), Surroundings(coexistence=mode), START)
    assert not [note for note in step.basis.rejected if "itself" in note]


def test_who_waits_begins_when_the_source_has_had_time_to_say_how_its_try_went() -> None:
    assert charged_at(owner_retries(day(3)), "wait") == day(3) + NEWS_TAKES
    assert charged_at(owner_retries(day(0.5)), "wait", day(6)) == day(6)


def test_who_waits_for_a_source_that_does_not_say_when_makes_no_retry() -> None:
    facts = owner_retries(itself=True, messages=everything_told(SELF_SERVE, START))
    assert charged_at(facts, "wait") is None
    step = next_step(SELF_SERVE, facts, Surroundings(coexistence="wait"), START)
    assert (
        "charge: the source tries again itself and does not say when; ours begin when it stops" in step.basis.rejected
    )


def failed_again(facts: CaseFacts, when: datetime, **told: Any) -> CaseFacts:
    event = PaymentFailed(
        event_id="evt_2",
        happened_at=when,
        invoice_id="in_1",
        decline=declined_as(Category.INSUFFICIENT_FUNDS),
        **told,
    )
    return with_event(facts, event, when)


def test_the_newest_word_of_the_source_counts_and_when_it_stops_ours_begin() -> None:
    later = failed_again(owner_retries(day(1)), day(1), retries_at=day(5))
    assert charged_at(later, "wait", day(1)) == day(5) + NEWS_TAKES
    assert charged_at(later, "weave", day(1)) == day(2)
    stopped = failed_again(owner_retries(itself=True), day(2))
    assert charged_at(stopped, "wait", day(2)) == day(2) + SELF_SERVE.retries.gap
    older = failed_again(owner_retries(day(1)), START - timedelta(hours=1))
    assert charged_at(older, "wait") == day(1) + NEWS_TAKES


def test_woven_in_a_rung_keeps_the_policy_s_gap_from_the_source_s_own_try() -> None:
    gap = SELF_SERVE.retries.gap
    assert charged_at(owner_retries(day(1.5)), "weave") == day(1.5) + gap
    assert charged_at(owner_retries(day(0.5)), "weave") == day(0.5) + gap
    assert charged_at(owner_retries(day(4)), "weave") == day(1)
    assert charged_at(owner_retries(itself=True), "weave") == day(1)


def test_a_time_that_was_chosen_is_woven_in_as_well() -> None:
    here = Situation.of(ANNUAL, case(), Surroundings(), START)
    chosen = next_charge(here)
    assert chosen is not None
    beside = Situation.of(ANNUAL, owner_retries(chosen.at), Surroundings(coexistence="weave"), START)
    moved = next_charge(beside)
    assert moved is not None
    assert moved.at == chosen.at + ANNUAL.retries.gap
