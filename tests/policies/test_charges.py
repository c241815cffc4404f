"""How far apart tries are, whatever the ones before were for, and what a rule that refused one means for the next."""

from datetime import datetime, timedelta

from policies.charges import NextCharge, next_charge
from policies.declines import Category
from policies.document import PolicyDocument
from policies.facts import CaseFacts, Refusal
from policies.situation import Situation
from policies.surroundings import Surroundings
from tests.policies.timeline import ANNUAL, NEW_CARD, OLD_CARD, SELF_SERVE, at, case, day, new_card, tried

QUARTER = timedelta(minutes=15)


def charge_of(facts: CaseFacts, now: datetime, policy: PolicyDocument = SELF_SERVE) -> NextCharge:
    charge = next_charge(Situation.of(policy, facts, Surroundings(), now))
    assert charge
    return charge


def with_new_card(**facts: object) -> CaseFacts:
    """Given at five and declined at once for want of a gateway."""
    first = tried(1, at(5), category=Category.GATEWAY_ERROR, credential_id=NEW_CARD, action_id="act_1")
    return case(**{"new_credentials": (new_card(at(5)),), "attempts": (first,), **facts})


def refused(card: str, rung: str, free_at: datetime) -> Refusal:
    return Refusal(at=day(2), credential_id=card, rule="r", free_at=free_at, rung=rung)


def test_an_immediate_rung_keeps_the_shortest_of_them_from_the_last_try() -> None:
    charge = charge_of(with_new_card(), at(5))
    assert (charge.rung, charge.at) == ("immediate-2", at(5) + QUARTER)
    again = tried(2, charge.at, charge.rung, category=Category.GATEWAY_ERROR, credential_id=NEW_CARD)
    later = charge_of(with_new_card(attempts=(*with_new_card().attempts, again)), charge.at)
    assert (later.rung, later.at) == ("immediate-3", at(6))


def test_after_a_time_that_was_chosen_no_rung_that_lay_before_it_comes_again() -> None:
    """Chosen on day 5; the immediate rungs of the first hours are past, so another time is chosen."""
    facts = case(attempts=(tried(1, day(5), "adaptive-1", category=Category.GATEWAY_ERROR),))
    charge = charge_of(facts, day(5), ANNUAL)
    assert charge.rung == "adaptive-2"
    assert charge.at >= day(7)
    moved = charge_of(facts, day(5))
    assert (moved.rung, moved.at) == ("ladder-3", day(6))


def test_a_rule_that_moved_a_rung_makes_it_no_retry_that_anything_waits_for() -> None:
    facts = case(refusals=(refused(OLD_CARD, "ladder-1", day(4)),))
    moved = charge_of(facts, day(2))
    assert (moved.rung, moved.at, moved.due) == ("ladder-1", day(4), None)
    free = charge_of(facts, day(4))
    assert (free.rung, free.due) == ("ladder-2", day(3))


def test_a_rule_that_frees_a_rung_before_it_is_due_has_moved_nothing() -> None:
    early = charge_of(case(refusals=(refused(OLD_CARD, "ladder-1", at(12)),)), at(2))
    assert (early.at, early.due) == (day(1), day(1))
    overdue = charge_of(case(refusals=(refused(OLD_CARD, "ladder-1", day(1.5)),)), day(2))
    assert (overdue.at, overdue.due) == (day(2), day(1))


def test_what_a_rule_said_of_the_old_card_does_not_hold_the_new_one_back() -> None:
    card = tried(1, at(5), credential_id=NEW_CARD, action_id="act_1")
    facts = with_new_card(attempts=(card,), refusals=(refused(OLD_CARD, "ladder-1", day(20)),))
    assert charge_of(facts, at(6)).at == at(29)
