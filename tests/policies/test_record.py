from datetime import datetime

import pytest

from policies import record, record_actions
from policies.decide import next_step
from policies.declines import Category
from policies.events import (
    ActionRequired,
    AttemptSettled,
    CloseCase,
    CloseOutcome,
    DisputeClosed,
    DisputeOpened,
    FraudWarning,
    InvoiceVoided,
    MandateChanged,
    MessageReported,
    MethodChange,
    Pause,
    PaymentFailed,
    PaymentMethodChanged,
    PaymentSucceeded,
    Resume,
    SubscriptionCancelled,
    UpdatePaymentMethod,
)
from policies.facts import AccessLevel, CaseFacts, Ending, FraudFlag, Outcome, Refusal
from policies.invoices import InvoiceStatus
from policies.keys import message_key
from policies.money import Money
from policies.said import Activity, Deferral, MessageStatus
from policies.surroundings import Surroundings
from tests.policies.timeline import (
    DUE,
    NEW_CARD,
    OLD_CARD,
    SELF_SERVE,
    case,
    day,
    declined_as,
    disputed,
    invoice,
    paid,
    paused,
    told,
    tried,
)

CARD = UpdatePaymentMethod(action_id="a1", credential_id="card_new")
PAUSE = Pause(action_id="a2", actor="Jo", reason="asked to wait")
RESUME = Resume(action_id="a3", actor="Jo", reason="done")
CLOSE = CloseCase(action_id="a4", actor="Jo", reason="goodwill", outcome=CloseOutcome.CANCELLED)


def failed(event_id: str, when: datetime) -> PaymentFailed:
    return PaymentFailed(event_id=event_id, happened_at=when, invoice_id="in_1")


def test_news_that_was_seen_changes_nothing() -> None:
    once = record.with_event(case(), failed("e1", day(1)), day(1))
    assert record.with_event(once, failed("e1", day(1)), day(2)) == once
    acted = record_actions.with_action(case(), CARD, day(1))
    assert record_actions.with_action(acted, CARD, day(2)) == acted
    assert record_actions.refusal_of(acted, CARD, day(2)) is None


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
def test_what_cannot_happen_now_is_refused_with_a_reason_and_told(
    facts: CaseFacts, action: UpdatePaymentMethod | Pause | Resume, refused: str
) -> None:
    assert refused in (record_actions.refusal_of(facts, action, day(2)) or "")
    after = record_actions.with_action(facts, action, day(2))
    assert [(r.kind, r.at) for r in after.refused_actions] == [(action.kind, day(2))]
    unchanged = after.model_copy(update={"refused_actions": (), "seen": ()})
    assert unchanged == facts


@pytest.mark.parametrize(
    ("kind", "status"),
    [(InvoiceVoided, InvoiceStatus.VOID), (SubscriptionCancelled, InvoiceStatus.CANCELLED)],
)
def test_a_claim_that_its_source_gives_up_ends_with_both_times(
    kind: type[InvoiceVoided | SubscriptionCancelled], status: InvoiceStatus
) -> None:
    event = kind(event_id="e1", happened_at=day(1), invoice_id="in_1")
    ended = record.with_event(case(), event, day(2))
    assert ended.endings == (Ending(at=day(2), happened_at=day(1), status=status),)
    assert not ended.is_paid
    assert record.with_event(ended, event, day(3)).endings == ended.endings


NEWS = {"event_id": "e1", "happened_at": day(1), "invoice_id": "in_1"}


def test_a_warning_of_fraud_is_kept_with_the_sources_own_word() -> None:
    warned = record.with_event(case(), FraudWarning(**NEWS, signal="made_with_stolen_card"), day(2))
    assert warned.fraud_flags == (FraudFlag(at=day(2), signals=("made_with_stolen_card",)),)


@pytest.mark.parametrize(
    ("change", "credential_id", "is_tried"),
    [
        (MethodChange.ADDED, NEW_CARD, True),
        (MethodChange.ADDED, OLD_CARD, False),
        (MethodChange.UPDATED, OLD_CARD, True),
        (MethodChange.UPDATED, None, False),
        (MethodChange.REMOVED, OLD_CARD, False),
        (MethodChange.EXPIRED, OLD_CARD, False),
    ],
)
def test_a_way_to_pay_that_is_new_or_renewed_at_the_source_is_tried_and_no_other(
    change: MethodChange, credential_id: str | None, is_tried: bool
) -> None:
    event = PaymentMethodChanged(**NEWS, change=change, credential_id=credential_id)
    facts = record.with_event(case(), event, day(2))
    assert [(m.at, m.what, m.credential_id) for m in facts.method_changes] == [(day(2), change, credential_id)]
    new = facts.untried_credential()
    assert (new and (new.credential_id, new.action_id)) == ((credential_id, "e1") if is_tried else None)


