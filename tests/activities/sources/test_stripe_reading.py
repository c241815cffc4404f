"""Parts that Stripe's objects share: amounts in ISO units, who is charged, why a payment was refused."""

from typing import Any

import pytest

from activities.sources.stripe_reading import money_from_stripe
from policies.declines import Category
from tests.activities.sources.stripe_shapes import fact, normalise, shape

# Amounts


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1900, "eur", "19.00 EUR"),
        (1900, "EUR", "19.00 EUR"),
        (500, "jpy", "500 JPY"),
        (5120, "kwd", "5.120 KWD"),
        (500, "isk", "5 ISK"),
        (500, "ugx", "5 UGX"),
        (5, "mga", "5.00 MGA"),
    ],
)
def test_amounts_are_turned_into_iso_minor_units(amount: int, currency: str, text: str) -> None:
    assert str(fact(shape("invoice_paid", amount_paid=amount, currency=currency)).paid) == text


def test_half_a_krona_is_no_amount() -> None:
    with pytest.raises(ValueError, match="no multiple of 100"):
        money_from_stripe(4010, "isk")


# Declines


def test_a_failed_invoice_with_an_expanded_charge_carries_the_decline() -> None:
    event = fact(shape("invoice_payment_failed_2019"))
    assert (event.invoice_id, event.customer_id) == ("in_1RcpOld", "cus_RcpOld")
    assert event.decline.category is Category.INSUFFICIENT_FUNDS


def test_an_expanded_payment_intent_carries_the_decline_too() -> None:
    error = {"code": "expired_card", "decline_code": None}
    event = fact(shape("invoice_payment_failed_2025", payment_intent={"id": "pi_1", "last_payment_error": error}))
    assert event.decline.category is Category.EXPIRED_CARD


def test_a_finalization_error_is_the_last_place_to_look() -> None:
    event = fact(shape("invoice_payment_failed_2025", last_finalization_error={"code": "processing_error"}))
    assert event.decline.category is Category.GATEWAY_ERROR


@pytest.mark.parametrize(
    ("exact", "broad", "category", "kept"),
    [
        ("insufficient_funds", "card_declined", Category.INSUFFICIENT_FUNDS, "insufficient_funds"),
        (None, "expired_card", Category.EXPIRED_CARD, "expired_card"),
        (
            "a_new_word_for_it",
            "authentication_required",
            Category.AUTHENTICATION_REQUIRED,
            "authentication_required",
        ),
        ("brand_new_code", "card_declined", Category.UNKNOWN, "brand_new_code"),
        ("not a code\n", "expired_card", Category.EXPIRED_CARD, "expired_card"),
    ],
)
def test_the_exact_decline_code_decides_unless_only_the_broad_one_is_known(
    exact: str | None, broad: str, category: Category, kept: str
) -> None:
    event = shape("payment_intent_payment_failed", last_payment_error={"decline_code": exact, "code": broad})
    decline = fact(event).decline
    assert (decline.category, decline.code) == (category, kept)


@pytest.mark.parametrize("error", [None, ..., "card_declined", {}, {"code": 7}])
def test_a_failure_without_a_readable_code_has_no_decline_yet(error: object) -> None:
    assert fact(shape("payment_intent_payment_failed", last_payment_error=error)).decline is None


@pytest.mark.parametrize(
    ("method", "network_code", "category"),
    [
        ({"type": "us_bank_account"}, "R01", Category.INSUFFICIENT_FUNDS),
        ({"type": "sepa_debit"}, "AC04", Category.ACCOUNT_CLOSED),
        ({"type": "card", "card": {"brand": "visa"}}, "R01", Category.UNKNOWN),
        ({"type": "card", "card": {"brand": "visa"}}, "51", Category.INSUFFICIENT_FUNDS),
        ({"type": "paypal"}, "R01", Category.UNKNOWN),
        (None, "51", Category.INSUFFICIENT_FUNDS),
        ("pm_1RcpNotExpanded", "51", Category.INSUFFICIENT_FUNDS),
    ],
)
def test_a_networks_code_is_read_in_the_table_of_what_was_charged(
    method: object, network_code: str, category: Category
) -> None:
    method = {"id": "pm_1RcpTried", **method} if isinstance(method, dict) else method
    error = {"code": "card_declined", "network_decline_code": network_code, "payment_method": method}
    assert fact(shape("payment_intent_payment_failed", last_payment_error=error)).decline.category is category


