import csv
import os
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.declines import (
    GATEWAY_TABLES,
    TABLES,
    TREATMENTS,
    Category,
    CustomerAction,
    Retryable,
    Row,
    all_rows,
    classify,
    in_tables,
    nearest,
    plain_code,
    scheme_code,
)
from policies.instruments import Initiator, Network, PaymentType
from policies.package_data import table

ROWS = list(all_rows())


@pytest.mark.parametrize("category", Category)
def test_every_category_has_a_treatment(category: Category) -> None:
    assert category in TREATMENTS, (
        f"{category.value} is new. May it be tried again, by itself or only after the customer did something? What "
        "must the customer do? Is the customer to blame, so that service may be limited? Add a row to TREATMENTS."
    )


@pytest.mark.parametrize("category", Category)
def test_treatments_hold_together(category: Category) -> None:
    treatment = TREATMENTS[category]
    if treatment.technical:
        assert treatment.retryable is Retryable.YES, "what time heals within hours may be tried again"
        assert not treatment.blames_customer, "nobody loses service for a technical fault"
    if treatment.retryable is Retryable.AFTER_CUSTOMER_ACTION:
        assert treatment.customer_action is not CustomerAction.NONE, "what is it that the customer must do?"
    if not treatment.contact:
        assert treatment.retryable is Retryable.NO, "who is not written to is not charged either"
        assert not treatment.blames_customer, "who is not written to loses no service either"
    if treatment.fraud_signal:
        assert treatment.retryable is Retryable.NO, "what smells of fraud is never tried again"


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_row_alone_is_classified_as_it_says(row: Row) -> None:
    decline = classify(row.table, row.code)
    assert decline.code == row.code
    assert decline.decided_by == f"{row.table} {row.code}"
    assert (decline.category, decline.retryable) == (row.category, row.retryable)
    assert (decline.customer_action, decline.fraud_signal) == (row.customer_action, row.fraud_signal)
    assert decline.earliest_retry == row.earliest_retry


def test_no_row_hides_another_one() -> None:
    written = sum(len(table("policies.declines", f"{name}.csv")) for name in TABLES)
    assert len(ROWS) == written


def test_every_row_names_a_source_that_is_listed_and_admits_what_nobody_verified() -> None:
    sources = {source["source"]: source for source in table("policies.declines", "sources.csv")}
    assert {row.source for row in ROWS} == set(sources)
    for row in ROWS:
        assert row.unverified == ("general knowledge" in sources[row.source]["citation"] or row.unverified)
    assert sum(row.unverified for row in ROWS) == 174


def test_the_tables_agree_with_the_reference_data() -> None:
    folder = os.environ.get("RECOUP_REFERENCE_DATA")
    if not folder or not (Path(folder) / "domain" / "decline_codes.csv").is_file():
        pytest.skip("RECOUP_REFERENCE_DATA names no folder with domain/decline_codes.csv")
    with (Path(folder) / "domain" / "decline_codes.csv").open(newline="") as file:
        reference = list(csv.DictReader(file))
    ours = {(row.table, row.code) for row in ROWS} - {(raw["gateway"], raw["code"]) for raw in reference}
    assert len(reference) + len(ours) == len(ROWS)
    page = (Path(__file__).parents[2] / "docs" / "declines.md").read_text(encoding="utf-8")
    assert [code for _, code in sorted(ours) if f"`{code}`" not in page] == [], "list them in docs/declines.md"
    for raw in reference:
        decline = classify(raw["gateway"], raw["code"])
        found = (decline.category, decline.retryable, decline.customer_action, decline.fraud_signal)
        said = (raw["category"], raw["retryable"], raw["customer_action"], raw["fraud_signal"] == "yes")
        assert found == said, f"{raw['gateway']} {raw['code']}: list the difference and its reason in docs/declines.md"