@pytest.mark.parametrize(("replaced_by", "mandate"), [(None, "md_1"), ("md_2", "md_2")])
def test_a_mandate_that_is_active_again_is_tried_or_what_replaced_it(replaced_by: str | None, mandate: str) -> None:
    event = MandateChanged(**NEWS, mandate_id="md_1", active=True, replaced_by=replaced_by)
    assert record.with_event(case(), event, day(2)).credential_id == mandate


def test_the_end_of_the_mandate_that_is_charged_is_a_refusal_and_that_of_another_is_nothing() -> None:
    ended = MandateChanged(**NEWS, mandate_id=OLD_CARD, active=False)
    assert record.with_event(case(), ended, day(2)).category is Category.MANDATE_CANCELLED
    closed = ended.model_copy(update={"decline": declined_as(Category.ACCOUNT_CLOSED)})
    assert record.with_event(case(), closed, day(2)).category is Category.ACCOUNT_CLOSED
    other = ended.model_copy(update={"mandate_id": "md_9"})
    assert record.with_event(case(), other, day(2)) == case(seen=("e1",))


@pytest.mark.parametrize(
    "over",
    [{"payments": (paid(day(1)),)}, {"endings": (Ending(at=day(1), happened_at=day(1), status=InvoiceStatus.VOID),)}],
)
def test_once_a_claim_is_settled_no_way_to_pay_from_the_source_is_tried(over: dict[str, object]) -> None:
    added = PaymentMethodChanged(**NEWS, change=MethodChange.ADDED, credential_id=NEW_CARD)
    facts = record.with_event(case(**over), added, day(2))
    assert (len(facts.method_changes), facts.new_credentials) == (1, ())


def test_closing_ends_a_pause() -> None:
    facts = record_actions.with_action(case(stops=(paused(day(1)),)), CLOSE, day(2))
    assert facts.open_stop is None
    assert facts.close_asked
    assert facts.close_asked.outcome is CloseOutcome.CANCELLED


def test_the_latest_trouble_holds_the_case() -> None:
    facts = record.with_trouble(case(), "x" * 500, day(1))
    assert facts.open_trouble
    assert len(facts.open_trouble.reason) == 300
    again = record.with_trouble(facts, "more", day(2))
    assert again.open_trouble
    assert (again.open_trouble.reason, again.open_trouble.began_at) == ("more", day(2))


def test_a_case_in_trouble_is_resumed_also_when_it_is_paid() -> None:
    troubled = record.with_trouble(case(payments=(paid(day(1)),)), "no access system", day(2))
    assert record_actions.refusal_of(troubled, RESUME, day(2)) is None
    assert record_actions.with_action(troubled, RESUME, day(3)).open_trouble is None


def test_a_dispute_seen_at_the_source_is_the_one_the_source_tells_of() -> None:
    seen = record.with_invoice(case(), invoice().model_copy(update={"dispute_open": True}), day(1))
    told = {"event_id": "e1", "happened_at": day(2), "invoice_id": "in_1", "dispute_id": "du_1"}
    named = record.with_event(seen, DisputeOpened(**told), day(2))
    assert [d.dispute_id for d in named.disputes] == ["du_1"]
    won = record.with_event(named, DisputeClosed(**{**told, "event_id": "e2"}, won=True), day(3))
    assert won.open_dispute is None


def test_a_dispute_nobody_told_of_is_over_when_the_invoice_says_so() -> None:
    seen = record.with_invoice(case(), invoice().model_copy(update={"dispute_open": True}), day(1))
    assert seen.open_dispute
    assert record.with_invoice(seen, invoice(), day(2)).open_dispute is None


def test_being_refused_again_by_the_same_rule_is_one_refusal() -> None:
    refusal = Refusal(at=day(1), credential_id=OLD_CARD, rule="not settled", free_at=day(2), rung="ladder-1")
    facts = record.with_refusal(case(), refusal)
    facts = record.with_refusal(facts, refusal.model_copy(update={"at": day(2), "free_at": day(3)}))
    assert [r.free_at for r in facts.refusals] == [day(3)]


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


def test_a_source_that_tells_no_sums_was_paid_all_that_was_owed() -> None:
    event = PaymentSucceeded(event_id="e1", happened_at=day(2), invoice_id="PM1")
    facts = record.with_event(case(), event, day(2))
    assert (facts.payments[0].paid, facts.payments[0].how) == (DUE, "source")


def test_resume_looks_an_unclear_attempt_up_once_more() -> None:
    unclear = tried(1, day(1), "ladder-1", outcome=Outcome.UNKNOWN, look_ups=7)
    facts = case(attempts=(unclear,))
    assert record_actions.refusal_of(facts, RESUME, day(2)) is None
    resumed = record_actions.with_action(facts, RESUME, day(3))
    assert resumed.open_attempt is not None
    assert resumed.open_attempt.look_ups == 6


