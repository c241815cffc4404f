"""What PayPal's webhooks say becomes what we say, whatever their version."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest

from activities.customers import ContactPoint
from activities.sources.contract import UNRESOLVED, Addressed, Lookup
from activities.sources.paypal_events import NOT_DUNNING
from policies.declines import classify
from policies.events import (
    DisputeClosed,
    DisputeOpened,
    Ignored,
    IgnoredBecause,
    MandateChanged,
    MethodChange,
    PaymentFailed,
    PaymentMethodChanged,
    PaymentSucceeded,
    SubscriptionCancelled,
    Unreadable,
)
from policies.instruments import Network
from policies.money import Money
from tests.activities.sources.paypal_signing import (
    SHAPES,
    SPEAKER,
)

EUROS = Money(amount_minor=2900, currency="EUR")


def normalise(event: Any) -> Any:
    return SPEAKER.normalise(json.dumps(event).encode(), "row-1")


def shape(name: str, kind: str | None = None, **fields: object) -> Any:
    """A fixture with another type or other fields of its resource; `...` removes a field."""
    event = deepcopy(SHAPES[name])
    event["event_type"] = kind or event["event_type"]
    for key, value in fields.items():
        event["resource"].pop(key, None)
        if value is not ...:
            event["resource"][key] = value
    return event


def billing(**fields: object) -> Any:
    event = shape("subscription_payment_failed")
    info = event["resource"]["billing_info"]
    for key, value in fields.items():
        info.pop(key, None)
        if value is not ...:
            info[key] = value
    return event


FAILED_AT = datetime(2026, 3, 2, 9, 58, 30, 120000, tzinfo=UTC)
FAILURE = PaymentFailed(
    event_id="row-1",
    happened_at=FAILED_AT,
    invoice_id="I-RCPSUB1",
    customer_id="RCPPAYER1",
    subscription_id="I-RCPSUB1",
    amount=EUROS,
    retries_at=datetime(2026, 3, 7, 10, tzinfo=UTC),
    decline=classify("paypal", "PAYER_CANNOT_PAY"),
)


def test_a_refused_renewal_carries_the_claim_the_reason_and_the_next_retry() -> None:
    answer = normalise(shape("subscription_payment_failed"))
    assert (answer.event, answer.lookup) == (FAILURE, None)
    assert answer.running_account, "the subscription goes on and may fail again after its claim was written off"


def test_failure_and_later_success_of_a_subscription_share_their_claim() -> None:
    answer = normalise(shape("sale_completed"))
    assert answer == Addressed(
        event=PaymentSucceeded(
            event_id="row-1",
            happened_at=datetime(2026, 3, 7, 10, 0, 40, tzinfo=UTC),
            invoice_id=FAILURE.invoice_id,
            paid=EUROS,
        ),
        one_payment=True,
        running_account=True,
    )


def test_without_an_outstanding_balance_the_refused_payment_is_owed() -> None:
    nothing = {"currency_code": "EUR", "value": "0.00"}
    for balance in (nothing, ..., None):
        assert normalise(billing(outstanding_balance=balance)).event.amount == EUROS
    assert normalise(billing(outstanding_balance=..., last_failed_payment=...)).event == FAILURE.model_copy(
        update={"amount": None, "retries_at": None, "decline": None}
    )


def test_a_first_payment_is_not_dunning() -> None:
    none_yet = [{"tenure_type": "REGULAR", "cycles_completed": 0}]
    first = normalise(billing(last_payment=..., cycle_executions=none_yet))
    assert first == Ignored(reason=IgnoredBecause.NOT_DUNNING, detail="first payment of a new subscription")
    for event in (
        billing(cycle_executions=none_yet),
        billing(last_payment=...),
        billing(last_payment=..., cycle_executions=...),
        billing(last_payment=..., cycle_executions=[]),
    ):
        assert normalise(event).event == FAILURE


def test_a_subscription_that_paypal_suspended_after_refusals_is_a_failure() -> None:
    event = shape("subscription_payment_failed", "BILLING.SUBSCRIPTION.SUSPENDED")
    assert normalise(event).event == FAILURE
    for count in (0, None, ...):
        quiet = billing(failed_payments_count=count) | {"event_type": "BILLING.SUBSCRIPTION.SUSPENDED"}
        assert isinstance(normalise(quiet), Ignored)


@pytest.mark.parametrize("kind", ["BILLING.SUBSCRIPTION.CANCELLED", "BILLING.SUBSCRIPTION.EXPIRED"])
def test_a_subscription_that_ended_is_looked_up_by_its_id(kind: str) -> None:
    assert normalise(shape("subscription_payment_failed", kind)) == Addressed(
        event=SubscriptionCancelled(event_id="row-1", happened_at=FAILED_AT, invoice_id=UNRESOLVED),
        lookup=Lookup(subscription_id="I-RCPSUB1"),
    )


@pytest.mark.parametrize(
    ("fields", "invoice_id", "lookup"),
    [
        ({}, "I-RCPSUB1", None),
        ({"invoice_number": "INV-7"}, "I-RCPSUB1", None),
        ({"billing_agreement_id": "B-RCP", "invoice_number": "INV-7"}, "INV-7", None),
        ({"billing_agreement_id": ..., "invoice_id": "INV-7"}, "INV-7", None),
        ({"billing_agreement_id": "B-RCP"}, UNRESOLVED, Lookup(payment_id="RCPSALE1")),
        ({"billing_agreement_id": ...}, UNRESOLVED, Lookup(payment_id="RCPSALE1")),
    ],
)
def test_the_claim_of_a_payment_is_its_subscription_else_its_invoice_else_it_is_looked_up(
    fields: Any, invoice_id: str, lookup: Lookup | None
) -> None:
    paid = normalise(shape("sale_completed", **fields))
    refused = normalise(shape("sale_completed", "PAYMENT.SALE.DENIED", **fields))
    for answer in (paid, refused):
        assert (answer.event.invoice_id, answer.lookup) == (invoice_id, lookup)
        assert answer.running_account is (invoice_id == "I-RCPSUB1")
    agreement = fields.get("billing_agreement_id", "I-RCPSUB1")
    assert refused.event.credential_id == (agreement if agreement is not ... else None)
    assert (refused.reference, paid.reference) == ("RCPSALE1", None)
    assert refused.event.subscription_id == (None if "billing_agreement_id" in fields else "I-RCPSUB1")


@pytest.mark.parametrize("kind", ["PAYMENT.CAPTURE.DECLINED", "PAYMENT.CAPTURE.DENIED"])
def test_a_refused_card_carries_the_processors_answer_and_the_networks_advice(kind: str) -> None:
    assert normalise(shape("capture_declined", kind)) == Addressed(
        event=PaymentFailed(
            event_id="row-1",
            happened_at=datetime(2026, 3, 8, 7, 30, tzinfo=UTC),
            invoice_id="INV-2026-7",
            amount=Money(amount_minor=2900, currency="JPY"),
            decline=classify("paypal", "5120", None, "02", network=Network.MASTERCARD),
        ),
        reference="RCPCAPTURE1",
    )


@pytest.mark.parametrize(
    ("fields", "code", "advice"),
    [
        ({"processor_response": {"response_code": "0500", "advice_code": "03_DO_NOT_TRY_AGAIN"}}, "0500", "03"),
        ({"processor_response": ..., "status_details": {"reason": "INSTRUMENT_DECLINED"}}, "INSTRUMENT_DECLINED", None),
        ({"processor_response": ..., "reason_code": "PAYER_CANNOT_PAY"}, "PAYER_CANNOT_PAY", None),
        ({"processor_response": {"response_code": "not a code"}}, None, None),
        ({"processor_response": ...}, None, None),
    ],
)
def test_the_reason_of_a_refusal_is_read_where_it_stands(fields: Any, code: str | None, advice: str | None) -> None:
    decline = normalise(shape("capture_declined", **fields)).event.decline
    expected = classify("paypal", code, None, advice, network=Network.MASTERCARD) if code else None
    assert decline == expected


@pytest.mark.parametrize("kind", ["PAYMENT.CAPTURE.COMPLETED", "PAYMENT.CAPTURE.DECLINED"])
def test_a_capture_that_carries_a_key_of_ours_settles_that_attempt(kind: str) -> None:
    key = "att_" + "0123456789" * 4
    ours = normalise(shape("capture_declined", kind, custom_id=key))
    assert (ours.attempt_key, ours.reference) == (key, SHAPES["capture_declined"]["resource"]["id"])
    for mark in (..., "", "order-7", key.upper(), key + "0", 7):
        theirs = normalise(shape("capture_declined", kind, custom_id=mark))
        assert theirs.attempt_key is None


def test_the_completed_capture_of_an_invoice_pays_it() -> None:
    event = normalise(shape("capture_declined", "PAYMENT.CAPTURE.COMPLETED")).event
    assert (event.invoice_id, event.paid) == ("INV-2026-7", Money(amount_minor=2900, currency="JPY"))


@pytest.mark.parametrize(("final", "one"), [(False, True), (True, False), (..., False)])
def test_a_capture_that_is_not_the_last_one_pays_a_part(final: object, one: bool) -> None:
    answer = normalise(shape("capture_declined", "PAYMENT.CAPTURE.COMPLETED", final_capture=final))
    assert (answer.one_payment, answer.running_account) == (one, False)


@pytest.mark.parametrize(("agreement", "one"), [("I-RCPSUB1", True), ("B-RCP", False), (..., False)])
def test_a_payment_for_a_subscription_does_not_say_what_else_is_owed(agreement: object, one: bool) -> None:
    assert normalise(shape("sale_completed", billing_agreement_id=agreement)).one_payment is one


def test_a_refused_payment_of_nothing_is_not_dunning() -> None:
    nothing = {"currency_code": "EUR", "value": "0"}
    assert isinstance(normalise(shape("capture_declined", amount=nothing)), Ignored)


DISPUTE_AT = datetime(2026, 3, 9, 12, tzinfo=UTC)


@pytest.mark.parametrize("kind", ["CUSTOMER.DISPUTE.CREATED", "CUSTOMER.DISPUTE.UPDATED", "RISK.DISPUTE.CREATED"])
def test_a_dispute_is_looked_up_by_the_payment_it_takes_back(kind: str) -> None:
    assert normalise(shape("dispute_created", kind)) == Addressed(
        event=DisputeOpened(event_id="row-1", happened_at=DISPUTE_AT, invoice_id=UNRESOLVED, dispute_id="RCPSALE1"),
        lookup=Lookup(payment_id="RCPSALE1"),
    )


def test_an_inquiry_is_no_dispute_and_one_that_is_over_is_told_by_its_outcome() -> None:
    assert "inquiry" in normalise(shape("dispute_created", dispute_life_cycle_stage="INQUIRY")).detail
    assert "over" in normalise(shape("dispute_created", "CUSTOMER.DISPUTE.UPDATED", status="RESOLVED")).detail


@pytest.mark.parametrize(
    ("outcome", "won"),
    [
        ("RESOLVED_SELLER_FAVOUR", True),
        ("RESOLVED_WITH_PAYOUT", True),
        ("CANCELED_BY_BUYER", True),
        ("DENIED", True),
        ("RESOLVED_BUYER_FAVOUR", False),
        ("ACCEPTED", False),
        ("SOMETHING_NEW", False),
    ],
)
def test_a_dispute_is_won_when_the_money_stays(outcome: str, won: bool) -> None:
    fields = {"status": "RESOLVED", "dispute_outcome": {"outcome_code": outcome}}
    answer = normalise(shape("dispute_created", "CUSTOMER.DISPUTE.RESOLVED", **fields))
    assert answer.event == DisputeClosed(
        event_id="row-1", happened_at=DISPUTE_AT, invoice_id=UNRESOLVED, dispute_id="RCPSALE1", won=won
    )
    assert answer.lookup == Lookup(payment_id="RCPSALE1")


def test_a_dispute_that_gave_way_to_another_one_is_not_over() -> None:
    fields = {"status": "RESOLVED", "dispute_outcome": {"outcome_code": "NONE"}}
    answer = normalise(shape("dispute_created", "CUSTOMER.DISPUTE.RESOLVED", **fields))
    assert isinstance(answer, Ignored)
    assert "without a decision" in answer.detail


def method(change: MethodChange, customer_id: str | None = "RCPPAYER1") -> PaymentMethodChanged:
    return PaymentMethodChanged(
        event_id="row-1",
        happened_at=datetime(2026, 3, 10, 8, tzinfo=UTC),
        invoice_id=UNRESOLVED,
        customer_id=customer_id,
        change=change,
        credential_id="rcpvault1",
    )


def test_a_new_way_to_pay_is_news_for_its_customer() -> None:
    added = method(MethodChange.ADDED)
    by_customer = Lookup(customer_id="RCPPAYER1")
    assert normalise(shape("vault_token_created")) == Addressed(event=added, lookup=by_customer)
    older = shape("vault_token_created", "VAULT.CREDIT-CARD.CREATED", customer=..., external_customer_id="RCPPAYER1")
    assert normalise(older) == Addressed(event=added, lookup=by_customer)
    nobody = normalise(shape("vault_token_created", customer=...))
    assert nobody == Addressed(event=method(MethodChange.ADDED, None), lookup=Lookup(credential_id="rcpvault1"))


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("VAULT.PAYMENT-TOKEN.DELETED", MethodChange.REMOVED),
        ("VAULT.CREDIT-CARD.DELETED", MethodChange.REMOVED),
        ("VAULT.CREDIT-CARD.UPDATED", MethodChange.UPDATED),
    ],
)
def test_a_way_to_pay_that_changed_is_news_for_the_cases_that_use_it(kind: str, change: MethodChange) -> None:
    answer = normalise(shape("vault_token_created", kind))
    assert answer == Addressed(event=method(change), lookup=Lookup(credential_id="rcpvault1"))


def test_a_cancelled_agreement_ends_a_mandate() -> None:
    assert normalise(shape("agreement_cancelled")) == Addressed(
        event=MandateChanged(
            event_id="row-1",
            happened_at=datetime(2026, 3, 11, 8, tzinfo=UTC),
            invoice_id=UNRESOLVED,
            mandate_id="B-RCPAGREEMENT",
            active=False,
        ),
        lookup=Lookup(credential_id="B-RCPAGREEMENT"),
    )


def test_who_subscribed_goes_to_the_directory() -> None:
    said = normalise(shape("subscription_payment_failed")).customer.said
    assert (said.name, said.country, said.postal_code) == ("Ada Example", "DE", "10115")
    assert said.email == ContactPoint(address="ada@example.com")


def test_no_personal_data_is_in_any_event() -> None:
    for name in SHAPES:
        told = normalise(shape(name)).event.model_dump_json().lower()
        assert not any(word in told for word in ("ada", "example", "@", "10115"))


@pytest.mark.parametrize("kind", sorted(NOT_DUNNING))
def test_types_that_say_nothing_are_ignored_with_a_reason(kind: str) -> None:
    answer = normalise({"id": "WH-1", "event_type": kind})
    assert answer == Ignored(reason=IgnoredBecause.NOT_DUNNING, detail=NOT_DUNNING[kind])


def test_an_unknown_type_is_ignored_by_name() -> None:
    answer = normalise({"id": "WH-1", "event_type": "MERCHANT.ONBOARDING.COMPLETED"})
    assert answer == Ignored(
        reason=IgnoredBecause.UNKNOWN_TYPE, detail="'MERCHANT.ONBOARDING.COMPLETED' is no type we act on"
    )


@pytest.mark.parametrize(
    ("name", "fields", "field"),
    [
        ("subscription_payment_failed", {"id": ...}, "resource.id"),
        ("subscription_payment_failed", {"id": "4111111111111111"}, "resource.id"),
        ("sale_completed", {"amount": ...}, "resource.amount"),
        ("sale_completed", {"amount": {"total": "much", "currency": "EUR"}}, "resource.amount.total"),
        ("sale_completed", {"amount": {"total": "29.00"}}, "resource.amount.currency"),
        ("sale_completed", {"amount": {"total": "29.00", "currency": "euro"}}, "resource.amount.currency"),
        ("sale_completed", {"billing_agreement_id": ..., "id": ...}, "resource.id"),
        ("capture_declined", {"invoice_id": "No. 7 / 2026"}, "resource.invoice_id"),
        ("dispute_created", {"disputed_transactions": []}, "resource.disputed_transactions"),
        (
            "dispute_created",
            {"disputed_transactions": [{"buyer": {}}]},
            "resource.disputed_transactions.0.seller_transaction_id",
        ),
        ("vault_token_created", {"id": ...}, "resource.id"),
        ("agreement_cancelled", {"id": ...}, "resource.id"),
    ],
)
def test_a_field_that_we_need_and_cannot_read_is_named(name: str, fields: Any, field: str) -> None:
    answer = normalise(shape(name, **fields))
    assert isinstance(answer, Unreadable)
    assert answer.field == field
    assert "4111111111111111" not in answer.reason


@pytest.mark.parametrize("changed", [{"create_time": None}, {"create_time": "soon"}, {"resource": None}])
def test_an_envelope_without_time_or_resource_is_unreadable(changed: Any) -> None:
    answer = normalise(SHAPES["sale_completed"] | changed)
    assert isinstance(answer, Unreadable)
    assert answer.field == next(iter(changed))
