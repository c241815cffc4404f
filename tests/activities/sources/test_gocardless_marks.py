"""Payments that our gateway created name the attempt and the claim; what they tell is told of both."""

import json
from typing import Any

import pytest

from activities.sources.contract import Addressed
from activities.sources.gocardless import GoCardlessSpeaker
from policies.events import DisputeOpened, InvoiceVoided, PaymentFailed, PaymentSucceeded

KEY = "att_" + "0123456789abcdef" * 2 + "01234567"
MARKED = {"recoup_attempt": KEY, "recoup_invoice": "PM00CLAIM"}


def said(action: str, resource_metadata: object, **details: str) -> Addressed:
    event: dict[str, Any] = {
        "id": "EV1",
        "created_at": "2026-03-02T09:00:00.000Z",
        "resource_type": "payments",
        "action": action,
        "links": {"payment": "PM00CREATED"},
        "details": details,
        "resource_metadata": resource_metadata,
    }
    told = GoCardlessSpeaker().normalise(json.dumps(event).encode(), "row_1")
    assert isinstance(told, Addressed)
    return told


@pytest.mark.parametrize(
    ("action", "fact"),
    [
        ("confirmed", PaymentSucceeded),
        ("paid_out", PaymentSucceeded),
        ("failed", PaymentFailed),
        ("charged_back", DisputeOpened),
    ],
)
def test_a_payment_in_the_place_of_a_claim_is_told_as_the_claim_s(action: str, fact: type) -> None:
    told = said(action, MARKED, cause="other")
    assert isinstance(told.event, fact)
    assert told.event.invoice_id == "PM00CLAIM"
    assert (told.attempt_key, told.reference) == (KEY, "PM00CREATED")


def test_another_system_s_claim_is_found_by_the_attempt() -> None:
    told = said("confirmed", {**MARKED, "recoup_invoice": "in_elsewhere"})
    assert told.event.invoice_id == "PM00CREATED"
    assert (told.attempt_key, told.reference) == (KEY, "PM00CREATED")


def test_an_attempt_that_is_called_off_voids_no_claim() -> None:
    told = said("cancelled", MARKED, cause="payment_cancelled")
    assert isinstance(told.event, PaymentFailed)
    assert told.event.invoice_id == "PM00CLAIM"
    assert isinstance(said("cancelled", {}, cause="payment_cancelled").event, InvoiceVoided)


@pytest.mark.parametrize(
    "resource_metadata",
    [
        {},
        None,
        "text",
        {"recoup_attempt": "att_" + "0" * 39},
        {"recoup_attempt": "ATT_" + "0" * 40},
        {"recoup_attempt": KEY + "0", "recoup_invoice": "PM00CLAIM"},
        {"recoup_attempt": 7},
        {"recoup_invoice": "PM00CLAIM"},
    ],
)
def test_what_is_no_mark_of_ours_changes_nothing(resource_metadata: object) -> None:
    told = said("failed", resource_metadata, cause="insufficient_funds")
    assert told.event.invoice_id == "PM00CREATED"
    assert told.attempt_key is None
    assert told.reference is None


@pytest.mark.parametrize("claim", ["PM with spaces", "PM/..", 7, "in_1", ""])
def test_a_claim_of_an_odd_shape_is_left_out(claim: object) -> None:
    assert said("failed", {"recoup_attempt": KEY, "recoup_invoice": claim}).event.invoice_id == "PM00CREATED"
