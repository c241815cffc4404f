from datetime import timedelta

import pytest

from policies.asked import CloseAsked, RefusedAction
from policies.declines import Category
from policies.events import CloseOutcome, MethodChange
from policies.facts import (
    AccessLevel,
    CaseFacts,
    Ending,
    Escalation,
    Failure,
    FraudFlag,
    MethodChanged,
    Outcome,
    Refusal,
)
from policies.invoices import InvoiceStatus
from policies.policy_change import PolicyChange
from policies.said import Activity, Deferral, MessageStatus
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
    Words,
)
from policies.story import CaseState, Shown, as_markdown, shown, state_of, summary_of, tell
from tests.policies.timeline import (
    DUE,
    OLD_CARD,
    access,
    case,
    day,
    declined_as,
    disputed,
    new_card,
    paid,
    paused,
    told,
    tried,
)

WORDS = Words(due=DUE)
CLOSE = Close(at=day(0), because="b", outcome=CloseOutcome.WRITTEN_OFF)
CHARGE = Charge(at=day(1), because="b", credential_id=OLD_CARD, amount=DUE, rung="ladder-1")
EVERYTHING = case(
    failures=(Failure(at=day(0), happened_at=day(0), decline=declined_as(Category.EXPIRED_CARD)),),
    attempts=(
        tried(1, day(1), "ladder-1"),
        tried(2, day(2), outcome=Outcome.UNKNOWN, looked_up_at=day(2)),
        tried(3, day(3), outcome=Outcome.NOT_ACCEPTED, looked_up_at=day(3)),
    ),
    refusals=(Refusal(at=day(4), credential_id=OLD_CARD, rule="hard stop"),),
    fraud_flags=(FraudFlag(at=day(5), signals=("new_country", "many_cards")),),
    messages=(told("first_notice", day(6)), told("reminder", day(7), MessageStatus.UNDELIVERED)),
    access_changes=(
        access(AccessLevel.LIMITED, day(8), ("bonus_credits", "add_ons")),
        access(AccessLevel.SUSPENDED, day(9)),
    ),
    disputes=(disputed(day(10), day(11), won=True), disputed(day(12), day(13), won=False), disputed(day(14))),
    stops=(
        paused(day(15), day(16)),
        paused(day(17)).model_copy(update={"kind": "trouble", "actor": "recoup"}),
    ),
    new_credentials=(new_card(day(18)),),
    escalations=(Escalation(ordinal=1, at=day(19), to="ops", because="look"),),
    endings=(Ending(at=day(20), happened_at=day(20), status=InvoiceStatus.VOID),),
    close_asked=CloseAsked(at=day(21), outcome=CloseOutcome.CANCELLED, actor="Jo", reason="goodwill"),
    payments=(paid(day(22)),),
    policy_changes=(
        PolicyChange(
            at=day(23),
            actor="Jo",
            reason="fewer letters",
            from_edition="policy self_serve@1",
            to_edition="policy self_serve@2",
            from_sha256="a" * 64,
            to_sha256="b" * 64,
        ),
    ),
    refused_actions=(RefusedAction(at=day(24), kind="resume", reason="the case is neither paused nor held"),),
    method_changes=(MethodChanged(at=day(25), happened_at=day(25), what=MethodChange.EXPIRED),),
)


def test_every_fact_is_one_line_in_the_order_of_time() -> None:
    assert [(round((line.at - day(0)) / timedelta(days=1)), line.what) for line in tell(EVERYTHING)] == [
        (0, "case opened: 29.00 EUR is owed, insufficient_funds (insufficient_funds)"),
        (0, "the source reported a failed payment (expired_card)"),
        (1, "attempt 1 of 29.00 EUR: declined (insufficient_funds)"),
        (2, "attempt 2 of 29.00 EUR: unknown"),
        (3, "attempt 3 of 29.00 EUR: not_accepted, known after a look-up"),
        (4, "an attempt was refused before it was sent"),
        (5, "fraud check: suspicious"),
        (6, "message first_notice by email"),
        (7, "message reminder undelivered"),
        (8, "access limited without bonus_credits, add_ons"),
        (9, "access suspended"),
        (10, "dispute opened"),
        (11, "dispute won"),
        (12, "dispute opened"),
        (13, "dispute lost"),
        (14, "dispute opened"),
        (15, "paused by Jo"),
        (16, "resumed by Jo"),
        (17, "held by recoup"),
        (18, "the customer gave a new way to pay"),
        (19, "handed over to ops"),
        (20, "invoice void at its source"),
        (21, "Jo asked to close: cancelled"),
        (22, "paid 29.00 EUR"),
        (23, "moved from policy self_serve@1 to policy self_serve@2 by Jo"),
        (24, "resume was refused"),
        (25, "way to pay expired at the source"),
    ]
    assert tell(EVERYTHING)[-2].because == "the case is neither paused nor held"


def test_what_nobody_is_sure_of_is_told_as_unsure() -> None:
    unclear = access(AccessLevel.SUSPENDED, day(1)).model_copy(update={"unclear": True})
    facts = case(access_changes=(unclear,), disputes=(disputed(day(2), day(3)),))
    assert [line.what for line in tell(facts)[1:]] == [
        "access suspended, but the access system did not answer",
        "dispute opened",
        "dispute no longer open at the source",
    ]


def test_before_anything_is_known_the_story_says_so() -> None:
    facts = case(None, failures=(Failure(at=day(0), happened_at=day(0)),))
    assert [line.what for line in tell(facts)] == [
        "case opened: 29.00 EUR is owed, decline not known yet",
        "the source reported a failed payment (no code)",
    ]


