"""A gateway that fails: nobody is charged, written to or limited for it, no rung is spent, and payments go on."""

from datetime import datetime, timedelta

import pytest

from policies.decide import next_step
from policies.declines import Category
from policies.facts import AccessLevel, CaseFacts, Refusal
from policies.outages import PROBE_TAKES
from policies.steps import Hold
from policies.story import CaseState, state_of, summary_of
from policies.surroundings import GatewayView, Surroundings
from policies.ways_to_pay import WayToPay
from tests.policies.timeline import (
    OLD_CARD,
    SELF_SERVE,
    START,
    access,
    at,
    case,
    day,
    everything_told,
    new_card,
    paid,
    told,
)

UNTIL = at(2)
DOWN = GatewayView(name="stripe/default", down_until=UNTIL, because="7 of 8 calls failed")
UP = GatewayView(name="adyen/main")
OUTAGE = Surroundings(gateways=(DOWN,))


@pytest.mark.parametrize(
    ("facts", "when"),
    [
        (case(Category.EXPIRED_CARD), START),
        (case(messages=everything_told(SELF_SERVE, START)), day(1)),
        (case(Category.EXPIRED_CARD, messages=everything_told(SELF_SERVE, day(-9))), day(8)),
        (case(Category.EXPIRED_CARD, new_credentials=(new_card(START),)), START),
    ],
    ids=["a message", "a rung", "a loss of service", "a new card"],
)
def test_whatever_is_due_meanwhile_waits(facts: CaseFacts, when: datetime) -> None:
    down = DOWN.model_copy(update={"down_until": when + timedelta(hours=2)})
    step = next_step(SELF_SERVE, facts, Surroundings(gateways=(down,)), when)
    assert isinstance(step, Hold)
    assert (step.waits_for, step.again_at) == ("gateway", down.down_until)
    assert step.because == "stripe/default is out of order: 7 of 8 calls failed"
    assert state_of(facts, step, START) is CaseState.GATEWAY_DOWN
    assert summary_of(step).startswith("hold for gateway")


def test_what_is_due_later_is_planned_as_ever() -> None:
    facts = case(messages=(told("first_notice", START),))
    step = next_step(SELF_SERVE, facts, OUTAGE, START)
    assert (step.kind, step.at) == ("charge", day(1))


def test_an_outage_that_is_over_holds_nothing() -> None:
    step = next_step(SELF_SERVE, case(Category.EXPIRED_CARD), OUTAGE, UNTIL)
    assert not isinstance(step, Hold)


def test_a_payment_brings_service_back_all_the_same() -> None:
    facts = case(payments=(paid(START),), access_changes=(access(AccessLevel.SUSPENDED, day(-1)),))
    assert next_step(SELF_SERVE, facts, OUTAGE, START).kind == "reinstate"


def test_where_another_gateway_collects_meanwhile_nothing_waits() -> None:
    retries = SELF_SERVE.retries.model_copy(update={"failover": True})
    policy = SELF_SERVE.model_copy(update={"retries": retries})
    elsewhere = WayToPay(credential_id="tok_1", gateway="adyen/main")
    around = Surroundings(ways=(elsewhere,), gateways=(DOWN, UP))
    facts = case(messages=everything_told(SELF_SERVE, START))
    down = DOWN.model_copy(update={"down_until": day(2)})
    step = next_step(policy, facts, around.model_copy(update={"gateways": (down, UP)}), day(1))
    assert (step.kind, getattr(step, "gateway", None)) == ("charge", "adyen/main")


def test_while_one_charge_tries_whether_it_works_nobody_is_written_to() -> None:
    trying = Surroundings(gateways=(GatewayView(name="stripe/default", probe_due=True, because="5 of 5 failed"),))
    words = next_step(SELF_SERVE, case(Category.EXPIRED_CARD), trying, START)
    assert isinstance(words, Hold)
    assert words.again_at == START + PROBE_TAKES
    charge = next_step(SELF_SERVE, case(messages=everything_told(SELF_SERVE, START)), trying, day(1))
    assert charge.kind == "charge"


def test_a_charge_that_was_turned_away_is_held_until_it_may_come_again() -> None:
    """Not planned for then: nobody should take it for a rung that is simply not due."""
    free_at = day(1) + timedelta(hours=3)
    turned_away = Refusal(
        at=day(1), credential_id=OLD_CARD, rule="r", free_at=free_at, rung="ladder-1", by_gateway=True
    )
    facts = case(messages=everything_told(SELF_SERVE, START), refusals=(turned_away,))
    down = DOWN.model_copy(update={"down_until": day(1) + timedelta(hours=2)})
    step = next_step(SELF_SERVE, facts, Surroundings(gateways=(down,)), day(1))
    assert isinstance(step, Hold)
    assert step.again_at == free_at