@pytest.mark.parametrize(
    ("gateway", "code", "category"),
    [
        ("paypal", "PAYMENT_DENIED", Category.DO_NOT_HONOR),
        ("paypal", "PAYEE_ACCOUNT_RESTRICTED", Category.MERCHANT_CONFIG),
        ("paddle", "not_enough_balance", Category.INSUFFICIENT_FUNDS),
        ("paddle", "declined_not_retryable", Category.RETRY_BLOCKED),
        ("gocardless", "bank_account_disabled", Category.ACCOUNT_CLOSED),
        ("gocardless", "mandate_blocked", Category.SUSPECTED_FRAUD),
        ("gocardless", "mandate_replaced", Category.NEW_ACCOUNT_INFO),
        ("gocardless", "mandate_is_inactive", Category.MANDATE_INVALID),
        ("paypal", "SUBSCRIBER_ACCOUNT_CLOSED", Category.ACCOUNT_CLOSED),
        ("paypal", "SUBSCRIBER_ACCOUNT_LOCKED", Category.RESTRICTED),
        ("paypal", "SUBSCRIBER_ACCOUNT_RESTRICTED", Category.RESTRICTED),
        ("paypal", "USER_ACCOUNT_CLOSED", Category.ACCOUNT_CLOSED),
        ("paypal", "AGREEMENT_ALREADY_CANCELLED", Category.MANDATE_CANCELLED),
        ("paypal", "BILLING_AGREEMENT_NOT_FOUND", Category.MANDATE_INVALID),
        ("paypal", "REFERENCED_CARD_EXPIRED", Category.EXPIRED_CARD),
        ("paypal", "TOKEN_EXPIRED", Category.MANDATE_INVALID),
        ("paypal", "PAYMENT_SOURCE_DECLINED_BY_PROCESSOR", Category.DO_NOT_HONOR),
        ("paypal", "PAYMENT_SOURCE_CANNOT_BE_USED", Category.NOT_PERMITTED),
        ("paypal", "PAYMENT_SOURCE_INFO_CANNOT_BE_VERIFIED", Category.INCORRECT_DETAILS),
        ("paypal", "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING", Category.DO_NOT_HONOR),
        ("paypal", "TRANSACTION_LIMIT_EXCEEDED", Category.VELOCITY_LIMIT),
        ("paypal", "DOMESTIC_TRANSACTION_REQUIRED", Category.NOT_PERMITTED),
        ("paypal", "TRANSACTION_BLOCKED_BY_PAYEE", Category.MERCHANT_CONFIG),
        ("braintree", "three_d_secure", Category.AUTHENTICATION_REQUIRED),
        ("braintree", "excessive_retry", Category.RETRY_BLOCKED),
    ],
)
def test_words_of_gateways_that_the_study_left_out_are_known(gateway: str, code: str, category: Category) -> None:
    assert classify(gateway, code).category is category


@pytest.mark.parametrize("gateway", sorted(GATEWAY_TABLES))
def test_an_unknown_code_keeps_its_raw_form(gateway: str) -> None:
    decline = classify(gateway, "Brand_New_Code")
    assert (decline.category, decline.code) == (Category.UNKNOWN, "Brand_New_Code")
    assert decline.decided_by == f"no row for {gateway} code Brand_New_Code"


@pytest.mark.parametrize("code", [None, ""])
def test_no_code_at_all_is_unknown(code: str | None) -> None:
    assert (classify("stripe", code).category, classify("stripe", code).code) == (Category.UNKNOWN, "none")


@pytest.mark.parametrize("code", [row.code for row in ROWS if row.table == "stripe"])
def test_advice_not_to_try_again_outranks_whatever_the_code_says(code: str) -> None:
    decline = classify("stripe", code, advice_code="do_not_try_again")
    assert decline.retryable is Retryable.NO
    assert decline.code == code


@pytest.mark.parametrize(
    ("signals", "category", "decided_by"),
    [
        ({"code": "generic_decline", "advice_code": "03"}, Category.RETRY_BLOCKED, "mastercard_mac 03"),
        ({"code": "insufficient_funds", "network_code": "04"}, Category.LOST_OR_STOLEN, "iso8583 04"),
        ({"code": "insufficient_funds", "advice_code": "1"}, Category.RETRY_BLOCKED, "visa_category 1"),
        ({"code": "lost_card", "network_code": "05"}, Category.LOST_OR_STOLEN, "stripe lost_card"),
        ({"code": "generic_decline", "network_code": "51"}, Category.INSUFFICIENT_FUNDS, "iso8583 51"),
        ({"code": "insufficient_funds", "advice_code": "try_again_later"}, Category.INSUFFICIENT_FUNDS, "stripe insu"),
        ({"code": "insufficient_funds", "advice_code": "confirm_card_data"}, Category.INCORRECT_DETAILS, "stripe_adv"),
        ({"code": "never_heard_of", "network_code": "5"}, Category.DO_NOT_HONOR, "iso8583 05"),
        ({"code": "never_heard_of", "network_code": " 51 "}, Category.INSUFFICIENT_FUNDS, "iso8583 51"),
    ],
)
def test_the_hardest_signal_decides_and_a_vague_one_gives_way(
    signals: dict[str, str], category: Category, decided_by: str
) -> None:
    decline = classify("stripe", **signals)
    assert decline.category is category
    assert decline.decided_by.startswith(decided_by)


@pytest.mark.parametrize(
    ("advice", "wait"),
    [("24", 1), ("25", 24), ("26", 48), ("27", 96), ("28", 144), ("29", 192), ("30", 240), ("02", 72)],
)
def test_advice_says_when_a_retry_is_of_use_at_the_earliest(advice: str, wait: int) -> None:
    decline = classify("stripe", "insufficient_funds", "51", advice)
    assert decline.category is Category.INSUFFICIENT_FUNDS
    assert decline.earliest_retry == timedelta(hours=wait)
    assert f"mastercard_mac {advice}" in decline.decided_by


