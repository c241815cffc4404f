"""A promise and a plan hold the policy's clocks still, are kept by charges on their days, and end by themselves."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from policies import record, record_actions
from policies.agreements import TRIED_AGAIN_AFTER, agreements_of
from policies.decide import next_step
from policies.declines import Category
from policies.events import (
    UpdatePaymentMethod,
)
from policies.facts import AccessLevel, CaseFacts, FraudFlag, Outcome, Refusal
from policies.messages import TOLD_BEFORE
from policies.money import Money
from policies.steps import AnyStep, Charge, Close, Notify, Reinstate
from policies.surroundings import CustomerView, Surroundings
from tests.policies.test_self_service import agrees, euros, promises
from tests.policies.timeline import (
    DUE,
    NEW_CARD,
    SELF_SERVE,
    access,
    at,
    case,
    day,
    disputed,
    told,
    tried,
)

AROUND = Surroundings(customer=CustomerView(zone="UTC", channels=("email", "in_app")))


def act(facts: CaseFacts, action: Any, when: datetime) -> CaseFacts:
    return record_actions.with_action(facts, action, when)


def step(facts: CaseFacts, when: datetime, around: Surroundings = AROUND) -> AnyStep:
    return next_step(SELF_SERVE, facts, around, when)


def attempt(ordinal: int, when: datetime, rung: str | None, minor: int, left: int, **more: Any) -> Any:
    remaining = euros(left) if left else None
    return tried(ordinal, when, rung, amount=euros(minor), left=remaining, credential_id=NEW_CARD, **more)


def with_plan(**facts: Any) -> CaseFacts:
    """Agreed on day 2; the first part of three is paid at once."""
    agreed = act(case(**facts), agrees(968, 966, 966), day(2))
    first = attempt(1, day(2), None, 968, 1932, outcome=Outcome.SUCCEEDED, action_id="plan")
    return record.with_attempt(agreed, first)


# --- promises ---------------------------------------------------------------------------------------------------------


def test_on_the_promised_day_all_of_it_is_charged_and_nothing_comes_before() -> None:
    facts = act(case(), promises(7), day(2))
    due = step(facts, day(2))
    assert isinstance(due, Charge)
    assert (due.at, due.amount, due.rung, due.left) == (day(7), DUE, "promise-1", None)
    assert "agreed to pay all" in due.because


def test_a_promise_that_was_not_kept_lets_the_policy_go_on_where_it_stood() -> None:
    """Its clocks stood still: what was due on the day after the promise was given is due on the day after its end."""
    before = case(attempts=(tried(1, day(1), "ladder-1"),))
    facts = act(before, promises(7), day(2))
    plain, after = (
        step(before, day(2)),
        step(facts.model_copy(update={"attempts": (*facts.attempts, tried(2, day(7), "promise-1"))}), day(7)),
    )
    assert agreements_of(facts, day(5)).standing
    assert after.at - day(7) >= plain.at - day(2)
    assert isinstance(after, Notify | Charge)


def test_who_can_only_pay_in_another_way_has_until_the_day_and_nothing_is_charged() -> None:
    facts = act(case(Category.EXPIRED_CARD), promises(7), day(2))
    waiting = agreements_of(facts, day(6))
    assert waiting.standing
    assert waiting.standing.charge_at is None
    assert step(facts, day(6)).at > day(7)
    over = agreements_of(facts, day(7))
    assert over.standing is None
    assert over.spans == ((day(2), day(7)),)


def test_a_promise_whose_charge_is_forbidden_for_good_is_over() -> None:
    facts = act(case(), promises(7), day(2))
    refused = Refusal(at=day(7), credential_id="card_old", rule="hard stop", rung="promise-1")
    facts = record.with_refusal(facts, refused)
    assert agreements_of(facts, day(7)).spans == ((day(2), day(7)),)
    later = act(case(), promises(7), day(2))
    waits = record.with_refusal(later, refused.model_copy(update={"free_at": day(9)}))
    due = step(waits, day(7))
    assert isinstance(due, Charge)
    assert due.at == day(9)


def test_what_never_arrived_at_the_gateway_keeps_the_promise_standing() -> None:
    facts = act(case(), promises(7), day(2))
    facts = facts.model_copy(update={"attempts": (tried(1, day(7), "promise-1", Outcome.NOT_ACCEPTED),)})
    assert agreements_of(facts, day(8)).standing


def test_suspected_fraud_charges_nothing_on_the_promised_day() -> None:
    facts = act(case(fraud_flags=(FraudFlag(at=day(1), signals=("velocity",)),)), promises(7), day(2))
    standing = agreements_of(facts, day(3)).standing
    assert standing
    assert standing.charge_at is None


def test_a_card_that_a_rule_stops_for_good_is_not_charged_on_the_promised_day() -> None:
    stopped = Refusal(at=day(1), credential_id="card_old", rule="hard stop", rung="ladder-1")
    standing = agreements_of(act(case(refusals=(stopped,)), promises(7), day(2)), day(3)).standing
    assert standing
    assert standing.charge_at is None


# --- plans ------------------------------------------------------------------------------------------------------------


def test_the_first_part_is_charged_at_once_and_the_rest_stays_open() -> None:
    due = step(act(case(), agrees(968, 966, 966), day(2)), day(2))
    assert isinstance(due, Charge)
    assert (due.at, due.amount, due.left, due.credential_id) == (day(2), euros(968), euros(1932), NEW_CARD)
    facts = with_plan()
    assert facts.due == euros(1932)
    assert [(p.paid, p.settles, p.how) for p in facts.payments] == [(euros(968), False, "attempt")]


def test_each_part_is_told_of_and_charged_on_its_day() -> None:
    facts = with_plan()
    told = step(facts, day(3))
    assert isinstance(told, Notify)
    assert (told.name, told.template, told.at) == ("instalment_2", "instalment_due", day(14) - TOLD_BEFORE)
    assert (told.words.due, told.words.owed, told.words.on) == (euros(966), euros(1932), day(14))
    charge = step(facts, day(14))
    assert isinstance(charge, Charge)
    assert (charge.at, charge.rung, charge.amount, charge.left) == (day(14), "plan-1-2", euros(966), euros(966))
    second = attempt(2, day(14), "plan-1-2", 966, 966, outcome=Outcome.SUCCEEDED)
    last = step(record.with_attempt(facts, second), day(28))
    assert isinstance(last, Charge)
    assert (last.at, last.rung, last.amount, last.left) == (day(28), "plan-1-3", euros(966), None)


def test_the_last_part_settles_the_claim() -> None:
    facts = record.with_attempt(with_plan(), attempt(2, day(14), "plan-1-2", 966, 966, outcome=Outcome.SUCCEEDED))
    facts = record.with_attempt(facts, attempt(3, day(28), "plan-1-3", 966, 0, outcome=Outcome.SUCCEEDED))
    assert facts.is_paid
    assert agreements_of(facts, day(28)).standing is None


def test_a_part_that_is_refused_is_tried_once_more_and_then_the_plan_is_over() -> None:
    facts = record.with_attempt(with_plan(), attempt(2, day(14), "plan-1-2", 966, 966))
    again = step(facts, day(14))
    assert isinstance(again, Charge)
    assert (again.at, again.rung) == (day(14) + TRIED_AGAIN_AFTER, "plan-1-2-again")
    facts = record.with_attempt(facts, attempt(3, day(17), "plan-1-2-again", 966, 966))
    over = agreements_of(facts, day(17))
    assert over.standing is None
    assert over.spans == ((day(2), day(17)),)
    assert step(facts, day(17)).kind != "close"


def test_a_part_refused_for_good_ends_the_plan_at_once() -> None:
    hopeless = attempt(2, day(14), "plan-1-2", 966, 966, category=Category.EXPIRED_CARD)
    assert agreements_of(record.with_attempt(with_plan(), hopeless), day(14)).standing is None


def test_a_plan_whose_first_part_was_refused_never_began() -> None:
    agreed = act(case(), agrees(968, 966, 966), day(2))
    refused = record.with_attempt(agreed, attempt(1, day(2), None, 968, 1932, action_id="plan"))
    assert agreements_of(refused, day(2)) == (None, ())
    assert agreements_of(agreed, day(2)) == (None, ())


def test_what_the_customer_pays_in_between_counts_for_the_next_parts() -> None:
    facts = act(with_plan(), UpdatePaymentMethod(action_id="b", credential_id="other", amount=euros(966)), day(5))
    facts = record.with_attempt(facts, attempt(2, day(5), None, 966, 966, outcome=Outcome.SUCCEEDED, action_id="b"))
    standing = agreements_of(facts, day(6)).standing
    assert standing
    assert (standing.instalment, standing.amount) == (3, euros(966))


def test_a_plan_that_is_paid_while_more_is_owed_is_over() -> None:
    """The invoice may have grown since."""
    facts = with_plan().model_copy(
        update={
            "plans": (with_plan().plans[0].model_copy(update={"instalments": with_plan().plans[0].instalments[:1]}),)
        }
    )
    over = agreements_of(facts, day(3))
    assert over.standing is None


def test_a_plan_brings_service_back_and_nothing_is_taken_while_it_is_kept() -> None:
    back = step(with_plan(access_changes=(access(AccessLevel.SUSPENDED, day(1)),)), day(2))
    assert isinstance(back, Reinstate)
    assert "instalment plan was agreed" in back.because
    assert not any(isinstance(step(with_plan(), day(n)), Close) for n in (3, 20, 27))


def test_nobody_is_told_of_an_instalment_twice_nor_when_it_is_too_late() -> None:
    facts = with_plan()
    sent = step(facts, day(12))
    assert isinstance(sent, Notify)
    assert isinstance(step(facts, day(14)), Charge)
    nobody = AROUND.model_copy(update={"customer": CustomerView(zone="UTC", channels=())})
    assert isinstance(step(facts, day(12), nobody), Notify | Charge)


def test_an_instalment_that_can_only_be_told_of_after_its_day_is_not_told_of() -> None:
    """The plan begins in the evening and its next part is due before contact hours begin again."""
    soon = act(case(), agrees(968, 966, 966, every=timedelta(hours=12)), at(10.5))
    first = attempt(1, at(10.5), None, 968, 1932, outcome=Outcome.SUCCEEDED, action_id="plan")
    facts = record.with_attempt(soon, first)
    facts = facts.model_copy(update={"messages": (told("first_notice", at(0)),)})
    due = step(facts, at(11))
    assert isinstance(due, Charge)
    assert due.rung == "plan-1-2"


# --- what cannot be agreed --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "action", "why"),
    [
        (case(disputes=(disputed(day(1)),)), promises(5), "dispute"),
        (act(case(), promises(9), day(1)), promises(5, "again"), "agreed already"),
        (case(), agrees(100, 100), "29.00 EUR is owed by now"),
        (case(), agrees(2901, -1), "another sum"),
        (case(), promises(5), None),
        (case(), agrees(1450, 1450), None),
    ],
)
def test_what_cannot_be_agreed_is_refused_with_a_reason(facts: CaseFacts, action: Any, why: str | None) -> None:
    refusal = record_actions.refusal_of(facts, action, day(2))
    assert refusal is None if why is None else why in (refusal or "")


def test_parts_in_two_currencies_are_no_sum() -> None:
    mixed = agrees(1450, 1450)
    dollars = Money(amount_minor=1450, currency="USD")
    other = mixed.instalments[1].model_copy(update={"amount": dollars})
    mixed = mixed.model_copy(update={"instalments": (mixed.instalments[0], other)})
    assert "another sum" in (record_actions.refusal_of(case(), mixed, day(2)) or "")
