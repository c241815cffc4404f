"""A part, a card that is lent, mistakes, questions, and what customers are seen to do."""

from datetime import datetime
from typing import Any

import pytest

from policies import record, record_actions
from policies.declines import Category
from policies.events import (
    AskForHelp,
    CustomerDid,
    PaymentSucceeded,
    PromiseToPay,
    ReportMistake,
    UpdatePaymentMethod,
)
from policies.facts import Escalation, Outcome
from policies.money import Money
from policies.said import Activity
from policies.steps import Charge, Escalate, Hold
from policies.story import tell
from policies.surroundings import GatewayView
from tests.policies.test_agreements import AROUND, act, attempt, step, with_plan
from tests.policies.test_self_service import euros, promises
from tests.policies.timeline import (
    DUE,
    NEW_CARD,
    SELF_SERVE,
    at,
    case,
    day,
    everything_told,
    paused,
    tried,
)

QUIET = case(Category.EXPIRED_CARD, messages=everything_told(SELF_SERVE, day(0)))
"""Nothing else is due soon."""


# --- a part, and once -------------------------------------------------------------------------------------------------


def test_a_part_is_charged_and_the_rest_goes_on_as_before() -> None:
    asked = UpdatePaymentMethod(action_id="a", credential_id=NEW_CARD, amount=euros(1000))
    facts = act(case(), asked, day(2))
    due = step(facts, day(2))
    assert isinstance(due, Charge)
    assert (due.amount, due.left, due.owed) == (euros(1000), euros(1900), DUE)
    paid = record.with_attempt(facts, attempt(1, day(2), None, 1000, 1900, outcome=Outcome.SUCCEEDED, action_id="a"))
    assert (paid.due, paid.is_paid, paid.paid_percent) == (euros(1900), False, 34)
    told = PaymentSucceeded(
        event_id="e", happened_at=day(2), invoice_id="in_1", paid=euros(1000), remaining=euros(1900)
    )
    assert record.with_event(paid, told, day(2)).payments == paid.payments


@pytest.mark.parametrize("amount", [euros(2900), euros(5000), Money(amount_minor=100, currency="USD")])
def test_what_is_no_part_is_all_of_it(amount: Money) -> None:
    facts = act(case(), UpdatePaymentMethod(action_id="a", credential_id=NEW_CARD, amount=amount), day(2))
    due = step(facts, day(2))
    assert isinstance(due, Charge)
    assert (due.amount, due.left) == (DUE, None)


def test_a_card_that_was_lent_is_charged_once_and_never_again() -> None:
    lent = UpdatePaymentMethod(
        action_id="a", credential_id=NEW_CARD, keep=False, gateway="adyen/main", gateway_customer_id="shopper"
    )
    facts = act(case(), lent, day(2))
    due = step(facts, day(2), AROUND.model_copy(update={"gateways": (GatewayView(name="stripe/default"),)}))
    assert isinstance(due, Charge)
    assert (due.credential_id, due.keep, due.backup) == (NEW_CARD, False, True)
    assert (due.gateway, due.gateway_customer_id) == ("adyen/main", "shopper")
    assert facts.credential_id == "card_old"
    declined = record.with_attempt(facts, tried(1, day(2), credential_id=NEW_CARD, action_id="a", backup=True))
    assert declined.category is Category.INSUFFICIENT_FUNDS
    later = step(declined, day(3))
    assert not isinstance(later, Charge) or later.credential_id == "card_old"


def test_a_card_that_was_kept_is_retried_where_it_is_kept() -> None:
    given = UpdatePaymentMethod(
        action_id="a", credential_id=NEW_CARD, gateway="adyen/main", gateway_customer_id="shopper"
    )
    facts = record.with_attempt(
        act(case(), given, day(2)), tried(1, day(2), credential_id=NEW_CARD, action_id="a")
    ).model_copy(update={"messages": ()})
    around = AROUND.model_copy(update={"gateways": (GatewayView(name="stripe/default"),)})
    laps = [step(facts, when, around) for when in (day(3), day(6))]
    charges = [each for each in laps if isinstance(each, Charge)]
    assert charges
    assert {each.gateway for each in charges} == {"adyen/main"}
    assert {each.gateway_customer_id for each in charges} == {"shopper"}


def test_the_ladder_s_maximum_is_not_for_what_the_customer_asks() -> None:
    worn = case(attempts=tuple(tried(n, day(n / 2), f"ladder-{n}") for n in range(1, 13)))
    asked = act(worn, UpdatePaymentMethod(action_id="a", credential_id=NEW_CARD), day(8))
    due = step(asked, day(8))
    assert isinstance(due, Charge)
    assert due.credential_id == NEW_CARD


