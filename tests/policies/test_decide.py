"""The rule as tables: the story so far and the day, then the step. Tie rules are test names."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from policies import record
from policies.asked import CloseAsked
from policies.decide import next_step
from policies.declines import TREATMENTS, Category, Retryable
from policies.document import EscalateTo, PolicyDocument, ScheduledMessage
from policies.endings import PENDING_LOOKED_UP_AFTER, UNKNOWN_LOOKED_UP_AFTER
from policies.events import CloseOutcome
from policies.facts import AccessLevel, CaseFacts, Ending, Escalation, FraudFlag, Outcome, Refusal
from policies.invoices import InvoiceStatus
from policies.said import MessageStatus
from policies.steps import (
    AnyStep,
    Charge,
    Close,
    Escalate,
    Hold,
    Limit,
    Notify,
    Offer,
    Reconcile,
    Reinstate,
    Suspend,
)
from policies.story import CaseState, state_of
from policies.surroundings import CustomerView, Surroundings
from tests.policies.timeline import (
    DUE,
    ENTERPRISE,
    NEW_CARD,
    OLD_CARD,
    SELF_SERVE,
    START,
    access,
    at,
    case,
    day,
    declined_as,
    disputed,
    entry,
    everything_told,
    invoice,
    new_card,
    paid,
    paused,
    told,
    tried,
)

QUIET = everything_told(SELF_SERVE, day(-9))
"""Every scheduled message is out already, so that a table shows charges and access alone."""

NOWHERE = Surroundings()


def step_of(
    facts: CaseFacts, now: datetime, policy: PolicyDocument = SELF_SERVE, around: Surroundings = NOWHERE
) -> AnyStep:
    return next_step(policy, facts, around, now)


def changed(policy: PolicyDocument, part: str, **fields: Any) -> PolicyDocument:
    return policy.model_copy(update={part: getattr(policy, part).model_copy(update=fields)})


def ladder(*days: float) -> tuple[Any, ...]:
    return tuple(tried(n, day(d), f"ladder-{n}") for n, d in enumerate(days, start=1))


# --- the whole story of the default policy ---------------------------------------------------------------------------


def test_a_case_that_is_never_paid_walks_the_declared_timeline() -> None:
    facts, now, walked = case(), day(0), []
    for _ in range(30):
        step = step_of(facts, now)
        now = step.at
        walked.append((round((now - day(0)) / timedelta(hours=1)), step.kind, getattr(step, "name", "")))
        match step:
            case Charge():
                attempt = tried(len(facts.attempts) + 1, now, step.rung)
                facts = facts.model_copy(update={"attempts": (*facts.attempts, attempt)})
            case Notify() | Offer():
                facts = facts.model_copy(update={"messages": (*facts.messages, told(step.name, now))})
            case Limit():
                change = access(AccessLevel.LIMITED, now, step.takes)
                facts = facts.model_copy(update={"access_changes": (*facts.access_changes, change)})
            case Suspend():
                change = access(AccessLevel.SUSPENDED, now)
                facts = facts.model_copy(update={"access_changes": (*facts.access_changes, change)})
            case _:
                break
    assert walked == [
        (0, "notify", "first_notice"),
        (24, "charge", ""),
        (72, "charge", ""),
        (96, "notify", "reminder"),
        (144, "charge", ""),
        (144, "offer", "offer_1"),
        (192, "limit", ""),
        (192, "notify", "limited"),
        (216, "charge", ""),
        (264, "notify", "warning"),
        (312, "charge", ""),
        (336, "suspend", ""),
        (336, "notify", "suspended"),
        (480, "charge", ""),
        (504, "notify", "last_call"),
        (720, "close", ""),
    ]


# --- what ends a case ------------------------------------------------------------------------------------------------

LIMITED = access(AccessLevel.LIMITED, day(8))
SUSPENDED = access(AccessLevel.SUSPENDED, day(14))
BACK = access(AccessLevel.FULL, day(15))
HEARD = told("first_notice", day(0))


@pytest.mark.parametrize("lost", [LIMITED, SUSPENDED])
def test_after_a_payment_service_comes_back_before_anything_is_said(lost: Any) -> None:
    step = step_of(case(payments=(paid(day(15)),), access_changes=(lost,), messages=(HEARD,)), day(15))
    assert isinstance(step, Reinstate)
    assert step.at == day(15)
    assert lost.level.value in step.because


def test_who_lost_service_hears_that_it_is_back() -> None:
    facts = case(payments=(paid(day(15)),), access_changes=(SUSPENDED, BACK), messages=(HEARD,))
    step = step_of(facts, day(15))
    assert isinstance(step, Notify)
    assert (step.name, step.template, step.channels) == ("reinstated", "reinstated", ("email", "in_app"))


def test_who_heard_of_the_failure_hears_that_it_is_settled() -> None:
    step = step_of(case(payments=(paid(day(2)),), messages=(HEARD,)), day(2))
    assert isinstance(step, Notify)
    assert step.name == "recovered"


@pytest.mark.parametrize("name", ["recovered", "reinstated"])
def test_thanks_are_said_once_even_when_they_do_not_arrive(name: str) -> None:
    changes = (SUSPENDED, BACK) if name == "reinstated" else ()
    thanks = told(name, day(15), MessageStatus.UNDELIVERED)
    step = step_of(case(payments=(paid(day(15)),), access_changes=changes, messages=(HEARD, thanks)), day(15))
    assert isinstance(step, Close)
    assert step.outcome is CloseOutcome.RECOVERED


@pytest.mark.parametrize("messages", [(), (told("first_notice", day(0), MessageStatus.UNDELIVERED),)])
def test_who_never_heard_of_the_failure_hears_nothing_of_its_end(messages: Any) -> None:
    assert isinstance(step_of(case(payments=(paid(day(1)),), messages=messages), day(1)), Close)


def test_nobody_is_thanked_whom_nothing_automatic_may_reach() -> None:
    facts = case(Category.ACCOUNT_HOLDER_DECEASED, payments=(paid(day(2)),), messages=(HEARD,))
    assert isinstance(step_of(facts, day(2)), Close)


def test_an_invoice_that_was_paid_at_its_source_counts_as_paid() -> None:
    step = step_of(case(invoice=invoice(InvoiceStatus.PAID)), day(1))
    assert isinstance(step, Close)
    assert step.outcome is CloseOutcome.RECOVERED


def ended(status: InvoiceStatus) -> tuple[Ending, ...]:
    return (Ending(at=day(9), happened_at=day(9), status=status),)


@pytest.mark.parametrize("status", set(InvoiceStatus) - {InvoiceStatus.OPEN, InvoiceStatus.PAID})
def test_a_claim_that_ended_without_payment_closes_as_cancelled(status: InvoiceStatus) -> None:
    step = step_of(case(endings=ended(status)), day(9))
    assert isinstance(step, Close)
    assert step.outcome is CloseOutcome.CANCELLED
    assert status.value in step.because


def test_a_voided_invoice_gives_service_back_before_it_closes() -> None:
    void = ended(InvoiceStatus.VOID)
    assert isinstance(step_of(case(endings=void, access_changes=(LIMITED,)), day(9)), Reinstate)
    assert isinstance(step_of(case(endings=void, access_changes=(LIMITED, BACK)), day(9)), Close)


def test_a_cancelled_subscription_gives_nothing_back() -> None:
    assert isinstance(step_of(case(endings=ended(InvoiceStatus.CANCELLED), access_changes=(LIMITED,)), day(9)), Close)


def test_a_payment_outranks_an_ending_a_dispute_and_a_pause() -> None:
    facts = case(
        payments=(paid(day(9)),),
        endings=ended(InvoiceStatus.VOID),
        disputes=(disputed(day(2)),),
        stops=(paused(day(1)),),
    )
    step = step_of(facts, day(9))
    assert isinstance(step, Close)
    assert step.outcome is CloseOutcome.RECOVERED


def test_a_lost_dispute_closes_the_case() -> None:
    step = step_of(case(disputes=(disputed(day(2), day(9), won=False),)), day(9))
    assert isinstance(step, Close)
    assert step.outcome is CloseOutcome.DISPUTED


def asked_to_close(outcome: CloseOutcome = CloseOutcome.WRITTEN_OFF) -> CloseAsked:
    return CloseAsked(at=day(3), outcome=outcome, actor="Jo", reason="goodwill")


@pytest.mark.parametrize("outcome", [CloseOutcome.WRITTEN_OFF, CloseOutcome.CANCELLED])
def test_a_person_may_close_a_case(outcome: CloseOutcome) -> None:
    step = step_of(case(close_asked=asked_to_close(outcome)), day(3))
    assert isinstance(step, Close)
    assert (step.outcome, step.because) == (outcome, "Jo closed the case: goodwill")


def test_an_unclear_attempt_is_looked_up_before_a_person_may_close() -> None:
    unclear = tried(1, day(3), "ladder-1", outcome=Outcome.UNKNOWN)
    assert isinstance(step_of(case(close_asked=asked_to_close(), attempts=(unclear,)), day(3)), Reconcile)


def test_when_nobody_can_look_it_up_a_person_may_close_all_the_same() -> None:
    unclear = tried(1, day(1), "ladder-1", outcome=Outcome.UNKNOWN, look_ups=len(UNKNOWN_LOOKED_UP_AFTER))
    assert isinstance(step_of(case(close_asked=asked_to_close(), attempts=(unclear,)), day(3)), Close)


# --- what holds a case -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "look_ups", "after"),
    [
        (outcome, look_ups, after)
        for outcome, schedule in (
            (Outcome.UNKNOWN, UNKNOWN_LOOKED_UP_AFTER),
            (Outcome.PENDING, PENDING_LOOKED_UP_AFTER),
        )
        for look_ups, after in enumerate(schedule)
    ],
)
def test_an_unclear_attempt_blocks_all_else_and_is_looked_up_more_and_more_slowly(
    outcome: Outcome, look_ups: int, after: timedelta
) -> None:
    facts = case(attempts=(tried(1, day(1), "ladder-1", outcome=outcome, look_ups=look_ups),))
    step = step_of(facts, day(1))
    assert isinstance(step, Reconcile)
    assert (step.ordinal, step.at) == (1, day(1) + after)
    assert step_of(facts, day(20)).at == day(20)


def test_after_the_last_look_up_a_person_is_asked_once_and_then_the_case_holds() -> None:
    unclear = tried(1, day(1), "ladder-1", outcome=Outcome.UNKNOWN, look_ups=len(UNKNOWN_LOOKED_UP_AFTER))
    step = step_of(case(attempts=(unclear,)), day(2))
    assert isinstance(step, Escalate)
    assert (step.to, step.words.because) == ("ops", step.because)
    asked = Escalation(ordinal=1, at=day(2), to="ops", because=step.because)
    held = step_of(case(attempts=(unclear,), escalations=(asked,)), day(3))
    assert isinstance(held, Hold)
    assert held.waits_for == "ops"


def test_a_paused_case_asks_nobody_about_an_unclear_attempt() -> None:
    unclear = tried(1, day(1), "ladder-1", outcome=Outcome.PENDING, look_ups=len(PENDING_LOOKED_UP_AFTER))
    step = step_of(case(attempts=(unclear,), stops=(paused(day(2)),)), day(2))
    assert isinstance(step, Hold)
    assert "attempt 1 is still pending" in step.because


@pytest.mark.parametrize(("kind", "because"), [("pause", "paused by Jo: "), ("trouble", "needs a person: ")])
def test_a_stopped_case_holds_for_ops_and_says_why(kind: str, because: str) -> None:
    step = step_of(case(stops=(paused(day(1)).model_copy(update={"kind": kind}),)), day(20))
    assert isinstance(step, Hold)
    assert (step.waits_for, step.because) == ("ops", f"{because}asked to wait")


def test_an_open_dispute_holds_everything() -> None:
    step = step_of(case(disputes=(disputed(day(1)),), new_credentials=(new_card(day(2)),)), day(20))
    assert isinstance(step, Hold)
    assert step.waits_for == "dispute"
    assert "2026-03-03" in step.because


def test_time_in_which_a_case_was_held_does_not_count() -> None:
    facts = case(messages=QUIET, stops=(paused(day(0.5), day(4.5)),))
    step = step_of(facts, day(4.5))
    assert isinstance(step, Charge)
    assert (step.rung, step.at) == ("ladder-1", day(5))


# --- charges ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("used", "now", "rung", "due"),
    [
        ((), day(0), "ladder-1", day(1)),
        ((1,), day(1), "ladder-2", day(3)),
        ((1, 3), day(3), "ladder-3", day(6)),
        ((), day(3.5), "ladder-2", day(3.5)),
        ((), day(7), "ladder-3", day(7)),
        ((1, 4), day(4), "ladder-3", day(6)),
        ((1, 5.5), day(5.5), "ladder-3", day(6.5)),
    ],
)
def test_rungs_come_in_order_and_of_missed_ones_only_the_last_is_made_up_for(
    used: Any, now: datetime, rung: str, due: datetime
) -> None:
    gentle = SELF_SERVE.model_copy(update={"limit": None, "suspend": None})
    step = step_of(case(messages=QUIET, attempts=ladder(*used)), now, gentle)
    assert isinstance(step, Charge)
    assert (step.rung, step.at, step.credential_id, step.amount) == (rung, due, OLD_CARD, DUE)


@pytest.mark.parametrize(
    ("attempts", "now", "rung", "due"),
    [
        ((), at(0), "immediate-1", at(0.25)),
        ((tried(1, at(0.25), "immediate-1", category=Category.GATEWAY_ERROR),), at(0.25), "immediate-2", at(1)),
        ((), at(2), "immediate-2", at(2)),
        ((tried(1, at(2), "immediate-2", category=Category.GATEWAY_ERROR),), at(2), "immediate-3", at(6)),
        ((tried(1, at(6), "immediate-3", category=Category.GATEWAY_ERROR),), at(6), "ladder-1", at(30)),
        ((tried(1, at(24), "ladder-1", category=Category.GATEWAY_ERROR),), at(24), "ladder-2", day(3)),
    ],
)
def test_technical_declines_climb_the_immediate_rungs_first_and_never_go_back(
    attempts: Any, now: datetime, rung: str, due: datetime
) -> None:
    step = step_of(case(Category.GATEWAY_ERROR, messages=QUIET, attempts=attempts), now)
    assert isinstance(step, Charge)
    assert (step.rung, step.at) == (rung, due)


def charges(facts: CaseFacts, now: datetime = START, around: Surroundings = NOWHERE) -> bool:
    """Whether a charge is due now or planned for later."""
    step = step_of(facts, now, around=around)
    return isinstance(step, Charge) or any("charge" in r for r in step.basis.rejected)


@pytest.mark.parametrize("category", Category)
def test_only_what_time_may_heal_is_charged_by_itself(category: Category) -> None:
    assert charges(case(category)) is (TREATMENTS[category].retryable is Retryable.YES)


def test_nothing_is_charged_while_the_decline_is_not_known() -> None:
    assert not charges(case(None))


def test_an_unknown_decline_gets_two_tries() -> None:
    def facts(*days: float) -> CaseFacts:
        made = (tried(n, day(d), f"ladder-{n}", category=Category.UNKNOWN) for n, d in enumerate(days, start=1))
        return case(Category.UNKNOWN, attempts=tuple(made))

    assert charges(facts(1), day(1))
    assert not charges(facts(1, 3), day(3))


def test_the_maximum_counts_attempts_and_not_rungs() -> None:
    two = changed(SELF_SERVE, "retries", maximum=2)
    free = tuple(a.model_copy(update={"outcome": Outcome.NOT_ACCEPTED}) for a in ladder(1, 3))
    assert isinstance(step_of(case(messages=QUIET, attempts=free), day(5), two), Charge)
    step = step_of(case(messages=QUIET, attempts=ladder(1, 3)), day(5), two)
    assert not isinstance(step, Charge)
    assert not any("charge" in r for r in step.basis.rejected)


def test_a_new_card_is_charged_at_once_whatever_the_old_one_said() -> None:
    facts = case(Category.LOST_OR_STOLEN, new_credentials=(new_card(day(2)),), fraud_flags=())
    step = step_of(facts, day(2))
    assert isinstance(step, Charge)
    assert (step.at, step.credential_id, step.action_id, step.rung) == (day(2), NEW_CARD, "act_1", None)


def test_a_new_card_that_was_declined_goes_on_with_the_ladder() -> None:
    attempt = tried(1, day(2), action_id="act_1", credential_id=NEW_CARD)
    facts = case(Category.EXPIRED_CARD, messages=QUIET, new_credentials=(new_card(day(2)),), attempts=(attempt,))
    step = step_of(facts, day(2))
    assert isinstance(step, Charge)
    assert (step.rung, step.credential_id, step.at) == ("ladder-1", NEW_CARD, day(3))


def test_a_new_card_that_a_rule_refuses_waits_until_the_rule_frees_it() -> None:
    refused = Refusal(at=day(2), credential_id=NEW_CARD, rule="15 attempts", free_at=day(2.5))
    facts = case(messages=QUIET, new_credentials=(new_card(day(2)),), refusals=(refused,))
    step = step_of(facts, day(2))
    assert isinstance(step, Charge)
    assert (step.at, step.action_id) == (day(2.5), "act_1")


def test_a_new_card_that_looks_suspicious_is_left_to_a_person() -> None:
    flag = FraudFlag(at=day(2), signals=("many_cards",))
    facts = case(messages=QUIET, new_credentials=(new_card(day(2)),), fraud_flags=(flag,))
    step = step_of(facts, day(2))
    assert isinstance(step, Escalate)
    assert (step.to, step.because) == ("ops", "the fraud check is suspicious: many_cards")
    looked = Escalation(ordinal=1, at=day(2), to="ops", because=step.because)
    assert not charges(facts.model_copy(update={"escalations": (looked,)}), day(2))


def test_a_card_that_came_after_the_suspicion_is_tried() -> None:
    flag = FraudFlag(at=day(1), signals=("many_cards",))
    looked = Escalation(ordinal=1, at=day(1), to="ops", because="x")
    facts = case(new_credentials=(new_card(day(2)),), fraud_flags=(flag,), escalations=(looked,))
    assert isinstance(step_of(facts, day(2)), Charge)


def test_a_rung_that_a_rule_refused_waits_until_it_is_free() -> None:
    refused = Refusal(at=day(1), credential_id=OLD_CARD, rule="r", free_at=day(2), rung="ladder-1")
    step = step_of(case(messages=QUIET, refusals=(refused,)), day(1))
    assert isinstance(step, Charge)
    assert (step.rung, step.at) == ("ladder-1", day(2))


def test_a_rung_waits_for_as_long_as_the_decline_advises_and_the_next_one_comes_in_its_own_time() -> None:
    told_to_wait = declined_as(Category.INSUFFICIENT_FUNDS).model_copy(update={"earliest_retry": timedelta(days=2)})
    facts = case(messages=QUIET, invoice=invoice(last_decline=told_to_wait))
    step = step_of(facts, day(0))
    assert isinstance(step, Charge)
    assert (step.rung, step.at) == ("ladder-1", day(2))
    later = step_of(facts.model_copy(update={"attempts": (tried(1, day(2), "ladder-1"),)}), day(2))
    assert isinstance(later, Charge)
    assert (later.rung, later.at) == ("ladder-2", day(3))


def test_a_credential_that_is_refused_for_good_is_not_tried_again_but_a_new_one_is() -> None:
    refused = Refusal(at=day(1), credential_id=OLD_CARD, rule="hard stop", rung="ladder-1")
    assert not charges(case(refusals=(refused,)), day(1))
    assert charges(case(refusals=(refused,), new_credentials=(new_card(day(2)),)), day(2))


def test_the_network_moves_a_rung_to_when_it_is_free() -> None:
    full = Surroundings(ledger=tuple(entry(day(-20) + timedelta(hours=n)) for n in range(15)))
    gentle = SELF_SERVE.model_copy(update={"limit": None, "suspend": None})
    step = step_of(case(messages=QUIET), day(1), gentle, full)
    assert isinstance(step, Charge)
    assert step.at == day(10)
    assert step.because == "15 attempts on one credential in 30 days; free again 2026-03-12 10:00"
    assert step.basis.inputs["ledger_30d"] == "15"


def test_a_hard_stop_in_the_ledger_ends_the_ladder() -> None:
    stopped = Surroundings(ledger=(entry(day(-400), category=Category.ACCOUNT_CLOSED),))
    assert not charges(case(), day(1), stopped)


# --- ties and order --------------------------------------------------------------------------------------------------


def test_a_charge_goes_before_a_message_that_is_due_at_the_same_time() -> None:
    step = step_of(case(messages=everything_told(SELF_SERVE, day(-9))[1:2], attempts=ladder(1, 3)), day(6))
    assert isinstance(step, Charge)


def test_a_message_goes_before_a_loss_of_service_that_is_due_at_the_same_time() -> None:
    warned = SELF_SERVE.model_copy(
        update={
            "messages": (
                ScheduledMessage(name="w", after=timedelta(days=14), template="final_notice", channels=("email",)),
            )
        }
    )
    facts = case(Category.EXPIRED_CARD, access_changes=(LIMITED,), messages=(told("limited", day(8)), *QUIET))
    assert isinstance(step_of(facts, day(13), warned), Notify)


def test_a_person_goes_before_a_loss_of_service_that_is_due_at_the_same_time() -> None:
    watched = SELF_SERVE.model_copy(update={"escalate": EscalateTo(after=timedelta(days=8), to="ops")})
    assert isinstance(step_of(case(Category.EXPIRED_CARD, messages=QUIET), day(8), watched), Escalate)


def test_a_charge_goes_before_a_suspension_that_is_due_at_the_same_time() -> None:
    late = changed(SELF_SERVE, "retries", ladder=(timedelta(days=14),))
    facts = case(messages=(*QUIET, told("limited", day(8))), access_changes=(LIMITED,))
    assert isinstance(step_of(facts, day(14), late), Charge)
    facts = facts.model_copy(update={"attempts": (tried(1, day(14), "ladder-1"),)})
    assert isinstance(step_of(facts, day(14), late), Suspend)


def test_what_is_overdue_is_done_in_the_order_in_which_it_was_due() -> None:
    step = step_of(case(messages=QUIET, attempts=ladder(1, 3, 6)), day(40))
    assert isinstance(step, Limit)
    assert step.at == day(40)


def test_every_step_says_why_and_on_what_it_rests() -> None:
    step = step_of(case(attempts=ladder(1)), day(2))
    assert step.because == "first_notice is due as soon as the payment has failed"
    assert step.basis.editions[0] == "policy self_serve@1"
    assert len(step.basis.editions) == 3
    assert step.basis.inputs == {
        "category": "insufficient_funds",
        "attempts": "1",
        "rungs_used": "ladder-1",
        "access": "full",
        "risk": "one_off",
        "due": "29.00 EUR",
        "ledger_30d": "0",
        "zone": "UTC",
    }
    assert "charge at 2026-03-05 10:00: later" in step.basis.rejected
    assert not any(r.startswith("notify") for r in step.basis.rejected)


def test_the_ledger_count_of_the_evidence_is_that_of_thirty_days() -> None:
    around = Surroundings(ledger=(entry(day(-31)), entry(day(-29)), entry(day(-1), outcome=Outcome.NOT_ACCEPTED)))
    assert step_of(case(None), day(0), around=around).basis.inputs["ledger_30d"] == "1"
    assert step_of(case(None), day(0), around=around).basis.inputs["category"] == "not known yet"


# --- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "failed", "sent"),
    [
        ("UTC", day(0), day(0)),
        ("America/Los_Angeles", day(0), datetime(2026, 3, 2, 16, tzinfo=UTC)),
        ("Pacific/Auckland", day(0), datetime(2026, 3, 2, 19, tzinfo=UTC)),
        ("Asia/Kolkata", day(0), day(0)),
    ],
)
def test_messages_wait_for_the_customers_own_hours(zone: str, failed: datetime, sent: datetime) -> None:
    around = Surroundings(customer=CustomerView(zone=zone))
    step = step_of(case(Category.EXPIRED_CARD, failed_at=failed), failed, around=around)
    assert isinstance(step, Notify)
    assert step.at == sent


def test_silence_is_kept_while_time_alone_may_heal_it() -> None:
    facts = case(Category.VELOCITY_LIMIT, attempts=ladder(1))
    step = step_of(case(Category.VELOCITY_LIMIT), day(0))
    assert isinstance(step, Charge)
    told_later = step_of(facts, day(1))
    assert isinstance(told_later, Notify)
    assert told_later.at == day(1)


def test_two_scheduled_messages_keep_their_distance() -> None:
    step = step_of(case(Category.EXPIRED_CARD, messages=(told("first_notice", at(90)),)), day(4))
    assert isinstance(step, Notify)
    assert (step.name, step.at) == ("reminder", datetime(2026, 3, 7, 8, tzinfo=UTC))


@pytest.mark.parametrize("category", [c for c in Category if not TREATMENTS[c].contact])
def test_nothing_is_written_and_no_service_is_lost_where_it_is_not_the_customers_matter(category: Category) -> None:
    facts = case(category, access_changes=(LIMITED,))
    step = step_of(facts, day(0))
    assert isinstance(step, Escalate)
    assert step.basis.rejected == ("close at 2026-04-01 10:00: later",)
    asked = Escalation(ordinal=1, at=day(0), to="ops", because=step.because)
    assert isinstance(step_of(facts.model_copy(update={"escalations": (asked,)}), day(0)), Close)


def test_words_about_lost_access_go_out_with_the_change_at_any_hour() -> None:
    night = datetime(2026, 3, 10, 2, tzinfo=UTC)
    facts = case(messages=QUIET, access_changes=(access(AccessLevel.LIMITED, night),), attempts=ladder(1, 3, 6))
    step = step_of(facts, night)
    assert isinstance(step, Notify)
    assert (step.name, step.at) == ("limited", night)
    after = facts.model_copy(update={"messages": (*QUIET, told("limited", night))})
    assert not isinstance(step_of(after, night), Notify)


def test_an_offer_carries_the_ways_to_pay() -> None:
    facts = case(Category.EXPIRED_CARD, messages=QUIET[:-1])
    step = step_of(facts, day(6))
    assert isinstance(step, Offer)
    assert step.offers == step.words.offers == ("direct_debit", "wallet", "bank_transfer", "other_card")


def test_words_tell_when_the_next_attempt_is() -> None:
    step = step_of(case(), day(0))
    assert isinstance(step, Notify)
    assert step.words.next_attempt_at == day(1)
    hopeless = step_of(case(Category.EXPIRED_CARD), day(0))
    assert isinstance(hopeless, Notify)
    assert hopeless.words.next_attempt_at is None


# --- people, access, end ---------------------------------------------------------------------------------------------


def test_the_policy_brings_in_a_person_once() -> None:
    quiet = everything_told(ENTERPRISE, day(-9))
    step = step_of(case(Category.EXPIRED_CARD, messages=quiet), day(3), ENTERPRISE)
    assert isinstance(step, Escalate)
    assert (step.to, step.at) == ("support_contact", day(3))
    asked = Escalation(ordinal=1, at=day(3), to="support_contact", because=step.because)
    later = step_of(case(Category.EXPIRED_CARD, messages=quiet, escalations=(asked,)), day(3), ENTERPRISE)
    assert isinstance(later, Limit)


@pytest.mark.parametrize("category", [c for c in Category if not TREATMENTS[c].blames_customer])
def test_nobody_loses_service_for_a_fault_that_is_not_theirs(category: Category) -> None:
    asked = Escalation(ordinal=1, at=day(0), to="ops", because=f"{category.value}: {TREATMENTS[category].for_a_person}")
    facts = case(category, messages=QUIET, attempts=ladder(1, 3, 6, 9, 13, 20), escalations=(asked,))
    facts = facts.model_copy(
        update={"attempts": tuple(a.model_copy(update={"decline": facts.invoice.last_decline}) for a in facts.attempts)}
    )
    assert isinstance(step_of(facts, day(29)), Close)


def test_service_is_limited_then_suspended_then_the_case_closes() -> None:
    facts = case(Category.EXPIRED_CARD, messages=(*QUIET, told("limited", day(8)), told("suspended", day(14))))
    limit = step_of(facts, day(1))
    assert isinstance(limit, Limit)
    assert (limit.at, limit.takes) == (day(8), ("bonus_credits", "add_ons"))
    suspend = step_of(facts.model_copy(update={"access_changes": (LIMITED,)}), day(8))
    assert isinstance(suspend, Suspend)
    assert suspend.at == day(14)
    close = step_of(facts.model_copy(update={"access_changes": (LIMITED, SUSPENDED)}), day(14))
    assert isinstance(close, Close)
    assert (close.at, close.outcome) == (day(30), CloseOutcome.WRITTEN_OFF)
    assert close.because == "nothing was recovered within 30 days"


def test_after_an_outage_nobody_loses_service_before_the_warning_that_should_have_come_first() -> None:
    told_early = tuple(told(name, day(4)) for name in ("first_notice", "reminder", "offer_1"))
    facts = case(
        Category.EXPIRED_CARD, messages=told_early, access_changes=(access(AccessLevel.LIMITED, day(8)),)
    ).model_copy(update={"messages": (*told_early, told("limited", day(8)))})
    warning = step_of(facts, day(15))
    assert isinstance(warning, Notify)
    assert warning.name == "warning"
    warned = facts.model_copy(update={"messages": (*facts.messages, told("warning", day(15)))})
    after = step_of(warned, day(15))
    assert isinstance(after, Suspend)


def test_the_warning_of_an_outage_is_followed_by_the_gap_before_the_suspension() -> None:
    late = case(Category.EXPIRED_CARD, messages=(told("first_notice", day(14.9)),))
    steps = next_step(SELF_SERVE, late, NOWHERE, day(15))
    assert not isinstance(steps, Limit | Suspend)
    assert steps.at >= day(14.9) + SELF_SERVE.contact.gap


def test_service_is_taken_in_contact_hours_since_words_go_out_with_it() -> None:
    tokyo = Surroundings(customer=CustomerView(zone="Asia/Tokyo"))
    step = step_of(case(Category.EXPIRED_CARD, messages=QUIET), day(7), around=tokyo)
    assert isinstance(step, Limit)
    # Day 8 at ten in UTC is 19:00 in Tokyo, before eight in the evening.
    assert step.at == day(8)
    later = case(Category.EXPIRED_CARD, messages=QUIET, failed_at=at(3))
    step = step_of(later, day(7), around=tokyo)
    # 22:00 in Tokyo is too late: the next morning at eight, which is 23:00 in UTC.
    assert step.at == datetime(2026, 3, 10, 23, tzinfo=UTC)


def test_a_new_card_whose_request_was_lost_is_tried_once_more_and_then_not_again() -> None:
    new = new_card(day(2))
    lost = tried(1, day(2), outcome=Outcome.NOT_ACCEPTED, action_id=new.action_id, credential_id=NEW_CARD)
    again = step_of(case(Category.EXPIRED_CARD, messages=QUIET, new_credentials=(new,), attempts=(lost,)), day(2.1))
    assert isinstance(again, Charge)
    assert again.action_id == new.action_id
    twice = (lost, lost.model_copy(update={"ordinal": 2}))
    step = step_of(case(Category.EXPIRED_CARD, messages=QUIET, new_credentials=(new,), attempts=twice), day(2.2))
    assert not isinstance(step, Charge)


def test_nobody_loses_service_while_nobody_knows_why_the_payment_failed() -> None:
    facts = case(None, messages=QUIET)
    step = step_of(facts, day(20))
    assert isinstance(step, Close)
    assert step.at == day(30)


def test_what_keeps_failing_is_not_tried_again_by_itself_even_after_a_payment() -> None:
    """A reinstatement that fails for ever must not spin: one more try after the payment, then a person."""
    suspended = case(access_changes=(access(AccessLevel.SUSPENDED, day(14)),), payments=(paid(day(16)),))
    assert isinstance(step_of(suspended, day(16)), Reinstate)
    failed = record.with_trouble(suspended, "reinstate failed: NotFound", day(16))
    step = step_of(failed, day(16))
    assert isinstance(step, Hold)
    assert step.because == "needs a person: reinstate failed: NotFound"


def test_a_payment_after_the_trouble_tries_the_last_acts_once_more() -> None:
    troubled = record.with_trouble(
        case(access_changes=(access(AccessLevel.SUSPENDED, day(14)),)), "notify failed", day(15)
    )
    assert isinstance(step_of(troubled, day(15)), Hold)
    payed = troubled.model_copy(update={"payments": (paid(day(16)),)})
    assert isinstance(step_of(payed, day(16)), Reinstate)


def test_a_look_up_that_keeps_failing_holds_the_case() -> None:
    unclear = case(attempts=(tried(1, day(1), "ladder-1", outcome=Outcome.UNKNOWN),))
    assert isinstance(step_of(record.with_trouble(unclear, "reconcile failed", day(2)), day(2)), Hold)


def test_service_that_was_perhaps_taken_comes_back_with_the_payment_and_is_taken_for_sure_without_one() -> None:
    unclear = access(AccessLevel.LIMITED, day(8)).model_copy(update={"unclear": True})
    facts = case(Category.EXPIRED_CARD, messages=QUIET, access_changes=(unclear,))
    assert isinstance(step_of(facts, day(9)), Limit)
    assert isinstance(step_of(facts.model_copy(update={"payments": (paid(day(9)),)}), day(9)), Reinstate)


def test_a_dispute_only_seen_at_the_source_is_looked_at_again_every_day() -> None:
    seen = record.with_dispute(case(), None, day(3))
    step = step_of(seen, day(3))
    assert isinstance(step, Hold)
    assert step.again_at == day(4)
    told = step_of(record.with_dispute(seen, "du_1", day(3)), day(3))
    assert isinstance(told, Hold)
    assert told.again_at is None


def test_a_case_that_is_to_close_later_is_not_shown_as_closed() -> None:
    facts = case(Category.EXPIRED_CARD, messages=QUIET, access_changes=(access(AccessLevel.SUSPENDED, day(14)),))
    facts = facts.model_copy(update={"messages": (*facts.messages, told("suspended", day(14)))})
    step = step_of(facts, day(25))
    assert isinstance(step, Close)
    assert state_of(facts, step, day(25)) is CaseState.SUSPENDED
    assert state_of(facts, step, day(30)) is CaseState.CLOSED