@pytest.mark.parametrize(
    ("network", "advice", "decided_by"),
    [
        (Network.MASTERCARD, "03", "mastercard_mac 03"),
        (Network.MASTERCARD, "3", "mastercard_mac 03"),
        (Network.MASTERCARD, "1", "mastercard_mac 01"),
        (Network.VISA, "3", "visa_category 3"),
        (Network.VISA, "01", "visa_category 1"),
        (Network.VISA, "21", "stripe generic_decline"),
        (Network.MASTERCARD, "do_not_try_again", "stripe_advice do_not_try_again"),
        (Network.VISA, "do_not_try_again", "stripe_advice do_not_try_again"),
        (Network.OTHER, "3", "visa_category 3"),
        (Network.OTHER, "03", "mastercard_mac 03"),
        (Network.AMEX, "03", "mastercard_mac 03"),
    ],
)
def test_advice_is_read_in_the_table_of_its_network(network: Network, advice: str, decided_by: str) -> None:
    assert classify("stripe", "generic_decline", None, advice, network=network).decided_by == decided_by


def test_no_two_codes_of_a_table_differ_by_leading_zeros_alone() -> None:
    assert len({(row.table, plain_code(row.code)) for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(
    ("gateway", "code", "network_code", "network", "said"),
    [
        ("stripe", "insufficient_funds", "R01", Network.ACH, "R01"),
        ("nacha", "R08", None, Network.ACH, "R08"),
        ("nacha", "R08", None, Network.SEPA, None),
        ("iso8583", "51", None, Network.VISA, "51"),
        ("stripe", "insufficient_funds", None, Network.ACH, None),
        ("nacha", None, None, Network.ACH, None),
    ],
)
def test_a_schemes_own_code_is_known_however_the_refusal_came(
    gateway: str, code: str | None, network_code: str | None, network: Network, said: str | None
) -> None:
    assert scheme_code(classify(gateway, code, network_code, network=network), network) == said


@pytest.mark.parametrize(
    ("network", "payment_type", "code", "category"),
    [
        (Network.ACH, PaymentType.BANK_DEBIT, "R01", Category.INSUFFICIENT_FUNDS),
        (Network.OTHER, PaymentType.BANK_DEBIT, "R02", Category.ACCOUNT_CLOSED),
        (Network.SEPA, PaymentType.BANK_DEBIT, "AM04", Category.INSUFFICIENT_FUNDS),
        (Network.BACS, PaymentType.BANK_DEBIT, "arudd-1", Category.MANDATE_CANCELLED),
        (Network.AMEX, PaymentType.CARD, "200", Category.LOST_OR_STOLEN),
        (Network.AMEX, PaymentType.CARD, "51", Category.INSUFFICIENT_FUNDS),
        (Network.VISA, PaymentType.CARD, "R01", Category.UNKNOWN),
    ],
)
def test_a_schemes_code_is_read_in_the_tables_of_its_scheme(
    network: Network, payment_type: PaymentType, code: str, category: Category
) -> None:
    assert classify("anybody", "x", code, network=network, payment_type=payment_type).category is category


def test_a_customer_at_the_checkout_without_funds_must_do_something_a_later_charge_may_wait() -> None:
    at_the_checkout = classify("stripe", "insufficient_funds", initiator=Initiator.CUSTOMER)
    assert at_the_checkout.retryable is Retryable.AFTER_CUSTOMER_ACTION
    assert classify("stripe", "insufficient_funds").retryable is Retryable.YES


def test_a_fraud_signal_survives_a_harder_word_without_one() -> None:
    decline = classify("stripe", "stolen_card", advice_code="do_not_try_again")
    assert decline.fraud_signal


def test_a_code_is_known_to_a_gateway_or_not_whatever_it_means() -> None:
    assert in_tables("gocardless", "other")
    assert in_tables("iso8583", "5")
    assert not in_tables("stripe", "insuficient_funds")
    assert not in_tables("nobody", "insufficient_funds")


def test_a_slip_of_the_pen_is_told_the_nearest_codes() -> None:
    assert nearest("stripe", "insuficient_fund")[0] == "insufficient_funds"
    assert nearest("nobody", "insufficient_funds") == ()


signal = st.none() | st.text(max_size=12) | st.sampled_from([row.code for row in ROWS])


@given(st.text(max_size=8) | st.sampled_from(sorted(GATEWAY_TABLES)), signal, signal, signal, st.sampled_from(Network))
def test_whatever_comes_in_there_is_an_answer_as_hard_as_its_hardest_signal(
    gateway: str, code: str | None, network_code: str | None, advice: str | None, network: Network
) -> None:
    decline = classify(gateway, code, network_code, advice, network=network)
    assert decline.code == (code or "none")
    softer = [classify(gateway, code, network=network), classify("nobody", None, network_code, None, network=network)]
    if any(other.retryable is Retryable.NO for other in softer):
        assert decline.retryable is Retryable.NO
