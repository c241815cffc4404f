"""The crash test's verdict convicts what it is there to convict; a run that is in order it acquits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.soak.verdict import findings
from tests.soak.witness import Attempt, Message, Witness

FAILED_AT = datetime(2026, 11, 25, 8, tzinfo=UTC)
CASE = "stripe/default/in_1"


def charge(key: str, day: float, status: str = "succeeded", code: str | None = None, **changed: Any) -> dict[str, Any]:
    told = {
        "idempotency_key": key,
        "invoice_id": "in_1",
        "credential_id": "card_1",
        "amount_minor": 2900,
        "currency": "EUR",
        "status": status,
        "code": code,
        "reference": f"ch_{key}_{day}",
        "at": (FAILED_AT + timedelta(days=day)).isoformat(),
    }
    return {**told, **changed}


def attempt(of: dict[str, Any], **changed: Any) -> Attempt:
    told = Attempt(
        key=of["idempotency_key"],
        case_id=f"stripe/default/{of['invoice_id']}",
        credential_id=of["credential_id"],
        actor="recoup",
        initiator="merchant",
        amount_minor=of["amount_minor"],
        currency=of["currency"],
        at=datetime.fromisoformat(of["at"]),
        words=("sent", of["status"]),
        outcome=of["status"],
    )
    return replace(told, **changed)


def witness(*charges: dict[str, Any], first_code: str = "insufficient_funds", **changed: Any) -> Witness:
    """Of one case that was recovered; our ledger agrees with the gateway's."""
    first = {**charge("ch_first", 0, "declined", first_code), "key": "ch_first", "made_by": "owner"}
    told = Witness(
        charges=charges,
        invoices={CASE: {"amount_minor": 2900, "status": "paid", "attempts": [first]}},
        outcomes={CASE: "recovered"},
        attempts=[attempt(each) for each in charges],
        expected=[CASE],
        given=frozenset(),
        networks={},
        forbidden=frozenset(),
    )
    return replace(told, **changed)


DECLINED, PAID = charge("att_1", 1, "declined", "insufficient_funds"), charge("att_2", 3)


def test_a_run_in_order_is_acquitted() -> None:
    assert findings(witness(DECLINED, PAID)) == []


def test_an_attempt_that_never_arrived_counts_for_nothing() -> None:
    lost = attempt(charge("att_0", 0.5), outcome="not_accepted", words=("sent", "unknown", "not_accepted"))
    assert findings(witness(PAID, attempts=[lost, attempt(PAID)])) == []


def test_an_attempt_that_a_person_was_asked_to_look_at_is_no_crime() -> None:
    unknown = attempt(charge("att_0", 0.5), outcome="unknown", words=("sent", "unknown"))
    told = witness(PAID, attempts=[unknown, attempt(PAID)], asked_of_ops=frozenset({CASE}))
    assert findings(told) == []


GUILTY = {
    "an invoice charged twice": (witness(charge("att_1", 1), PAID), "2 charges took 5800 of 2900"),
    "more taken than owed": (witness(charge("att_1", 1, amount_minor=3000)), "1 charges took 3000 of 2900"),
    "a lost card charged again": (witness(PAID, first_code="lost_card"), "hard stop"),
    "a sixteenth attempt in thirty days": (
        witness(
            *(charge(f"att_{n}", n, "declined", "insufficient_funds") for n in range(1, 16)),
            PAID | {"at": "2026-12-12T08:00:00+00:00"},
        ),
        "15 attempts on one credential in 30 days",
    ),
    "a card nobody agreed to": (witness(PAID, forbidden=frozenset({"card_1"})), "without consent"),
    "an attempt passed off as the customer's": (
        witness(PAID, attempts=[attempt(PAID, initiator="customer")]),
        "who gave no such card",
    ),
    "a case that goes on": (witness(PAID, outcomes={CASE: None}), "has not ended"),
    "an invoice without a case": (witness(PAID, outcomes={}), "never became a case"),
    "a case without an invoice": (witness(PAID, outcomes={CASE: "recovered", "a/b/c": "recovered"}), "nobody failed"),
    "paid and written off": (witness(PAID, outcomes={CASE: "written_off"}), "ended as written_off, and is paid"),
    "recovered and unpaid": (
        witness(DECLINED, invoices={CASE: {"amount_minor": 2900, "status": "open", "attempts": []}}),
        "ended as recovered, and is open",
    ),
    "one key for two charges": (witness(DECLINED, PAID | {"idempotency_key": "att_1"}), "idempotency_key att_1"),
    "a charge outside our ledger": (witness(PAID, attempts=[]), "stands nowhere in our ledger"),
    "money that we know nothing of": (
        witness(PAID, attempts=[attempt(PAID, outcome="not_accepted")]),
        "ours ('not_accepted'",
    ),
    "an attempt that nobody looked after": (
        witness(PAID, attempts=[attempt(PAID), attempt(DECLINED, outcome="unknown")]),
        "nobody was asked",
    ),
    "money that never moved": (witness(attempts=[attempt(PAID)]), "the gateway never saw it"),
    "a history that does not replay": (witness(PAID, unreplayable=["dunning/x: NonDeterminism"]), "does not replay"),
}


@pytest.mark.parametrize("crime", GUILTY)
def test_what_must_not_be_is_convicted(crime: str) -> None:
    told, expected = GUILTY[crime]
    assert any(expected in finding for finding in findings(told)), findings(told)


# --- messages ---------------------------------------------------------------------------------------------------------


def message(key: str, *words: str, name: str = "reminder") -> Message:
    return Message(key=key, case_id=CASE, name=name, counted=True, policy="policy self_serve@1", words=words)


def letter(key: str, times: int = 1) -> dict[str, Any]:
    return {"channel": key.rpartition(".")[2], "key": key, "case_id": CASE, "times": times}


def of_messages(
    *messages: Message, letters: tuple[dict[str, Any], ...] = (), outcome: str = "written_off"
) -> list[str]:
    told = witness(messages=messages, letters=letters, outcomes={CASE: outcome})
    open_claim = {**told.invoices[CASE], "status": "paid" if outcome == "recovered" else "open"}
    return findings(replace(told, invoices={CASE: open_claim}))


def test_a_message_that_was_handed_over_twice_is_found() -> None:
    sent = message("mes_1", "email sending", "email accepted")
    assert of_messages(sent, letters=(letter("mes_1.email"),)) == []
    assert of_messages(sent, letters=(letter("mes_1.email", 2),)) == ["mes_1.email: was handed over 2 times"]
    assert "stands nowhere" in of_messages(letters=(letter("mes_9.email"),))[0]


def test_a_message_that_was_left_sending_goes_out_on_another_channel() -> None:
    left = message("mes_1", "email sending")
    assert of_messages(left) == ["mes_1: reminder was left open, and no other channel was asked"]
    assert of_messages(left, message("mes_2", "sms sending", "sms accepted")) == []
    again = of_messages(left, message("mes_2", "email sending", "email accepted"))
    assert "mes_2: reminder was said again on email" in again
    assert of_messages(left, message("mes_2", "sms sending", "sms unclear")) == []
    assert of_messages(left, outcome="recovered") == []
    assert of_messages(message("mes_1", "email sending", name="last_call")) == []
