"""The key of an attempt of ours, as Adyen repeats it from the payment's metadata."""

from typing import Any

import pytest

from activities.sources.contract import Addressed
from policies.events import PaymentFailed, PaymentSucceeded
from tests.activities.sources.adyen_shapes import normalise, shape

KEY = "att_" + "0123456789abcdef" * 2 + "01234567"


def told(**fields: Any) -> Addressed:
    answer = normalise(shape("authorisation_refused", **fields))
    assert isinstance(answer, Addressed), answer
    return answer


@pytest.mark.parametrize(("success", "fact"), [("true", PaymentSucceeded), ("false", PaymentFailed)])
def test_an_attempt_of_ours_is_settled_by_its_mark_and_adyen_s_reference(success: str, fact: type) -> None:
    marked = told(success=success, pspReference="NC6HT9CRT65ZGN82", extra={"metadata.recoup_attempt": KEY})
    assert isinstance(marked.event, fact)
    assert (marked.attempt_key, marked.reference) == (KEY, "NC6HT9CRT65ZGN82")


@pytest.mark.parametrize(
    "mark", [..., "", "att_short", KEY.upper(), f"{KEY}0", f"x{KEY}", "5f1c0e6e-order-77", "ada@shop.example", 7, None]
)
def test_what_is_no_key_of_ours_is_nobody_s_attempt(mark: Any) -> None:
    other = told(extra={"metadata.recoup_attempt": mark})
    assert other.attempt_key is None
    assert told(success="true", extra={"metadata.recoup_attempt": mark}).reference is None


def test_a_refused_attempt_of_another_is_named_by_adyen_s_reference_of_the_payment() -> None:
    assert told(pspReference="NC6HT9CRT65ZGN82").reference == "NC6HT9CRT65ZGN82"
    assert told(pspReference="no id of Adyen's").reference is None


@pytest.mark.parametrize("code", ["CAPTURE_FAILED", "CHARGEBACK", "NOTIFICATION_OF_CHARGEBACK"])
def test_money_that_did_not_stay_is_no_attempt_of_its_own(code: str) -> None:
    answer = normalise(shape("authorisation_refused", code=code))
    assert isinstance(answer, Addressed)
    assert answer.reference is None


def test_a_capture_is_no_attempt() -> None:
    answer = normalise(shape("authorisation_refused", code="CAPTURE", extra={"metadata.recoup_attempt": KEY}))
    assert isinstance(answer, Addressed)
    assert answer.attempt_key is None
