"""What `data` of the generic source may hold: everything our own events can, strictly spelled."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from activities.customers import ContactPoint, Customer
from activities.sources.contract import UNRESOLVED, Addressed, Lookup
from activities.sources.customer_news import CustomerNews
from activities.sources.generic_data import DATA, json_schema
from policies.declines import Category, classify
from policies.events import (
    ActionRequired,
    CustomerChanged,
    DisputeClosed,
    DisputeOpened,
    FraudWarning,
    Ignored,
    InvoiceVoided,
    MandateChanged,
    MethodChange,
    PaymentFailed,
    PaymentMethodChanged,
    PaymentSucceeded,
    SourceEvent,
    SubscriptionCancelled,
    Unreadable,
)
from policies.instruments import Network, PaymentType
from policies.money import Money
from tests.activities.sources.speaking import NOW
from tests.activities.sources.test_generic import event, normalise

CARD = "4242424242424242"
EUR_19 = Money(amount_minor=1900, currency="EUR")
AMOUNT = {"amount_minor": 1900, "currency": "EUR"}
STAMP: dict[str, Any] = {"event_id": "row-1", "happened_at": NOW}
CLAIM: dict[str, Any] = {**STAMP, "invoice_id": "inv-1"}

TOLD: dict[str, tuple[dict[str, Any], SourceEvent]] = {
    "payment_failed": (
        {
            "invoice_id": "inv-1",
            "customer_id": "cust-1",
            "subscription_id": "sub-1",
            "credential_id": "card-1",
            "version": 3,
            "amount": AMOUNT,
            "retries_at": "2026-03-04T12:00:00+02:00",
            "retries_itself": True,
            "decline": {"gateway": "stripe", "code": "insufficient_funds", "network_code": "51", "network": "visa"},
        },
        PaymentFailed(
            **CLAIM,
            version=3,
            customer_id="cust-1",
            subscription_id="sub-1",
            credential_id="card-1",
            amount=EUR_19,
            retries_at=datetime(2026, 3, 4, 10, tzinfo=UTC),
            retries_itself=True,
            decline=classify("stripe", "insufficient_funds", "51", network=Network.VISA),
        ),
    ),
    "action_required": (
        {"invoice_id": "inv-1", "amount": AMOUNT, "subscription_id": "sub-1"},
        ActionRequired(**CLAIM, amount=EUR_19, subscription_id="sub-1"),
    ),
    "payment_succeeded": (
        {
            "invoice_id": "inv-1",
            "paid": {"amount_minor": 1000, "currency": "EUR"},
            "remaining": {"amount_minor": 900, "currency": "EUR"},
            "out_of_band": True,
        },
        PaymentSucceeded(
            **CLAIM,
            paid=Money(amount_minor=1000, currency="EUR"),
            remaining=Money(amount_minor=900, currency="EUR"),
            out_of_band=True,
        ),
    ),
    "invoice_voided": ({"invoice_id": "inv-1"}, InvoiceVoided(**CLAIM)),
    "subscription_cancelled": ({"invoice_id": "inv-1"}, SubscriptionCancelled(**CLAIM)),
    "dispute_opened": ({"invoice_id": "inv-1", "dispute_id": "dp-1"}, DisputeOpened(**CLAIM, dispute_id="dp-1")),
    "dispute_closed": (
        {"invoice_id": "inv-1", "dispute_id": "dp-1", "won": False},
        DisputeClosed(**CLAIM, dispute_id="dp-1", won=False),
    ),
    "fraud_warning": ({"invoice_id": "inv-1", "signal": "stolen_card"}, FraudWarning(**CLAIM, signal="stolen_card")),
    "payment_method_changed": (
        {"invoice_id": "inv-1", "change": "added", "credential_id": "card-2"},
        PaymentMethodChanged(**CLAIM, change=MethodChange.ADDED, credential_id="card-2"),
    ),
    "mandate_changed": (
        {"invoice_id": "inv-1", "mandate_id": "md-1", "active": True, "replaced_by": "md-2"},
        MandateChanged(**CLAIM, mandate_id="md-1", active=True, replaced_by="md-2"),
    ),
    "customer_changed": (
        {"invoice_id": "inv-1", "customer": {"id": "cust-1"}},
        CustomerChanged(**CLAIM, customer_id="cust-1"),
    ),
}


def said(kind: str, data: dict[str, Any]) -> Any:
    return normalise(event(f"recoup.{kind}", data))


def refusal(kind: str, data: dict[str, Any]) -> Unreadable:
    answer = said(kind, data)
    assert isinstance(answer, Unreadable), answer
    assert CARD not in answer.reason
    return answer


@pytest.mark.parametrize("kind", DATA)
def test_each_kind_becomes_the_event_of_its_name(kind: str) -> None:
    data, expected = TOLD[kind]
    assert said(kind, data) == Addressed(event=expected)


def leaves(model: type[SourceEvent]) -> list[type[SourceEvent]]:
    below = model.__subclasses__()
    return [leaf for each in below for leaf in leaves(each)] if below else [model]


def test_every_event_of_our_vocabulary_can_be_told_with_every_field() -> None:
    told = {model.model_fields["kind"].default: model for model in leaves(SourceEvent)}
    assert told.keys() == DATA.keys()
    for kind, model in told.items():
        ours = {*DATA[kind].model_fields, "kind", "event_id", "happened_at"}
        assert model.model_fields.keys() <= ours, kind


# How the claim is found


@pytest.mark.parametrize(
    ("kind", "data", "lookup"),
    [
        (
            "invoice_voided",
            {"payment_id": "pay-1", "subscription_id": "s", "customer_id": "c"},
            {"payment_id": "pay-1"},
        ),
        ("subscription_cancelled", {"subscription_id": "sub-1", "customer_id": "c"}, {"subscription_id": "sub-1"}),
        ("payment_failed", {"customer_id": "cust-1", "credential_id": "card-1"}, {"customer_id": "cust-1"}),
        ("customer_changed", {"customer": {"id": "cust-1"}}, {"customer_id": "cust-1"}),
        ("payment_method_changed", {"change": "removed", "credential_id": "card-1"}, {"credential_id": "card-1"}),
        ("mandate_changed", {"mandate_id": "md-1", "active": False}, {"credential_id": "md-1"}),
        (
            "payment_method_changed",
            {"change": "added", "credential_id": "card-2", "customer_id": "cust-1"},
            {"customer_id": "cust-1"},
        ),
    ],
)
def test_an_event_that_names_no_invoice_is_looked_up_by_what_is_nearest(
    kind: str, data: dict[str, Any], lookup: dict[str, str]
) -> None:
    answer = said(kind, data)
    assert (answer.event.invoice_id, answer.lookup) == (UNRESOLVED, Lookup(**lookup))


@pytest.mark.parametrize("kind", ["payment_failed", "payment_succeeded", "invoice_voided"])
def test_an_event_about_nothing_is_refused(kind: str) -> None:
    assert "write invoice_id" in refusal(kind, {"version": 1}).reason


# Amounts and declines


def test_a_claim_of_nothing_opens_no_case() -> None:
    for kind in ("payment_failed", "action_required"):
        answer = said(kind, {"invoice_id": "inv-1", "amount": {"amount_minor": 0, "currency": "EUR"}})
        assert isinstance(answer, Ignored)
        assert "nothing is owed" in answer.detail


@pytest.mark.parametrize(
    ("decline", "category"),
    [
        ({"code": "my_own_word"}, Category.UNKNOWN),
        ({"gateway": "adyen", "code": "12", "network_code": "51"}, Category.INSUFFICIENT_FUNDS),
        ({"network_code": "R01", "payment_type": "bank_debit"}, Category.INSUFFICIENT_FUNDS),
        ({"network_code": "AC04", "network": "sepa"}, Category.ACCOUNT_CLOSED),
        ({"gateway": "stripe", "code": "card_declined", "advice_code": "do_not_try_again"}, Category.RETRY_BLOCKED),
    ],
)
def test_a_decline_is_looked_up_in_the_tables_of_whoever_said_it(decline: dict[str, str], category: Category) -> None:
    found = said("payment_failed", {"invoice_id": "inv-1", "decline": decline}).event.decline
    assert found.category is category
    assert found.gateway == decline.get("gateway", "generic")


def test_a_mandate_that_ended_says_why() -> None:
    decline = {"gateway": "gocardless", "code": "bank_account_closed", "payment_type": PaymentType.BANK_DEBIT}
    answer = said("mandate_changed", {"mandate_id": "md-1", "active": False, "decline": decline})
    assert answer.event.decline.category is Category.ACCOUNT_CLOSED


# Customers


def test_a_customer_is_news_for_the_directory() -> None:
    customer = {
        "id": "cust-1",
        "name": "Ada Example",
        "email": "ada@example.com",
        "phone": "+4930123456",
        "country": "DE",
        "subdivision": "BE",
        "postal_code": "10115",
        "zone": "Europe/Berlin",
        "locale": "de-AT",
        "segment": "enterprise",
        "since": "2020-01-01T00:00:00Z",
        "tags": ["vip", "beta"],
    }
    answer = said("payment_failed", {"invoice_id": "inv-1", "customer": customer})
    assert answer.event.customer_id == "cust-1"
    assert answer.customer == CustomerNews(
        customer_id="cust-1",
        said=Customer(
            name="Ada Example",
            email=ContactPoint(address="ada@example.com"),
            sms=ContactPoint(address="+4930123456"),
            country="DE",
            subdivision="BE",
            postal_code="10115",
            zone="Europe/Berlin",
            locale="de_AT",
            segment="enterprise",
            since=datetime(2020, 1, 1, tzinfo=UTC),
            tags=("vip", "beta"),
        ),
    )
    for personal in ("Ada", "example.com", "4930", "10115"):
        assert personal not in answer.event.model_dump_json()


def test_no_event_is_held_up_by_an_address() -> None:
    customer = {"id": "cust-1", "name": "Ada", "country": "Germany", "zone": "Mars/Olympus", "locale": "klingon"}
    answer = said("payment_failed", {"invoice_id": "inv-1", "customer": customer})
    assert answer.customer == CustomerNews(customer_id="cust-1", said=Customer(name="Ada"))


def test_two_customers_in_one_event_are_refused() -> None:
    answer = refusal("invoice_voided", {"invoice_id": "inv-1", "customer_id": "a", "customer": {"id": "b"}})
    assert "customer_id and customer.id differ" in answer.reason


# Strictness


@pytest.mark.parametrize(
    ("kind", "fields", "field", "says"),
    [
        ("payment_failed", {"amout": AMOUNT}, "data", "has no field 'amout'; did you mean amount?"),
        ("payment_failed", {CARD: 1}, "data", "digits that look like a card number"),
        ("payment_failed", {"amount": {**AMOUNT, "curency": 1}}, "data.amount", "did you mean currency?"),
        ("payment_failed", {"decline": {"kode": "51"}}, "data.decline", "did you mean code?"),
        ("payment_failed", {"customer": {"id": "a", "mail": "a@b"}}, "data.customer", "did you mean email?"),
        (
            "payment_failed",
            {"amount": {**AMOUNT, "amount_minor": "1900"}},
            "data.amount.amount_minor",
            "integer",
        ),
        (
            "payment_failed",
            {"amount": {**AMOUNT, "amount_minor": 19.5}},
            "data.amount.amount_minor",
            "integer",
        ),
        (
            "payment_failed",
            {"amount": {**AMOUNT, "amount_minor": True}},
            "data.amount.amount_minor",
            "integer",
        ),
        ("payment_failed", {"amount": {"amount_minor": -1, "currency": "EUR"}}, "data.amount.amount_minor", "greater"),
        ("payment_failed", {"amount": {"amount_minor": 10**400, "currency": "EUR"}}, "data.amount.amount_minor", ""),
        ("payment_failed", {"amount": {"amount_minor": 1, "currency": "eur"}}, "data.amount.currency", "ISO 4217"),
        ("payment_failed", {"amount": {"amount_minor": 1}}, "data.amount.currency", "required"),
        ("payment_failed", {"amount": 1900}, "data.amount", "object"),
        ("payment_failed", {"retries_at": "2026-03-04T12:00:00"}, "data.retries_at", "timezone"),
        ("payment_failed", {"retries_at": 1772445600}, "data.retries_at", ""),
        ("payment_failed", {"retries_at": "0001-01-01T00:00:00+14:00"}, "data.retries_at", "2000 to 2100"),
        ("payment_failed", {"retries_at": "9999-12-31T23:59:59-14:00"}, "data.retries_at", "2000 to 2100"),
        ("payment_failed", {"retries_itself": "yes"}, "data.retries_itself", "boolean"),
        ("payment_failed", {"decline": {}}, "data.decline", "says nothing"),
        ("payment_failed", {"decline": {"code": "51", "network": "vsa"}}, "data.decline.network", "visa"),
        ("payment_failed", {"decline": {"code": "no code!"}}, "data.decline.code", "pattern"),
        ("payment_failed", {"decline": {"code": CARD}}, "data.decline.code", "card number"),
        ("payment_failed", {"invoice_id": CARD}, "data.invoice_id", "card number"),
        ("payment_failed", {"invoice_id": "inv/1"}, "data.invoice_id", "pattern"),
        ("payment_failed", {"invoice_id": "inv-1\n"}, "data.invoice_id", "pattern"),
        ("payment_failed", {"invoice_id": 7}, "data.invoice_id", "string"),
        ("payment_failed", {"invoice_id": "\ud800"}, "data", "JSON"),
        ("payment_failed", {"customer": {"id": "a", "phone": "030 123"}}, "data.customer.phone", "pattern"),
        ("payment_failed", {"customer": {"id": "a", "name": "two\nlines"}}, "data.customer.name", "pattern"),
        (
            "payment_failed",
            {"customer": {"id": "a", "since": "0001-01-01T00:00:00+14:00"}},
            "data.customer.since",
            "2100",
        ),
        ("payment_failed", {"version": -1}, "data.version", "greater"),
        ("payment_failed", {"version": 2**60}, "data.version", "less"),
        ("dispute_opened", {}, "data.dispute_id", "required"),
        ("dispute_closed", {"dispute_id": "dp-1"}, "data.won", "required"),
        ("fraud_warning", {"signal": "two words"}, "data.signal", "pattern"),
        ("payment_method_changed", {"change": "new"}, "data.change", "'added'"),
        ("mandate_changed", {"mandate_id": "md-1", "active": 1}, "data.active", "boolean"),
        ("customer_changed", {}, "data.customer", "required"),
    ],
)
def test_what_is_spelled_wrong_is_named(kind: str, fields: dict[Any, Any], field: str, says: str) -> None:
    answer = refusal(kind, {"invoice_id": "inv-1", **fields})
    assert answer.field == field
    assert says in answer.reason


def test_the_schema_on_the_page_is_current() -> None:
    path = Path(__file__).parents[3] / "docs" / "sources" / "generic.schema.json"
    wanted = json.dumps(json_schema(), indent=2) + "\n"
    assert path.read_text() == wanted, f"write {path.name} anew with json_schema() of generic_data.py"


def test_the_schema_knows_every_kind_and_forbids_unknown_fields() -> None:
    schema = json_schema()
    assert len(schema["allOf"]) == len(DATA)
    for model in DATA.values():
        assert schema["$defs"][model.__name__]["additionalProperties"] is False
