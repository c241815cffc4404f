import pytest

from policies.declines import TREATMENTS, Category, CustomerAction
from policies.facts import AccessLevel, CaseFacts
from policies.situation import Situation
from policies.steps import Words
from policies.surroundings import Surroundings
from policies.words import words_for
from tests.policies.timeline import DUE, SELF_SERVE, START, access, case, day, paused


def here(facts: CaseFacts) -> Situation:
    return Situation.of(SELF_SERVE, facts, Surroundings(), START)


def words_of(facts: CaseFacts) -> Words:
    return words_for(here(facts))


def test_the_dates_are_those_the_case_acts_on() -> None:
    words = words_for(here(case()), next_attempt_at=day(1))
    assert (words.due, words.next_attempt_at) == (DUE, day(1))
    assert (words.limit_at, words.suspend_at, words.close_at) == (day(8), day(14), day(30))
    assert words.limit_takes == ("bonus_credits", "add_ons")
    assert words.reinstatement_conditions == SELF_SERVE.reinstatement.conditions


def test_a_pause_moves_the_dates() -> None:
    words = words_of(case(stops=(paused(day(1), day(3)),)))
    assert (words.limit_at, words.suspend_at, words.close_at) == (day(10), day(16), day(32))


@pytest.mark.parametrize("category", Category)
def test_a_fraud_like_reason_is_never_told(category: Category) -> None:
    assert words_of(case(category)).generic is TREATMENTS[category].fraud_signal


def test_before_the_decline_is_known_nothing_is_claimed() -> None:
    words = words_of(case(None))
    assert words.generic
    assert words.customer_action is CustomerAction.NONE


def test_a_technical_fault_announces_no_loss_of_service() -> None:
    words = words_of(case(Category.GATEWAY_ERROR))
    assert (words.limit_at, words.suspend_at, words.limit_takes) == (None, None, ())


def test_what_is_already_lost_is_named_and_not_announced_again() -> None:
    limited = words_of(case(access_changes=(access(AccessLevel.LIMITED, day(8), ("bonus_credits",)),)))
    assert (limited.limit_at, limited.suspend_at, limited.benefits_taken) == (None, day(14), ("bonus_credits",))
    suspended = words_of(case(access_changes=(access(AccessLevel.SUSPENDED, day(14)),)))
    assert (suspended.limit_at, suspended.suspend_at, suspended.close_at) == (None, None, day(30))


def test_a_policy_without_limits_announces_none() -> None:
    gentle = SELF_SERVE.model_copy(update={"limit": None, "suspend": None})
    words = words_for(Situation.of(gentle, case(), Surroundings(), START))
    assert (words.limit_at, words.suspend_at) == (None, None)
