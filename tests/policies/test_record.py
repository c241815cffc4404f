from datetime import datetime

import pytest

from policies import record
from policies.declines import Category
from policies.events import (
    ActionRequired,
    CloseCase,
    CloseOutcome,
    Pause,
    PaymentFailed,
    PaymentSucceeded,
    Resume,
    UpdatePaymentMethod,
)
from policies.facts import CaseFacts, InvoiceStatus, Outcome
from policies.money import Money
from tests.policies.timeline import DUE, case, day, disputed, invoice, paid, paused, tried

CARD = UpdatePaymentMethod(action_id="a1", credential_id="card_new")
PAUSE = Pause(action_id="a2", actor="Jo", reason="asked to wait")
RESUME = Resume(action_id="a3", actor="Jo", reason="done")
CLOSE = CloseCase(action_id="a4", actor="Jo", reason="goodwill", outcome=CloseOutcome.CANCELLED)


def failed(event_id: str, when: datetime) -> PaymentFailed:
    return PaymentFailed(event_id=event_id, happened_at=when, invoice_id="in_1")


def test_news_that_was_seen_changes_nothing() -> None:
    once = record.with_event(case(), failed("e1", day(1)), day(1))
    assert record.with_event(once, failed("e1", day(1)), day(2)) == once
    acted = record.with_action(case(), CARD, day(1))
    assert record.with_action(acted, CARD, day(2)) == acted
    assert record.refusal_of(acted, CARD) is None


def test_a_payment_that_waits_for_the_customer_asks_for_a_confirmation() -> None:
    event = ActionRequired(event_id="e1", happened_at=day(1), invoice_id="in_1")
    assert record.with_event(case(), event, day(1)).category is Category.AUTHENTICATION_REQUIRED


@pytest.mark.parametrize(
    ("facts", "action", "refused"),
    [
        (case(payments=(paid(day(1)),)), CARD, "the case is ending"),
        (case(disputes=(disputed(day(1)),)), CARD, "a dispute is open"),
        (case(stops=(paused(day(1)),)), PAUSE, "already held: asked to wait"),
        (case(), RESUME, "neither paused nor held"),
    ],
)
def test_what_cannot_happen_now_is_refused_with_a_reason_and_changes_nothing(
    facts: CaseFacts, action: UpdatePaymentMethod | Pause | Resume, refused: str
) -> None:
    assert refused in (record.refusal_of(facts, action) or "")
    assert record.with_action(facts, action, day(2)) == facts


def test_closing_ends_a_pause() -> None:
    facts = record.with_action(case(stops=(paused(day(1)),)), CLOSE, day(2))
    assert facts.open_stop is None
    assert facts.close_asked
    assert facts.close_asked.outcome is CloseOutcome.CANCELLED


def test_trouble_holds_the_case_once() -> None:
    facts = record.with_trouble(case(), "x" * 500, day(1))
    assert facts.open_stop
    assert len(facts.open_stop.reason) == 300
    assert record.with_trouble(facts, "more", day(2)) == facts


def test_what_the_owner_of_the_invoice_says_becomes_a_fact_once() -> None:
    now_paid = record.with_invoice(case(), invoice(InvoiceStatus.PAID), day(2))
    assert [(p.paid, p.how) for p in now_paid.payments] == [(DUE, "source")]
    assert record.with_invoice(now_paid, invoice(InvoiceStatus.PAID), day(3)).payments == now_paid.payments
    void = record.with_invoice(case(), invoice(InvoiceStatus.VOID), day(2))
    assert void.ending
    assert void.ending.status is InvoiceStatus.VOID
    disputed_there = invoice().model_copy(update={"dispute_open": True})
    assert record.with_invoice(case(), disputed_there, day(2)).open_dispute


def test_a_payment_that_shows_no_sum_paid_all_that_was_owed() -> None:
    """Out-of-band money does not pass through the source, which then says: paid, amount 0."""
    event = PaymentSucceeded(
        event_id="e1", happened_at=day(2), invoice_id="in_1", paid=Money(amount_minor=0, currency="EUR")
    )
    facts = record.with_event(case(), event, day(2))
    assert (facts.payments[0].paid, facts.payments[0].how) == (DUE, "out_of_band")


def test_resume_looks_an_unclear_attempt_up_once_more() -> None:
    unclear = tried(1, day(1), "ladder-1", outcome=Outcome.UNKNOWN, look_ups=7)
    facts = case(attempts=(unclear,))
    assert record.refusal_of(facts, RESUME) is None
    resumed = record.with_action(facts, RESUME, day(3))
    assert resumed.open_attempt is not None
    assert resumed.open_attempt.look_ups == 6
