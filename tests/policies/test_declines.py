import pytest

from policies.declines import (
    CODE_TABLES,
    STRIPE_CODES,
    TREATMENTS,
    Category,
    CustomerAction,
    Retryable,
    classify,
)


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


@pytest.mark.parametrize(("gateway", "code"), [(g, c) for g, table in CODE_TABLES.items() for c in table])
def test_every_code_of_the_tables_is_classified_as_its_row_says(gateway: str, code: str) -> None:
    decline = classify(gateway, code, network_code="51")
    assert decline.category is CODE_TABLES[gateway][code]
    assert decline.code == code
    assert decline.network_code == "51"
    assert decline.decided_by == f"{gateway} code {code}"
    treatment = TREATMENTS[decline.category]
    assert (decline.retryable, decline.customer_action, decline.fraud_signal) == (
        treatment.retryable,
        treatment.customer_action,
        treatment.fraud_signal,
    )


@pytest.mark.parametrize(("gateway", "code"), [("stripe", "brand_new_code"), ("adyen", "insufficient_funds")])
def test_an_unknown_code_keeps_its_raw_form(gateway: str, code: str) -> None:
    decline = classify(gateway, code)
    assert (decline.category, decline.code) == (Category.UNKNOWN, code)
    assert decline.decided_by == f"no row for {gateway} {code}"


@pytest.mark.parametrize("code", [None, ""])
def test_no_code_at_all_is_unknown(code: str | None) -> None:
    assert (classify("stripe", code).category, classify("stripe", code).code) == (Category.UNKNOWN, "none")


@pytest.mark.parametrize("code", [*STRIPE_CODES, "brand_new_code"])
def test_the_networks_advice_outranks_the_code(code: str) -> None:
    decline = classify("stripe", code, advice_code="do_not_try_again")
    assert decline.category is Category.RETRY_BLOCKED
    assert decline.retryable is Retryable.NO
    assert decline.code == code
    assert "advice_code" in decline.decided_by


@pytest.mark.parametrize("advice", ["try_again_later", "confirm_card_data"])
def test_other_advice_is_kept_and_decides_nothing(advice: str) -> None:
    decline = classify("stripe", "insufficient_funds", advice_code=advice)
    assert (decline.category, decline.advice_code) == (Category.INSUFFICIENT_FUNDS, advice)