def test_who_waits_in_front_of_a_screen_goes_first_in_the_queue() -> None:
    given = act(case(), UpdatePaymentMethod(action_id="a", credential_id=NEW_CARD), day(2))
    asked, ours = step(given, day(2)), step(case(), day(2))
    assert isinstance(asked, Charge)
    assert isinstance(ours, Charge)
    assert (asked.priority, ours.priority) == (1, SELF_SERVE.priority)


# --- what they tell us ------------------------------------------------------------------------------------------------


def test_a_mistake_holds_the_case_once_a_person_was_told() -> None:
    facts = act(QUIET, ReportMistake(action_id="m", topic="already_paid"), day(2))
    told = step(facts, day(2))
    assert isinstance(told, Escalate)
    assert told.because == "the customer says that there is a mistake: already paid"
    handed = Escalation(ordinal=1, at=day(2), to=told.to, because=told.because)
    facts = record.with_fact(facts, "escalations", handed)
    assert isinstance(step(facts, day(2)), Hold)
    again = act(facts.model_copy(update={"stops": ()}), ReportMistake(action_id="m2", topic="not_mine"), day(4))
    assert not again.stops
    assert isinstance(step(again, day(4)), Escalate)
    held = act(case(stops=(paused(day(1)),)), ReportMistake(action_id="m", topic="not_mine"), day(2))
    assert len(held.stops) == 1


def test_who_asks_for_a_person_gets_one_and_nothing_else_changes() -> None:
    facts = act(QUIET, AskForHelp(action_id="h"), day(2))
    told = step(facts, day(2))
    assert isinstance(told, Escalate)
    assert (told.at, told.because, told.to) == (day(2), "the customer asked for a person", "support_contact")
    handed = record.with_fact(facts, "escalations", Escalation(ordinal=1, at=day(2), to=told.to, because=told.because))
    assert not isinstance(step(handed, day(2)), Escalate)


def test_help_is_answered_while_a_plan_stands() -> None:
    facts = act(with_plan(), AskForHelp(action_id="h"), day(3))
    assert isinstance(step(facts, day(3)), Escalate)


def did(what: Any, when: datetime, event_id: str, method: str | None = None) -> CustomerDid:
    return CustomerDid(event_id=event_id, happened_at=when, what=what, method=method)


def test_what_a_customer_does_is_a_fact_once_an_hour() -> None:
    facts = record_actions.with_customer_did(case(), did("chose_method", at(1), "1", "card"), at(1))
    assert facts.activities == (Activity(at=at(1), what="chose a way to pay (card)"),)
    assert record_actions.with_customer_did(facts, did("chose_method", at(1), "1", "card"), at(1)) == facts
    assert (
        len(record_actions.with_customer_did(facts, did("chose_method", at(1), "2", "card"), at(1.5)).activities) == 1
    )
    assert len(record_actions.with_customer_did(facts, did("chose_method", at(3), "3", "card"), at(3)).activities) == 2
    full = facts.model_copy(update={"activities": facts.activities * record_actions.MAX_ACTIVITIES})
    assert record_actions.with_customer_did(full, did("opened_page", at(9), "4"), at(9)).activities == full.activities


def test_who_has_just_chosen_a_way_to_pay_is_not_reminded_and_who_only_looked_is() -> None:
    for what, reminded in (("opened_page", True), ("chose_method", False)):
        facts = case(Category.EXPIRED_CARD)
        quiet = record_actions.with_customer_did(facts, did(what, at(0), "1"), at(0))
        due = step(quiet, at(1))
        assert (due.at <= at(1)) is reminded


def test_the_timeline_tells_all_of_it() -> None:
    facts = act(with_plan(), ReportMistake(action_id="m", topic="wrong_amount"), day(3))
    facts = act(facts.model_copy(update={"plans": facts.plans}), PromiseToPay(action_id="p", due_at=day(9)), day(3))
    lent = act(case(), UpdatePaymentMethod(action_id="l", credential_id="c", keep=False, amount=euros(900)), day(1))
    lent = act(lent, promises(4), day(1))
    lines = [line.what for line in (*tell(facts), *tell(lent))]
    assert "the customer chose a plan of 3 instalments" in lines
    assert "the customer says that there is a mistake: wrong amount" in lines
    assert "the customer lent a way to pay for once, for 9.00 EUR" in lines
    assert "the customer promised to pay on 2026-03-06" in lines