def test_a_charge_names_its_network_in_its_details() -> None:
    details = {"type": "card", "card": {"brand": "visa", "network": "amex"}}
    outcome = {"network_decline_code": "101"}
    event = shape("charge_failed", failure_code="card_declined", outcome=outcome, payment_method_details=details)
    assert fact(event).decline.category is Category.EXPIRED_CARD
    details["card"] = {"brand": "amex"}
    assert fact(event).decline.category is Category.EXPIRED_CARD


# Who is charged


@pytest.mark.parametrize(
    ("name", "fields", "credential_id"),
    [
        ("payment_intent_payment_failed", {"payment_method": "pm_1"}, "pm_1"),
        ("payment_intent_payment_failed", {"last_payment_error": {"payment_method": {"id": "pm_2"}}}, "pm_2"),
        ("payment_intent_payment_failed", {"source": {"id": "card_3"}}, "card_3"),
        ("payment_intent_payment_failed", {}, None),
        ("charge_failed", {"payment_method": "pm_1"}, "pm_1"),
        ("invoice_payment_failed_2025", {"default_payment_method": "pm_4"}, "pm_4"),
        ("invoice_payment_failed_2025", {"default_source": "src_5"}, "src_5"),
        ("invoice_payment_failed_2025", {"charge": {"id": "ch_1", "payment_method": "pm_6"}}, "pm_6"),
        (
            "invoice_payment_failed_2025",
            {"payment_intent": {"id": "pi_1", "payment_method": "pm_7"}, "default_payment_method": "pm_8"},
            "pm_7",
        ),
        ("invoice_payment_failed_2025", {}, None),
    ],
)
def test_what_was_tried_is_named_as_far_as_the_event_says(name: str, fields: Any, credential_id: str | None) -> None:
    assert fact(shape(name, **fields)).credential_id == credential_id


def test_a_failed_payment_says_how_much_was_tried() -> None:
    for name in ("payment_intent_payment_failed", "charge_failed"):
        assert str(fact(shape(name)).amount) == "19.00 EUR"
    assert fact(shape("charge_failed", amount=...)).amount is None


@pytest.mark.parametrize(
    ("network_advice", "advice", "category", "kept"),
    [
        ("03", None, Category.RETRY_BLOCKED, "03"),
        ("03", "try_again_later", Category.RETRY_BLOCKED, "03"),
        (None, "do_not_try_again", Category.RETRY_BLOCKED, "do_not_try_again"),
        ("02", "do_not_try_again", Category.RETRY_BLOCKED, "do_not_try_again"),
    ],
)
@pytest.mark.parametrize("name", ["payment_intent_payment_failed", "charge_failed"])
def test_the_networks_advice_is_read_beside_stripes_own_and_the_stricter_one_counts(
    name: str, network_advice: str | None, advice: str | None, category: Category, kept: str
) -> None:
    said = {"network_advice_code": network_advice, "advice_code": advice}
    error = {"code": "card_declined", "decline_code": "insufficient_funds", **said}
    where = {"outcome": {"reason": "insufficient_funds", **said}, "last_payment_error": error}
    decline = fact(shape(name, **where)).decline
    assert (decline.category, decline.advice_code) == (category, kept)


# Which attempt it was


def test_a_failed_payment_names_the_charge_by_which_its_owner_lists_it() -> None:
    assert normalise(shape("charge_failed")).reference == "ch_1RcpCharge"
    assert normalise(shape("payment_intent_payment_failed")).reference == "ch_1RcpIntent"
    never_tried = shape("payment_intent_payment_failed", last_payment_error={"code": "authentication_required"})
    assert normalise(never_tried).reference is None
    assert normalise(shape("invoice_payment_failed_2019")).reference == "ch_1RcpOld"
    assert normalise(shape("invoice_payment_failed_2025", charge="ch_1")).reference is None


@pytest.mark.parametrize("name", ["charge_failed", "payment_intent_payment_failed"])
def test_a_payment_with_a_mark_of_ours_is_left_to_its_owner_to_tell_apart(name: str) -> None:
    answer = normalise(shape(name, metadata={"recoup_attempt": f"att_{'0' * 40}"}))
    assert (answer.reference, answer.attempt_key) == (None, None)
    assert normalise(shape(name, metadata={"order": "17"})).reference is not None
