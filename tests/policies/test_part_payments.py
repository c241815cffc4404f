"""A part payment recomputes the rest: what is charged, what messages name, and whether service comes back."""

from datetime import datetime

import pytest

from policies import record
from policies.decide import next_step
from policies.declines import Category
from policies.events import PaymentSucceeded
from policies.facts import AccessLevel, CaseFacts, Escalation, Outcome
from policies.invoices import InvoiceStatus
from policies.money import Money
from policies.people import BY_POLICY
from policies.said import Message
from policies.steps import AnyStep, Charge, Close, Notify, Reinstate
from policies.story import tell
from policies.surroundings import Surroundings
from tests.policies.timeline import (
    ANNUAL,
    DUE,
    SELF_SERVE,
    access,
    case,
    day,
    everything_told,
    invoice,
    told,
    tried,
)

QUIET = everything_told(SELF_SERVE, day(-9))
HALF = Money(amount_minor=1450, currency="EUR")
REST = Money(amount_minor=1900, currency="EUR")
NOTHING = Money(amount_minor=0, currency="EUR")
HANDED_OVER = (
    Escalation(ordinal=1, at=day(14), to="support_contact", because=f"{BY_POLICY} 14 days after the failure"),
)


def part(remaining: Money, when: datetime, event_id: str = "evt_1") -> PaymentSucceeded:
    paid = Money(amount_minor=1000, currency="EUR")
    return PaymentSucceeded(event_id=event_id, happened_at=when, invoice_id="in_1", paid=paid, remaining=remaining)


def step_of(facts: CaseFacts, now: datetime) -> AnyStep:
    return next_step(SELF_SERVE, facts, Surroundings(), now)


def test_the_rest_is_what_is_charged_and_named() -> None:
    facts = record.with_event(case(messages=QUIET), part(REST, day(0.5)), day(0.5))
    charge = step_of(facts, day(0.5))
    assert isinstance(charge, Charge)
    assert charge.amount == REST
    assert not facts.is_paid
    notice = step_of(record.with_event(case(), part(REST, day(0)), day(0)), day(0))
    assert isinstance(notice, Notify)
    assert notice.words.due == REST


def test_a_rest_of_nothing_settles_the_claim() -> None:
    facts = record.with_event(case(messages=QUIET), part(NOTHING, day(1)), day(1))
    assert facts.is_paid
    assert record.with_event(case(), part(REST, day(1)).model_copy(update={"remaining": None}), day(1)).is_paid


@pytest.mark.parametrize("twice", [True, False])
def test_one_payment_told_twice_is_one_payment(twice: bool) -> None:
    facts = record.with_event(case(), part(REST, day(1)), day(1))
    again = invoice().model_copy(update={"due": REST, "as_of": day(2)})
    facts = record.with_event(facts, part(REST, day(1), "evt_2"), day(1)) if twice else facts
    facts = record.with_invoice(facts, again, day(2))
    assert [payment.paid.amount_minor for payment in facts.payments] == [1000]
    assert facts.paid_percent == 34


def test_late_news_of_an_earlier_part_does_not_raise_the_rest() -> None:
    facts = record.with_event(case(), part(Money(amount_minor=500, currency="EUR"), day(2)), day(2))
    facts = record.with_event(facts, part(REST, day(1), "evt_0"), day(3))
    assert facts.due.amount_minor == 500


def test_what_the_invoice_shows_counts_without_any_event() -> None:
    facts = record.with_invoice(case(), invoice().model_copy(update={"due": REST}), day(1))
    assert (facts.due, facts.paid_percent) == (REST, 34)
    assert "paid 10.00 EUR in part" in [line.what for line in tell(facts)]


def test_after_the_parts_the_rest_settles() -> None:
    facts = record.with_event(case(), part(REST, day(1)), day(1))
    facts = record.with_attempt(facts, tried(1, day(3), "ladder-1", Outcome.SUCCEEDED))
    assert facts.is_paid
    whole = record.with_event(case(), part(REST, day(1)), day(1))
    whole = record.with_invoice(whole, invoice(InvoiceStatus.PAID), day(4))
    assert [payment.settles for payment in whole.payments] == [False, True]