@pytest.mark.parametrize(
    ("step", "summary"),
    [
        (CHARGE, "charge 29.00 EUR (ladder-1)"),
        (CHARGE.model_copy(update={"rung": None}), "charge 29.00 EUR (new credential)"),
        (
            Notify(at=day(0), because="b", name="warning", template="reminder", channels=("email",), words=WORDS),
            "message warning",
        ),
        (
            Offer(at=day(0), because="b", name="offer_1", offers=("x",), channels=("email",), words=WORDS),
            "message offer_1",
        ),
        (Limit(at=day(0), because="b", takes=("bonus_credits", "add_ons")), "limit: take bonus_credits, add_ons"),
        (Suspend(at=day(0), because="b"), "suspend service"),
        (Reinstate(at=day(0), because="b"), "reinstate service"),
        (Reconcile(at=day(0), because="b", ordinal=3), "look up attempt 3"),
        (Escalate(at=day(0), because="b", to="ops", words=WORDS), "hand over to ops"),
        (Hold(at=day(0), because="b", waits_for="dispute"), "hold for dispute"),
        (CLOSE, "close: written_off"),
    ],
)
def test_each_step_has_a_summary_that_fits_the_temporal_ui(step: AnyStep, summary: str) -> None:
    assert summary_of(step) == f"{summary} \u00b7 b"
    assert len(summary_of(step.model_copy(update={"because": "long " * 100}))) == 200


@pytest.mark.parametrize(
    ("facts", "step", "state"),
    [
        (case(), CLOSE, CaseState.CLOSED),
        (case(), Hold(at=day(0), because="b", waits_for="dispute"), CaseState.DISPUTE_OPEN),
        (case(), Hold(at=day(0), because="b", waits_for="ops"), CaseState.ON_HOLD),
        (case(attempts=(tried(1, day(1), outcome=Outcome.PENDING),)), CHARGE, CaseState.RECONCILING),
        (case(access_changes=(access(AccessLevel.SUSPENDED, day(1)),)), CHARGE, CaseState.SUSPENDED),
        (case(access_changes=(access(AccessLevel.LIMITED, day(1)),)), CHARGE, CaseState.LIMITED),
        (case(), CHARGE, CaseState.RETRYING),
        (case(Category.EXPIRED_CARD), CHARGE, CaseState.AWAITING_CUSTOMER),
        (case(None), CHARGE, CaseState.AWAITING_CUSTOMER),
    ],
)
def test_the_state_is_what_a_person_would_call_it(facts: CaseFacts, step: AnyStep, state: CaseState) -> None:
    assert state_of(facts, step, day(1)) is state


def test_the_search_attributes_tell_the_case_in_few_words() -> None:
    facts = case(attempts=(tried(1, day(1), "ladder-1"), tried(2, day(2), outcome=Outcome.NOT_ACCEPTED)))
    assert shown(facts, "self_serve", CHARGE, day(0)) == Shown(
        state=CaseState.RETRYING,
        segment="self_serve",
        category="insufficient_funds",
        gateway="stripe",
        currency="EUR",
        amount_minor=2900,
        attempts=1,
        next_step_at=day(1),
    )


def test_a_held_case_shows_no_time_for_nothing_is_due() -> None:
    hold = Hold(at=day(1), because="b", waits_for="dispute")
    held = shown(case(None, disputes=(disputed(day(1)),)), "premium", hold, day(1))
    assert (held.state, held.category, held.next_step_at) == (CaseState.DISPUTE_OPEN, "unknown", None)


def test_the_details_say_who_how_much_why_and_what_is_next() -> None:
    text = as_markdown(case(attempts=(tried(1, day(1), "ladder-1"),)), CHARGE, "policy self_serve@1")
    assert text.splitlines() == [
        "**29.00 EUR** owed by `cus_1` on invoice `in_1`",
        "",
        "- why: insufficient_funds (insufficient_funds); 1 attempts of ours, access full",
        "- next: **charge 29.00 EUR (ladder-1) \u00b7 b** at 2026-03-03 10:00",
        "- policy self_serve@1, failed 2026-03-02 10:00",
        "",
        "| when (UTC) | what | because |",
        "|---|---|---|",
        "| 2026-03-02 10:00 | case opened: 29.00 EUR is owed, insufficient_funds (insufficient_funds) |  |",
        "| 2026-03-03 10:00 | attempt 1 of 29.00 EUR: declined (insufficient_funds) | test |",
    ]


def test_the_details_keep_the_last_twelve_lines() -> None:
    table = as_markdown(EVERYTHING, CLOSE, "p").split("|---|---|---|\n")[1]
    assert len(table.splitlines()) == 12
    assert "paid 29.00 EUR" in table


def test_what_a_person_wrote_does_not_break_the_table() -> None:
    stop = paused(day(1)).model_copy(update={"reason": "a | b\n\n# c"})
    assert (
        "| 2026-03-03 10:00 | paused by Jo | a / b # c |" in as_markdown(case(stops=(stop,)), CLOSE, "p").splitlines()
    )


def test_the_timeline_says_what_became_of_words_and_what_the_customer_did() -> None:
    message = told("reminder", day(4)).model_copy(
        update={"status": MessageStatus.DELIVERED, "covers": ("s/a/in_2", "s/a/in_3")}
    )
    until = Deferral(at=day(5), name="warning", because="one message a day", until=day(6))
    for_good = Deferral(at=day(7), name="last_call", because="its share is used up")
    clicked = Activity(at=day(8), what="clicked a message")
    facts = case(messages=(message,), deferrals=(until, for_good), activities=(clicked,))
    assert [line.what for line in tell(facts)][1:] == [
        "message reminder delivered by email, naming 2 more invoices",
        "message warning put off until 2026-03-08 10:00",
        "message last_call put off for good",
        "the customer clicked a message",
    ]
