"""Recurly's JSON notifications: names of objects, and nothing else."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from activities.sources.contract import UNRESOLVED, Addressed, Lookup
from activities.sources.recurly import RecurlySpeaker
from activities.sources.recurly_json import JSON_HANDLERS
from policies.events import (
    CustomerChanged,
    Ignored,
    IgnoredBecause,
    InvoiceVoided,
    MethodChange,
    PaymentFailed,
    PaymentMethodChanged,
    PaymentSucceeded,
    SubscriptionCancelled,
    Unreadable,
)

SPEAKER = RecurlySpeaker()
AT = datetime(2026, 3, 2, 9, 59, 30, tzinfo=UTC)
PAYMENT, SUBSCRIPTION = "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "5ub5c21b7100000000000000000000a1"


def said(kind: str, **fields: Any) -> Any:
    object_type, _, event_type = kind.partition(".")
    body = {
        "id": "bi0made0up",
        "object_type": object_type,
        "site_id": "made0up0site",
        "event_type": event_type,
        "event_time": "2026-03-02T09:59:30Z",
        **fields,
    }
    return SPEAKER.normalise(json.dumps(body).encode(), "row-1")


def told(kind: str, **fields: Any) -> Addressed:
    answer = said(kind, **fields)
    assert isinstance(answer, Addressed), answer
    assert answer.customer is None, "JSON tells nothing of a person"
    assert not answer.undated
    return answer


def about(invoice_id: str = UNRESOLVED, customer_id: str | None = None) -> dict[str, Any]:
    return {"event_id": "row-1", "happened_at": AT, "invoice_id": invoice_id, "customer_id": customer_id}


def test_a_failed_payment_is_looked_up() -> None:
    answer = told("payment.failed", uuid=PAYMENT)
    assert answer == Addressed(event=PaymentFailed(**about()), lookup=Lookup(payment_id=PAYMENT))


@pytest.mark.parametrize("kind", ["dunning_event.created", "charge_invoice.past_due", "invoice.past_due"])
@pytest.mark.parametrize(("number", "invoice_id"), [(1007, "1007"), ("1007", "1007"), ("FR1007", "FR1007")])
def test_an_invoice_that_is_due_is_named_by_its_number(kind: str, number: Any, invoice_id: str) -> None:
    assert told(kind, invoice_number=number) == Addressed(event=PaymentFailed(**about(invoice_id)))


def test_a_failed_invoice_is_given_up() -> None:
    assert told("charge_invoice.failed", invoice_number=1007) == Addressed(event=InvoiceVoided(**about("1007")))


def test_a_paid_invoice_is_paid_however_much_that_was() -> None:
    assert told("charge_invoice.paid", invoice_number=1007) == Addressed(event=PaymentSucceeded(**about("1007")))


@pytest.mark.parametrize("kind", ["payment.succeeded", "invoice.closed"])
def test_what_may_be_a_part_of_it_or_no_payment_at_all_settles_nothing(kind: str) -> None:
    answer = said(kind, invoice_number=1007, uuid=PAYMENT)
    assert isinstance(answer, Ignored)
    assert answer.reason is IgnoredBecause.NOT_DUNNING
    assert "charge_invoice.paid does" in answer.detail or "whether the invoice was closed as paid" in answer.detail


def test_an_expired_subscription_ends_the_claim_and_a_cancelled_one_goes_on() -> None:
    answer = told("subscription.expired", uuid=SUBSCRIPTION)
    assert answer == Addressed(event=SubscriptionCancelled(**about()), lookup=Lookup(subscription_id=SUBSCRIPTION))
    cancelled = said("subscription.canceled", uuid=SUBSCRIPTION)
    assert isinstance(cancelled, Ignored)
    assert "will not renew" in cancelled.detail


def test_new_billing_details_are_looked_up_by_the_account() -> None:
    assert told("billing_info.updated", account_code="acct-7") == Addressed(
        event=PaymentMethodChanged(**about(customer_id="acct-7"), change=MethodChange.UPDATED),
        lookup=Lookup(customer_id="acct-7"),
    )


def test_where_the_accounts_code_is_an_address_the_billing_info_finds_the_claims() -> None:
    answer = told("billing_info.updated", account_code="ada@example.com")
    assert answer == Addressed(
        event=PaymentMethodChanged(**about(), change=MethodChange.UPDATED, credential_id="bi0made0up"),
        lookup=Lookup(credential_id="bi0made0up"),
    )
    assert "ada" not in answer.model_dump_json()


@pytest.mark.parametrize("kind", ["account.created", "account.updated"])
def test_a_changed_account_is_named(kind: str) -> None:
    assert told(kind, account_code="acct-7") == Addressed(event=CustomerChanged(**about(customer_id="acct-7")))


@pytest.mark.parametrize(
    ("kind", "fields", "field"),
    [
        ("payment.failed", {}, "uuid"),
        ("payment.failed", {"uuid": PAYMENT, "event_time": 1764547200}, "event_time"),
        ("payment.failed", {"uuid": PAYMENT, "event_time": "soon"}, "event_time"),
        ("charge_invoice.past_due", {}, "invoice_number"),
        ("charge_invoice.past_due", {"invoice_number": True}, "invoice_number"),
        ("charge_invoice.past_due", {"invoice_number": 4111111111111111}, "invoice_number"),
        ("charge_invoice.failed", {"invoice_number": 10.5}, "invoice_number"),
        ("subscription.expired", {"uuid": "a b"}, "uuid"),
        ("account.updated", {"account_code": "ada@example.com"}, "account_code"),
    ],
)
def test_what_should_have_become_a_fact_and_cannot_names_the_field(kind: str, fields: Any, field: str) -> None:
    answer = said(kind, **fields)
    assert isinstance(answer, Unreadable), answer
    assert answer.field == field
    assert "ada@" not in answer.reason
    assert "4111" not in answer.reason


@pytest.mark.parametrize(
    "kind", ["charge_invoice.created", "payment.voided", "item.created", "shipping_address.updated"]
)
def test_other_kinds_are_ignored_by_name(kind: str) -> None:
    assert said(kind) == Ignored(reason=IgnoredBecause.UNKNOWN_TYPE, detail=f"'{kind}' is no type we act on")


def test_every_kind_we_act_on_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "sources" / "recurly.md").read_text(encoding="utf-8")
    assert [kind for kind in JSON_HANDLERS if f"`{kind}`" not in text] == []