@pytest.mark.parametrize(("rest", "comes_back"), [(1450, True), (1451, False)])
def test_service_comes_back_at_the_share_the_policy_names_and_stays(rest: int, comes_back: bool) -> None:
    """The annual policy gives it back for half of the claim."""
    lost = (access(AccessLevel.SUSPENDED, day(30)),)
    told_of_it = (*everything_told(ANNUAL, day(-9)), told("suspended", day(30)), told("limited", day(21)))
    facts = case(messages=told_of_it, access_changes=lost, escalations=HANDED_OVER)
    facts = record.with_event(facts, part(Money(amount_minor=rest, currency=DUE.currency), day(31)), day(31))
    step = next_step(ANNUAL, facts, Surroundings(), day(31))
    assert isinstance(step, Reinstate) is comes_back
    if comes_back:
        assert step.because == "50 % of the claim is paid, so suspended service comes back"
        later = next_step(ANNUAL, back_again(facts), Surroundings(), day(36))
        assert later.kind == "notify"
        assert next_step(ANNUAL, back_again(facts), Surroundings(), day(60)).kind == "notify"


def back_again(facts: CaseFacts) -> CaseFacts:
    return facts.model_copy(update={"access_changes": (*facts.access_changes, access(AccessLevel.FULL, day(31)))})


def half_paid(*messages: Message) -> CaseFacts:
    """Suspended on day 30, half of it paid on day 31, and service is back."""
    told_of_it = (*everything_told(ANNUAL, day(-9)), told("suspended", day(30)), told("limited", day(21)))
    lost = (access(AccessLevel.SUSPENDED, day(30)),)
    told_of_it += messages
    facts = case(Category.EXPIRED_CARD, messages=told_of_it, access_changes=lost, escalations=HANDED_OVER)
    return back_again(record.with_event(facts, part(HALF, day(31)), day(31)))


def test_who_gets_service_back_for_a_part_hears_of_it_once_and_what_is_still_owed() -> None:
    step = next_step(ANNUAL, half_paid(), Surroundings(), day(31))
    assert isinstance(step, Notify)
    assert (step.at, step.name, step.template) == (day(31), "reinstated", "reinstated")
    assert step.because == "a part payment brought service back and the customer should know"
    assert (step.words.due, step.words.part_paid, step.words.suspend_at) == (HALF, True, None)
    after = next_step(ANNUAL, half_paid(told("reinstated", day(31))), Surroundings(), day(31))
    assert not isinstance(after, Notify)


def test_who_never_heard_that_service_was_gone_hears_nothing_of_its_return() -> None:
    facts = half_paid()
    facts = facts.model_copy(update={"messages": tuple(m.model_copy(update={"channel": None}) for m in facts.messages)})
    assert not isinstance(next_step(ANNUAL, facts, Surroundings(), day(31)), Notify)


def test_the_last_payment_is_thanked_for_though_service_was_back_before() -> None:
    facts = half_paid(told("reinstated", day(31)))
    facts = record.with_event(facts, part(NOTHING, day(33), "evt_2"), day(33))
    step = next_step(ANNUAL, facts, Surroundings(), day(33))
    assert isinstance(step, Notify)
    assert (step.name, step.words.part_paid) == ("recovered", False)
    thanked = facts.model_copy(update={"messages": (*facts.messages, told("recovered", day(33)))})
    assert isinstance(next_step(ANNUAL, thanked, Surroundings(), day(33)), Close)


def test_a_part_payment_alone_never_closes_as_recovered() -> None:
    facts = record.with_event(case(messages=QUIET, attempts=()), part(REST, day(1)), day(1))
    step = step_of(facts, day(90))
    assert not (isinstance(step, Close) and step.outcome == "recovered")