def test_a_trouble_that_is_over_leaves_a_pause_alone() -> None:
    facts = record.with_trouble(case(stops=(paused(day(1)),)), "no decision", day(2))
    over = record.with_trouble_over(facts, day(3), "asked again")
    assert over.open_trouble is None
    assert over.open_stop is not None
    assert over.open_stop.kind == "pause"


@pytest.mark.parametrize("kind", [PaymentSucceeded, InvoiceVoided])
def test_what_settled_the_invoice_before_it_failed_settles_it_no_more_and_says_so(
    kind: type[PaymentSucceeded | InvoiceVoided],
) -> None:
    """A debit was paid, then returned; the news of the payment comes last."""
    facts = record.with_event(case(), failed("e1", day(3)), day(3))
    facts = record.with_event(facts, kind(event_id="e2", happened_at=day(2), invoice_id="in_1"), day(4))
    assert (facts.payments, facts.endings) == ((), ())
    (refused,) = facts.refused_actions
    assert refused.reason.startswith("it is older than the failure that opened the case")
    settled = record.with_event(facts, kind(event_id="e3", happened_at=day(3), invoice_id="in_1"), day(5))
    assert settled.is_paid or settled.ending


def test_news_of_an_attempt_without_an_answer_makes_it_looked_up_at_once() -> None:
    unclear, other = tried(1, day(1), "ladder-1", outcome=Outcome.UNKNOWN), tried(2, day(2), "ladder-2")
    settled = AttemptSettled(event_id="e1", happened_at=day(1.5), key=unclear.key)
    facts = record.with_attempt_settled(case(attempts=(unclear, other)), settled, day(1.5))
    assert record.with_attempt_settled(facts, settled, day(9)) == facts
    assert [attempt.told_at for attempt in facts.attempts] == [day(1.5), None]
    step = next_step(SELF_SERVE, facts, Surroundings(), day(1.5))
    assert (step.kind, step.at) == ("reconcile", day(1.5))


# --- what became of messages ------------------------------------------------------------------------------------------


def sent(status: MessageStatus = MessageStatus.ACCEPTED, channel: str | None = "email") -> CaseFacts:
    message = told("first_notice", day(0)).model_copy(
        update={"status": status, "channel": channel, "asked": ("email", "sms")}
    )
    return case(messages=(message,))


def reported(what: str, channel: str = "email", name: str = "first_notice") -> MessageReported:
    key = message_key(case().case, 1, name)
    return MessageReported.model_validate(
        {"event_id": f"row_{what}", "happened_at": day(1), "key": key, "channel": channel, "what": what}
    )


@pytest.mark.parametrize(
    ("what", "status"),
    [
        ("delivered", MessageStatus.DELIVERED),
        ("opened", MessageStatus.DELIVERED),
        ("clicked", MessageStatus.DELIVERED),
        ("undelivered", MessageStatus.UNDELIVERED),
        ("complained", MessageStatus.ACCEPTED),
        ("opted_out", MessageStatus.ACCEPTED),
    ],
)
def test_what_a_provider_told_becomes_of_the_message(what: str, status: MessageStatus) -> None:
    after = record.with_message_reported(sent(), reported(what), day(1))
    assert after.messages[0].status is status
    assert record.with_message_reported(after, reported(what), day(2)) is after


def test_a_message_that_may_have_been_sent_was_delivered_after_all() -> None:
    after = record.with_message_reported(sent(MessageStatus.UNCLEAR), reported("delivered"), day(1))
    assert after.messages[0].status is MessageStatus.DELIVERED
    assert after.access is AccessLevel.NOTICE


def test_what_came_back_on_one_channel_is_tried_on_the_rest() -> None:
    after = record.with_message_reported(sent(), reported("undelivered"), day(1))
    assert after.messages[0].tried == ("email",)
    assert after.messages[0].reported_at == day(1)
    assert after.access is AccessLevel.FULL


def test_news_of_another_channel_or_another_message_changes_nothing() -> None:
    assert record.with_message_reported(sent(), reported("undelivered", "sms"), day(1)).messages == sent().messages
    other = reported("undelivered", name="reminder")
    assert record.with_message_reported(sent(), other, day(1)).messages == sent().messages
    held_out = sent(MessageStatus.HELD_OUT)
    assert record.with_message_reported(held_out, reported("undelivered"), day(1)).messages == held_out.messages


def test_opening_and_clicking_show_a_customer_who_is_busy_with_it() -> None:
    after = record.with_message_reported(sent(), reported("clicked"), day(1))
    assert after.activities == (Activity(at=day(1), what="clicked a message"),)


def test_the_latest_deferral_of_words_counts() -> None:
    first = Deferral(at=day(0), name="reminder", because="the gap", until=day(1))
    other = Deferral(at=day(0), name="warning", because="the gap", until=day(1))
    later = first.model_copy(update={"until": day(2)})
    facts = record.with_deferral(record.with_deferral(record.with_deferral(case(), first), other), later)
    assert facts.deferrals == (other, later)
