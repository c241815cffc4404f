from datetime import timedelta

import pytest

from policies.declines import Category
from policies.facts import Outcome
from policies.network_rules import ATTEMPTS_PER_WINDOW, HARD_STOPS, WINDOW, Allowed, Refused, may_attempt
from tests.policies.timeline import at, day, entry


def test_an_empty_ledger_allows_all_fifteen() -> None:
    assert may_attempt((), day(0)) == Allowed(budget=15)


def test_the_fifteenth_attempt_is_allowed_and_the_sixteenth_is_not() -> None:
    fourteen = tuple(entry(day(n)) for n in range(14))
    assert may_attempt(fourteen, day(15)) == Allowed(budget=1)
    assert may_attempt((*fourteen, entry(day(14))), day(15)) == Refused(
        rule="15 attempts on one credential in 30 days", free_at=day(30)
    )


def test_it_is_allowed_at_the_very_time_it_was_said_to_be_free() -> None:
    ledger = tuple(entry(at(7 * n)) for n in range(20))
    refused = may_attempt(ledger, day(10))
    assert isinstance(refused, Refused)
    assert refused.free_at is not None
    assert isinstance(may_attempt(ledger, refused.free_at - timedelta(seconds=1)), Refused)
    assert may_attempt(ledger, refused.free_at) == Allowed(budget=1)


def test_order_and_actor_do_not_matter() -> None:
    ledger = tuple(entry(day(n)) for n in range(15))
    assert may_attempt(ledger[::-1], day(15)) == may_attempt(ledger, day(15))


def test_what_never_reached_a_network_does_not_count() -> None:
    ledger = tuple(entry(at(n), outcome=Outcome.NOT_ACCEPTED, category=Category.LOST_OR_STOLEN) for n in range(20))
    assert may_attempt(ledger, day(1)) == Allowed(budget=ATTEMPTS_PER_WINDOW)


def test_attempts_older_than_the_window_do_not_count() -> None:
    assert may_attempt((entry(day(0)),), day(0) + WINDOW) == Allowed(budget=15)


@pytest.mark.parametrize("category", sorted(HARD_STOPS))
def test_a_hard_stop_is_for_good_however_old(category: Category) -> None:
    refused = may_attempt((entry(day(0), category=category),), day(400))
    assert refused == Refused(rule=f"hard stop: {category.value} on 2026-03-02", free_at=None)


@pytest.mark.parametrize("category", [Category.MERCHANT_CONFIG, Category.DUPLICATE])
def test_a_fault_of_the_merchant_or_of_the_request_forbids_the_card_nothing(category: Category) -> None:
    assert isinstance(may_attempt((entry(day(0), category=category),), day(1)), Allowed)


@pytest.mark.parametrize("category", sorted(set(Category) - HARD_STOPS))
def test_soft_declines_count_and_stop_nothing(category: Category) -> None:
    assert may_attempt((entry(day(0), category=category),), day(1)) == Allowed(budget=14)


@pytest.mark.parametrize("outcome", [None, Outcome.UNKNOWN, Outcome.PENDING])
def test_an_attempt_that_is_not_settled_blocks_the_next_one(outcome: Outcome | None) -> None:
    refused = may_attempt((entry(day(0), outcome=outcome),), day(1))
    assert isinstance(refused, Refused)
    assert refused.rule == "an earlier attempt is not settled yet"


@pytest.mark.parametrize(
    ("age", "pause"),
    [
        (timedelta(minutes=1), timedelta(minutes=15)),
        (timedelta(hours=3), timedelta(hours=3)),
        (timedelta(days=9), timedelta(days=1)),
    ],
)
def test_the_longer_an_attempt_is_open_the_rarer_it_is_asked_about(age: timedelta, pause: timedelta) -> None:
    refused = may_attempt((entry(day(0), outcome=Outcome.PENDING),), day(0) + age)
    assert isinstance(refused, Refused)
    assert refused.free_at == day(0) + age + pause


def test_an_attempt_that_nobody_ever_settled_stops_blocking_and_goes_on_counting() -> None:
    assert may_attempt((entry(day(0), outcome=Outcome.UNKNOWN),), day(16)) == Allowed(budget=14)
