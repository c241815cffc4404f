"""Events of Paddle Billing become what we say; what others recorded becomes what one reads in it."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from activities.customers import ContactPoint, Customer
from activities.sources.contract import UNRESOLVED, Addressed, Lookup
from activities.sources.customer_news import CustomerNews
from activities.sources.paddle import PaddleSpeaker
from activities.sources.paddle_billing import HANDLERS
from activities.sources.reading import not_dunning, unknown_type
from policies.declines import Category, classify
from policies.events import (
    ActionRequired,
    CustomerChanged,
    DisputeClosed,
    DisputeOpened,
    FraudWarning,
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
from policies.instruments import Network
from policies.money import Money
from tests.activities.sources.speaking import recorded

SPEAKER = PaddleSpeaker()
FIXTURES = Path(__file__).parent / "fixtures" / "paddle"
SHAPES = {
    path.stem: json.loads(path.read_bytes()) for path in sorted(FIXTURES.glob("*.json")) if "classic" not in path.name
}
AT = datetime(2026, 3, 2, 9, 59, 0, 250000, UTC)
CARD = "4242424242424242"


def stamp(at: datetime = AT, invoice_id: str = UNRESOLVED) -> dict[str, Any]:
    return {"event_id": "row-1", "happened_at": at, "invoice_id": invoice_id}


def shape(name: str, kind: str | None = None, /, **fields: object) -> Any:
    """A fixture with another type or other fields of its data; `...` removes a field."""
    event = deepcopy(SHAPES[name])
    event["event_type"] = kind or event["event_type"]
    for key, value in fields.items():
        event["data"].pop(key, None)
        if value is not ...:
            event["data"][key] = value
    return event


def normalise(event: Any) -> Any:
    return SPEAKER.normalise(json.dumps(event).encode(), "row-1")


def ignored(event: Any) -> str:
    answer = normalise(event)
    assert isinstance(answer, Ignored), answer
    assert answer.reason is IgnoredBecause.NOT_DUNNING
    return answer.detail


# Transactions


@pytest.mark.parametrize("kind", ["transaction.past_due", "transaction.payment_failed"])
def test_a_transaction_that_was_not_paid_is_a_failure_of_that_transaction(kind: str) -> None:
    assert normalise(shape("transaction_past_due", kind)) == Addressed(
        event=PaymentFailed(
            **stamp(invoice_id="txn_rcp1"),
            customer_id="ctm_rcp1",
            subscription_id="sub_rcp1",
            credential_id="paymtd_rcp2",
            amount=Money(amount_minor=1900, currency="EUR"),
            retries_itself=True,
            decline=classify("paddle", "not_enough_balance", network=Network.MASTERCARD),
        )
    )


def test_the_latest_attempt_says_why_in_whatever_order_they_stand() -> None:
    event = shape("transaction_past_due")
    event["data"]["payments"].reverse()
    assert normalise(event).event.decline.code == "not_enough_balance"


def test_a_word_that_no_table_knows_keeps_its_raw_form() -> None:
    decline = normalise(shape("transaction_past_due", payments=[{"error_code": "brand_new"}])).event.decline
    assert (decline.category, decline.code) == (Category.UNKNOWN, "brand_new")


def test_the_word_for_a_refusal_says_what_it_means() -> None:
    decline = normalise(shape("transaction_past_due")).event.decline
    assert (decline.category, decline.code) == (Category.INSUFFICIENT_FUNDS, "not_enough_balance")


@pytest.mark.parametrize("payments", [[], None, ..., [{}], [{"error_code": None}], ["x"], [{"error_code": "no code!"}]])
def test_a_failure_without_a_readable_attempt_is_still_a_failure(payments: object) -> None:
    event = normalise(shape("transaction_past_due", payments=payments)).event
    assert (event.decline, event.credential_id) == (None, None)


def test_a_payment_that_waits_for_the_customer_is_action_required() -> None:
    payments = [{"status": "action_required", "payment_method_id": "paymtd_1", "error_code": None}]
    event = normalise(shape("transaction_past_due", payments=payments)).event
    assert isinstance(event, ActionRequired)
    assert (event.invoice_id, event.credential_id) == ("txn_rcp1", "paymtd_1")


@pytest.mark.parametrize(
    ("origin", "status", "says"),
    [
        ("web", "ready", "a checkout that is not finished ('ready', origin 'web')"),
        ("api", "draft", "a checkout that is not finished ('draft', origin 'api')"),
        ("subscription_payment_method_change", "billed", "changing the way to pay"),
        (None, "ready", "a checkout that is not finished ('ready', origin null)"),
    ],
)
def test_a_checkout_is_no_dunning(origin: str | None, status: str, says: str) -> None:
    assert says in ignored(shape("transaction_past_due", origin=origin, status=status))


@pytest.mark.parametrize(
    ("origin", "status", "retries"),
    [
        ("web", "past_due", False),
        ("api", "billed", False),
        ("subscription_charge", "ready", False),
        ("subscription_update", "billed", False),
        ("subscription_recurring", "billed", True),
    ],
)
def test_what_is_billed_or_collected_without_the_customer_is_dunning(origin: str, status: str, retries: bool) -> None:
    event = normalise(shape("transaction_past_due", origin=origin, status=status)).event
    assert isinstance(event, PaymentFailed)
    assert event.retries_itself is retries


@pytest.mark.parametrize("status", ["paid", "completed", "canceled"])
@pytest.mark.parametrize("kind", ["transaction.payment_failed", "transaction.past_due"])
def test_a_failed_attempt_of_a_transaction_that_is_over_is_no_dunning(kind: str, status: str) -> None:
    name = next(name for name in SHAPES if SHAPES[name]["event_type"].startswith("transaction."))
    assert f"over ({status})" in ignored(shape(name, kind, status=status))


def test_what_is_collected_by_hand_or_owes_nothing_is_no_dunning() -> None:
    assert "manual payment" in ignored(shape("transaction_past_due", collection_mode="manual"))
    totals = {"totals": {"balance": "0", "grand_total": "2400", "currency_code": "EUR"}}
    assert "nothing is owed" in ignored(shape("transaction_past_due", details=totals))


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [("43549", "USD", "435.49 USD"), ("500", "JPY", "500 JPY"), ("5000", "TND", "5.000 TND")],
)
def test_amounts_are_texts_in_the_smallest_unit(amount: str, currency: str, text: str) -> None:
    totals = {"totals": {"grand_total": amount, "currency_code": currency}}
    assert str(normalise(shape("transaction_past_due", details=totals)).event.amount) == text


@pytest.mark.parametrize("kind", ["transaction.paid", "transaction.completed"])
def test_a_paid_transaction_says_how_much_was_paid(kind: str) -> None:
    assert normalise(shape("transaction_completed", kind)) == Addressed(
        event=PaymentSucceeded(
            **stamp(invoice_id="txn_rcp1"), customer_id="ctm_rcp1", paid=Money(amount_minor=2400, currency="EUR")
        )
    )


def test_a_canceled_transaction_is_void() -> None:
    assert normalise(shape("transaction_completed", "transaction.canceled")) == Addressed(
        event=InvoiceVoided(**stamp(invoice_id="txn_rcp1"), customer_id="ctm_rcp1")
    )


# Subscriptions


def test_a_canceled_subscription_is_looked_up() -> None:
    assert normalise(shape("subscription_canceled")) == Addressed(
        event=SubscriptionCancelled(**stamp(), customer_id="ctm_rcp1"), lookup=Lookup(subscription_id="sub_rcp1")
    )


def test_other_news_of_a_subscription_names_no_claim() -> None:
    assert "names no transaction" in ignored(shape("subscription_canceled", "subscription.past_due"))
    assert "stays owed" in ignored(shape("subscription_canceled", "subscription.paused"))
    assert normalise(shape("subscription_canceled", "subscription.updated")) == unknown_type("subscription.updated")


# Disputes


@pytest.mark.parametrize("kind", ["adjustment.created", "adjustment.updated"])
def test_a_chargeback_and_its_reversal_are_one_dispute_of_the_transaction(kind: str) -> None:
    told = {**stamp(invoice_id="txn_rcp1"), "customer_id": "ctm_rcp1", "dispute_id": "txn_rcp1"}
    assert normalise(shape("adjustment_created", kind)) == Addressed(event=DisputeOpened(**told))
    closed = Addressed(event=DisputeClosed(**told, won=True))
    assert normalise(shape("adjustment_created", kind, action="chargeback_reverse")) == closed
    assert normalise(shape("adjustment_created", kind, status="reversed")) == closed


def test_a_warning_before_a_chargeback_is_a_fraud_warning() -> None:
    event = normalise(shape("adjustment_created", action="chargeback_warning")).event
    assert event == FraudWarning(**stamp(invoice_id="txn_rcp1"), customer_id="ctm_rcp1", signal="chargeback_warning")


@pytest.mark.parametrize("action", ["refund", "credit", "credit_reverse", "chargeback_warning_reverse"])
def test_other_adjustments_take_nothing_back(action: str) -> None:
    assert "takes nothing back" in ignored(shape("adjustment_created", action=action))


# Customers and their ways to pay


@pytest.mark.parametrize(
    ("kind", "change"),
    [("payment_method.saved", MethodChange.ADDED), ("payment_method.deleted", MethodChange.REMOVED)],
)
def test_a_way_to_pay_that_changed_is_told_to_its_customers_cases(kind: str, change: MethodChange) -> None:
    assert normalise(shape("payment_method_saved", kind)) == Addressed(
        event=PaymentMethodChanged(**stamp(), customer_id="ctm_rcp1", change=change, credential_id="paymtd_rcp3"),
        lookup=Lookup(customer_id="ctm_rcp1"),
    )


def changed(customer: CustomerNews | None, at: datetime = AT) -> Addressed:
    assert customer
    return Addressed(
        event=CustomerChanged(**stamp(at), customer_id=customer.customer_id),
        lookup=Lookup(customer_id=customer.customer_id),
        customer=customer,
    )


def test_a_customer_goes_to_the_directory() -> None:
    said = Customer(
        name="Änne Example",
        email=ContactPoint(address="aenne@example.com"),
        locale="de",
        since=datetime(2024, 3, 15, 10, 24, 48, 136000, UTC),
    )
    for kind in ("customer.created", "customer.updated"):
        answer = normalise(shape("customer_updated", kind))
        assert answer == changed(CustomerNews(customer_id="ctm_rcp1", said=said))
        assert "xample" not in answer.event.model_dump_json()


def test_an_address_says_where_the_customer_lives() -> None:
    said = Customer(country="US", subdivision="TX", postal_code="77494")
    for kind in ("address.created", "address.updated"):
        assert normalise(shape("address_created", kind)) == changed(CustomerNews(customer_id="ctm_rcp1", said=said))


# What cannot be read


@pytest.mark.parametrize(
    ("name", "fields", "field"),
    [
        ("transaction_past_due", {"id": ...}, "data.id"),
        ("transaction_past_due", {"id": CARD}, "data.id"),
        ("transaction_past_due", {"status": None}, "data.status"),
        ("transaction_past_due", {"customer_id": "ada@example.com"}, "data.customer_id"),
        ("transaction_past_due", {"details": {"totals": {"balance": "19.00"}}}, "data.details.totals.balance"),
        ("transaction_past_due", {"details": {"totals": {"balance": 1.5}}}, "data.details.totals.balance"),
        (
            "transaction_past_due",
            {"details": {"totals": {"balance": "1", "currency_code": "usdc"}}},
            "data.details.totals.currency",
        ),
        ("adjustment_created", {"transaction_id": None}, "data.transaction_id"),
        ("adjustment_created", {"action": 7}, "data.action"),
        ("payment_method_saved", {"customer_id": ...}, "data.customer_id"),
        ("subscription_canceled", {"id": ...}, "data.id"),
        ("address_created", {"customer_id": None}, "data.customer_id"),
    ],
)
def test_a_field_that_we_need_and_cannot_read_is_named(name: str, fields: Any, field: str) -> None:
    answer = normalise(shape(name, **fields))
    assert isinstance(answer, Unreadable), answer
    assert answer.field == field
    assert CARD not in answer.reason
    assert "ada@example.com" not in answer.reason


@pytest.mark.parametrize("moment", [None, 7, "soon", "1999-01-01T00:00:00Z"])
def test_the_time_is_paddles_own_and_must_be_one(moment: object) -> None:
    event = shape("transaction_completed")
    event["occurred_at"] = moment
    answer = normalise(event)
    assert isinstance(answer, Unreadable)
    assert answer.field == "occurred_at"


def test_an_event_without_its_object_is_unreadable() -> None:
    answer = normalise({"event_id": "evt_1", "event_type": "transaction.paid", "occurred_at": "2026-01-01T00:00:00Z"})
    assert isinstance(answer, Unreadable)
    assert answer.field == "data"


# What others recorded

PAST_DUE_AT = datetime(2023, 8, 22, 7, 37, 4, 552638, UTC)
RECORDED: dict[str, Addressed | Ignored] = {
    "transaction.payment_failed__paddle-node-sdk": not_dunning(
        "a checkout that is not finished ('ready', origin 'web')"
    ),
    "transaction.past_due__paddle-node-sdk": Addressed(
        event=PaymentFailed(
            **stamp(PAST_DUE_AT, "txn_01h8e2svn94ze7bfj0zfh7z6wm"),
            customer_id="ctm_01h8e18bxp9hby49dnm8ewf0m0",
            subscription_id="sub_01h8e1jxhhss1a6agahb2xh9j0",
            credential_id="37bb3dd6-aba6-4eb4-8bf0-e1079a3df543",
            amount=Money(amount_minor=43549, currency="USD"),
            retries_itself=True,
            decline=classify("paddle", "authentication_failed", network=Network.VISA),
        )
    ),
    "subscription.past_due__paddle-node-sdk": not_dunning(
        "it names no transaction; transaction.past_due says which one is owed"
    ),
    "payment_method.saved__paddle-node-sdk": Addressed(
        event=PaymentMethodChanged(
            **stamp(datetime(2024, 5, 2, 2, 55, 25, 198953, UTC)),
            customer_id="ctm_01hv6y1jedq4p1n0yqn5ba3ky4",
            change=MethodChange.ADDED,
            credential_id="paymtd_01hs8zx6x377xfsfrt2bqsevbw",
        ),
        lookup=Lookup(customer_id="ctm_01hv6y1jedq4p1n0yqn5ba3ky4"),
    ),
    "payment_method.deleted__paddle-node-sdk": Addressed(
        event=PaymentMethodChanged(
            **stamp(datetime(2024, 5, 3, 12, 24, 18, 826338, UTC)),
            customer_id="ctm_01hv6y1jedq4p1n0yqn5ba3ky4",
            change=MethodChange.REMOVED,
            credential_id="paymtd_01hs8zx6x377xfsfrt2bqsevbw",
        ),
        lookup=Lookup(customer_id="ctm_01hv6y1jedq4p1n0yqn5ba3ky4"),
    ),
    "customer.updated__paddle-node-sdk": changed(
        CustomerNews(
            customer_id="ctm_01h844p3h41s12zs5mn4axja51",
            said=Customer(
                name="Alex Wilson",
                email=ContactPoint(address="alex@example.com"),
                locale="en",
                since=datetime(2023, 8, 18, 10, 57, 31, 172000, UTC),
            ),
        ),
        datetime(2023, 8, 18, 11, 17, 50, 165823, UTC),
    ),
    "transaction.paid__paddle-node-sdk": Addressed(
        event=PaymentSucceeded(
            **stamp(datetime(2023, 4, 13, 9, 7, 6, 401607, UTC), "txn_01gxwxqj0rd5m8j1zdhvk05twz"),
            customer_id="ctm_01gxwxe6vzgz6hcsbwjs6zrszr",
            paid=Money(amount_minor=89880, currency="GBP"),
        )
    ),
    "subscription.canceled__paddle-node-sdk": Addressed(
        event=SubscriptionCancelled(
            **stamp(datetime(2023, 8, 11, 15, 23, 1, 697145, UTC)), customer_id="ctm_01h7hswb86rtps5ggbq7ybydcw"
        ),
        lookup=Lookup(subscription_id="sub_01h7ht5z5wdg9pz18jx1fagp8k"),
    ),
    # Written with \u escapes: the name is Ü Ä Å å Ö, twice.
    "customer.created__paddle-python-sdk": changed(
        CustomerNews(
            customer_id="ctm_01hs0t94g83hs5jdw282ztqa4z",
            said=Customer(
                name="\u00dc\u00c4\u00c5\u00e5\u00d6\u00dc\u00c4\u00c5\u00e5\u00d6",
                email=ContactPoint(address="blackhole+verification1@paddle.com"),
                locale="en",
                since=datetime(2024, 3, 15, 10, 24, 48, 136000, UTC),
            ),
        ),
        datetime(2024, 3, 15, 10, 24, 48, 466759, UTC),
    ),
}


def test_every_recorded_event_becomes_what_we_read_in_it() -> None:
    bodies = recorded("paddle", "event")
    assert bodies.keys() == RECORDED.keys(), "read the new payloads and write down what they should become"
    for name, body in bodies.items():
        assert SPEAKER.normalise(body, "row-1") == RECORDED[name], name


def test_every_type_we_act_on_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "sources" / "paddle.md").read_text(encoding="utf-8")
    assert [kind for kind in HANDLERS if f"`{kind}`" not in page] == []
