"""Why a payment was refused or a debit came back, in Adyen's words and in ours."""

from typing import Any

import pytest

from policies.declines import Category
from policies.events import DisputeOpened, PaymentFailed
from tests.activities.sources.adyen_shapes import fact, shape


@pytest.mark.parametrize(
    ("text", "code", "category"),
    [
        ("Refused", "2", Category.DO_NOT_HONOR),
        ("expired card", "6", Category.EXPIRED_CARD),
        (" Blocked Card ", "5", Category.RESTRICTED),
        ("FRAUD", "20", Category.SUSPECTED_FRAUD),
        ("3D Not Authenticated", "11", Category.AUTHENTICATION_REQUIRED),
        ("Something new: 4", "Something_new_4", Category.UNKNOWN),
    ],
)
def test_the_text_of_a_refusal_is_found_in_the_table(text: str, code: str, category: Category) -> None:
    silent = {"refusalReasonRaw": ..., "merchantAdviceCode": ...}
    decline = fact(shape("authorisation_refused", extra=silent, reason=text)).decline
    assert (decline.code, decline.category, decline.network_code) == (code, category, None)


@pytest.mark.parametrize("text", ["null", "", None, ..., "4242 4242 4242 4242", "€"])
def test_a_reason_that_says_nothing_is_none(text: object) -> None:
    told = {"merchantAdviceCode": ..., "refusalReasonRaw": ...}
    assert fact(shape("authorisation_refused", extra=told, reason=text)).decline is None


def test_advice_alone_is_enough_to_stop() -> None:
    told = {"merchantAdviceCode": "03 : Do not try again", "refusalReasonRaw": ...}
    decline = fact(shape("authorisation_refused", extra=told, reason="")).decline
    assert (decline.category, decline.advice_code) == (Category.RETRY_BLOCKED, "03")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ({"refusalReasonRaw": "05 : Do not honor"}, "05"),
        ({"refusalReasonRaw": "01: Refer to card issuer"}, "01"),
        ({"refusalReasonRaw": "AM04:InsufficientFunds"}, "AM04"),
        ({"refusalReasonRaw": "DECLINED Expired Card"}, None),
        ({"refusalCodeRaw": "54", "refusalReasonRaw": "54 : Expired card"}, "54"),
        ({"refusalReasonRaw": ..., "acquirerResponseCode": "100 : Deny"}, "100"),
    ],
)
def test_the_raw_code_of_the_network_is_kept(raw: Any, code: str | None) -> None:
    assert fact(shape("authorisation_refused", extra=raw)).decline.network_code == code


def test_a_refusal_that_means_authenticate_waits_for_the_customer() -> None:
    inferred = {"inferredRefusalReason": "3D Secure Mandated", "merchantAdviceCode": ..., "refusalReasonRaw": "05 : x"}
    decline = fact(shape("authorisation_refused", extra=inferred, reason="Refused")).decline
    assert decline.category is Category.AUTHENTICATION_REQUIRED


@pytest.mark.parametrize("method", ["amex", "amex_applepay", "AMEX"])
def test_a_wallets_payment_is_read_by_the_rules_of_its_network(method: str) -> None:
    told = shape("authorisation_refused", extra={"refusalReasonRaw": "200 : Pick up card"}, paymentMethod=method)
    assert fact(told).decline.category is Category.LOST_OR_STOLEN


@pytest.mark.parametrize(
    ("method", "code", "text", "category"),
    [
        ("sepadirectdebit", "AM04", "AM04:InsufficientFunds", Category.INSUFFICIENT_FUNDS),
        ("sepadirectdebit", "AC04", "AC04:ClosedAccountNumber", Category.ACCOUNT_CLOSED),
        ("sepadirectdebit", "MD07", "MD07:EndCustomerDeceased", Category.ACCOUNT_HOLDER_DECEASED),
        ("ach", "R01", "Insufficient Funds", Category.INSUFFICIENT_FUNDS),
        ("ach", " R02", "Account Closed", Category.ACCOUNT_CLOSED),
        ("eft_directdebit_CA", "901", "NSF", Category.INSUFFICIENT_FUNDS),
    ],
)
def test_a_debit_that_could_not_be_collected_comes_as_a_chargeback_and_is_a_failed_payment(
    method: str, code: str, text: str, category: Category
) -> None:
    failed = fact(shape("chargeback", extra={"chargebackReasonCode": code}, paymentMethod=method, reason=text))
    assert isinstance(failed, PaymentFailed)
    assert failed.decline
    assert failed.decline.category is category


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("sepadirectdebit", "MD06"),
        ("ach", "R10"),
        ("ach", "R99"),
        ("ach", ...),
        ("directdebit_GB", "?"),
        ("mc", "4853"),
    ],
)
def test_a_payer_who_objects_and_a_reason_that_nobody_knows_open_a_dispute(method: str, code: object) -> None:
    opened = fact(shape("chargeback", extra={"chargebackReasonCode": code}, paymentMethod=method, reason=""))
    assert isinstance(opened, DisputeOpened)
    assert opened.dispute_id == "WXN8J4TTQ9LNRK82"
