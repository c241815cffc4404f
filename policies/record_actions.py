"""How what customers and colleagues do becomes a fact, like news in `record.py`.

Every function is safe to call with a repeated action: it then returns the facts unchanged.
"""

from datetime import datetime, timedelta
from typing import assert_never

from policies.agreements import refusal_of_agreement
from policies.asked import CloseAsked, CustomerSaid, Plan, Promise, RefusedAction, Stop
from policies.events import (
    AgreePlan,
    AskForHelp,
    CaseAction,
    CloseCase,
    CustomerDid,
    CustomerPays,
    Pause,
    PromiseToPay,
    ReportMistake,
    Resume,
    UpdatePaymentMethod,
)
from policies.facts import CaseFacts, NewCredential
from policies.money import Money
from policies.record import with_attempt, with_fact, with_seen, with_stops_ended
from policies.said import Activity

SAME_DEED = timedelta(hours=1)
MAX_ACTIVITIES = 100
"""A page that is opened for ever must not make the history grow for ever."""
_DID = {
    "opened_page": "opened the page",
    "chose_method": "chose a way to pay",
    "left_fields": "left the fields unfinished",
    "tried_to_pay": "tried to pay",
    "was_answered": "was answered",
}
"""A page is also opened by mail scanners, so it says as little of a customer as an opened mail."""


def with_action(facts: CaseFacts, action: CaseAction, now: datetime) -> CaseFacts:
    """What a customer or a colleague did, once. What cannot happen now is kept as refused; see `refusal_of`."""
    if action.action_id in facts.seen:
        return facts
    refusal = refusal_of(facts, action, now)
    facts = with_seen(facts, action.action_id)
    if refusal:
        return with_fact(facts, "refused_actions", RefusedAction(at=now, kind=action.kind, reason=refusal))
    match action:
        case UpdatePaymentMethod():
            return _with_way_to_pay(facts, action, now, action.amount, action.keep)
        case AgreePlan():
            number = len(facts.plans) + 1
            plan = Plan(at=now, action_id=action.action_id, number=number, instalments=action.instalments)
            paying = _with_way_to_pay(facts, action, now, action.instalments[0].amount)
            return with_fact(paying, "plans", plan)
        case PromiseToPay():
            number = len(facts.promises) + 1
            promise = Promise(at=now, action_id=action.action_id, number=number, due_at=action.due_at)
            return with_fact(facts, "promises", promise)
        case ReportMistake():
            return _with_mistake(facts, action, now)
        case AskForHelp():
            return with_fact(facts, "customer_said", CustomerSaid(at=now, action_id=action.action_id, what="help"))
        case Pause():
            return with_fact(facts, "stops", Stop(kind="pause", began_at=now, actor=action.actor, reason=action.reason))
        case Resume():
            return _one_more_look_up(with_stops_ended(facts, now, action.actor, action.reason))
        case CloseCase():
            asked = CloseAsked(at=now, outcome=action.outcome, actor=action.actor, reason=action.reason)
            return with_stops_ended(facts, now, action.actor, action.reason).model_copy(update={"close_asked": asked})
        case _:
            assert_never(action)


def refusal_of(facts: CaseFacts, action: CaseAction, now: datetime) -> str | None:
    """Why the action cannot happen now, in a sentence for the person who tried; None when it can."""
    if action.action_id in facts.seen:
        return None
    held = facts.open_stop or facts.open_attempt
    if isinstance(action, Resume):
        return None if held else "the case is neither paused nor held"
    if facts.is_paid or facts.ending or facts.close_asked:
        return "the case is ending: the invoice is paid, ended or being closed"
    match action:
        case UpdatePaymentMethod():
            return "a dispute is open, so nothing can be charged until it is decided" if facts.open_dispute else None
        case AgreePlan() | PromiseToPay():
            return refusal_of_agreement(facts, action, now)
        case Pause():
            return f"already held: {facts.open_stop.reason}" if facts.open_stop else None
        case CloseCase() | ReportMistake() | AskForHelp():
            return None
        case _:
            assert_never(action)


def _with_way_to_pay(
    facts: CaseFacts, action: CustomerPays, now: datetime, amount: Money | None, keep: bool = True
) -> CaseFacts:
    new = NewCredential(
        at=now,
        credential_id=action.credential_id,
        action_id=action.action_id,
        instrument=action.instrument,
        keep=keep,
        amount=amount,
        gateway=action.gateway,
        gateway_customer_id=action.gateway_customer_id,
    )
    return with_fact(facts, "new_credentials", new)


def _with_mistake(facts: CaseFacts, action: ReportMistake, now: datetime) -> CaseFacts:
    """Nothing is charged or sent until a person has looked at it; once a case, or it could be held for ever."""
    said_before = any(said.what == "mistake" for said in facts.customer_said)
    said = CustomerSaid(at=now, action_id=action.action_id, what="mistake", topic=action.topic)
    facts = with_fact(facts, "customer_said", said)
    if said_before or facts.open_stop:
        return facts
    return with_fact(facts, "stops", Stop(kind="pause", began_at=now, actor="the customer", reason=said.in_words))


def with_customer_did(facts: CaseFacts, news: CustomerDid, now: datetime) -> CaseFacts:
    """Once an hour per deed: who reloads the page ten times has looked at it once."""
    if news.event_id in facts.seen:
        return facts
    what = _DID[news.what] + (f" ({news.method})" if news.method else "")
    again = any(each.what == what and now - each.at < SAME_DEED for each in facts.activities)
    facts = with_seen(facts, news.event_id)
    if again or len(facts.activities) >= MAX_ACTIVITIES:
        return facts
    return with_fact(facts, "activities", Activity(at=now, what=what))


def _one_more_look_up(facts: CaseFacts) -> CaseFacts:
    """An attempt whose look-ups are used up is looked up again when a person says so."""
    attempt = facts.open_attempt
    if attempt is None or not attempt.look_ups:
        return facts
    return with_attempt(facts, attempt.model_copy(update={"look_ups": attempt.look_ups - 1}))
