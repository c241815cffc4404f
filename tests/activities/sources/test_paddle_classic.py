"""Alerts of Paddle Classic become what we say; what others recorded becomes what one reads in it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from activities.customers import ContactPoint, Customer
from activities.sources.contract import UNRESOLVED, Addressed, Lookup
from activities.sources.customer_news import CustomerNews
from activities.sources.paddle import PaddleSpeaker
from activities.sources.paddle_classic import ALERTS
from activities.sources.reading import unknown_type
from policies.events import (
    CustomerChanged,
    DisputeClosed,
    DisputeOpened,
    Ignored,
    IgnoredBecause,
    PaymentFailed,
    PaymentSucceeded,
    SubscriptionCancelled,
    Unreadable,
)
from policies.money import Money
from tests.activities.sources.paddle_classic_forms import form, signed_form
from tests.activities.sources.speaking import recorded

SPEAKER = PaddleSpeaker()
FIXTURES = Path(__file__).parent / "fixtures" / "paddle"
SHAPES = {path.stem.removeprefix("classic_"): json.loads(path.read_bytes()) for path in FIXTURES.glob("classic_*.json")}
AT = datetime(2026, 3, 2, 9, 59, tzinfo=UTC)
EUR_19 = Money(amount_minor=1900, currency="EUR")


def stamp(invoice_id: str = UNRESOLVED, at: datetime = AT) -> dict[str, Any]:
    return {"event_id": "row-1", "happened_at": at, "invoice_id": invoice_id}


def news(customer_id: str, email: str, **said: str) -> CustomerNews:
    return CustomerNews(customer_id=customer_id, said=Customer(email=ContactPoint(address=email), **said))


ADA = news("29777", "ada@example.com")


def alert(name: str, kind: str | None = None, /, **fields: Any) -> Any:
    """What a fixture says, with another alert's name or other fields; `...` removes a field."""
    whole = {**SHAPES[name], "alert_name": kind or name, **fields}
    return SPEAKER.normalise(signed_form({key: value for key, value in whole.items() if value is not ...}), "row-1")


def test_a_failed_payment_keeps_its_id_until_it_is_paid() -> None:
    assert alert("subscription_payment_failed") == Addressed(
        event=PaymentFailed(
            **stamp("9001"),
            customer_id="29777",
            subscription_id="502198",
            amount=EUR_19,
            retries_at=datetime(2026, 3, 5, tzinfo=UTC),
        ),
        customer=ADA,
    )
    assert alert("subscription_payment_succeeded") == Addressed(
        event=PaymentSucceeded(**stamp("9001"), customer_id="29777", paid=EUR_19),
        customer=news("29777", "ada@example.com", name="Ada Example", country="DE"),
    )


def test_without_a_date_paddle_tries_no_more() -> None:
    for date in ("", ...):
        assert alert("subscription_payment_failed", next_retry_date=date).event.retries_at is None


@pytest.mark.parametrize(("amount", "currency", "text"), [("653.02", "EUR", "653.02 EUR"), ("500", "JPY", "500 JPY")])
def test_amounts_are_decimals(amount: str, currency: str, text: str) -> None:
    assert str(alert("subscription_payment_failed", amount=amount, currency=currency).event.amount) == text


def test_a_payment_of_nothing_is_no_dunning() -> None:
    answer = alert("subscription_payment_failed", amount="0.00")
    assert isinstance(answer, Ignored)
    assert answer.reason is IgnoredBecause.NOT_DUNNING


def test_a_time_without_a_zone_is_utc() -> None:
    assert alert("subscription_payment_failed").event.happened_at == AT


def test_a_cancelled_subscription_is_looked_up() -> None:
    assert alert("subscription_cancelled") == Addressed(
        event=SubscriptionCancelled(**stamp(), customer_id="29777"),
        lookup=Lookup(subscription_id="502198"),
        customer=ADA,
    )


@pytest.mark.parametrize("kind", ["subscription_created", "subscription_updated"])
def test_other_news_of_a_subscription_tells_who_the_customer_is(kind: str) -> None:
    assert alert("subscription_cancelled", kind) == Addressed(
        event=CustomerChanged(**stamp(), customer_id="29777"), lookup=Lookup(customer_id="29777"), customer=ADA
    )


def test_a_dispute_is_known_by_the_order_that_was_paid() -> None:
    assert alert("payment_dispute_created") == Addressed(
        event=DisputeOpened(**stamp(), dispute_id="88-2"), lookup=Lookup(payment_id="88-2")
    )
    assert alert("payment_dispute_created", "payment_dispute_closed") == Addressed(
        event=DisputeClosed(**stamp(), dispute_id="88-2", won=True), lookup=Lookup(payment_id="88-2")
    )


@pytest.mark.parametrize(
    "kind", ["subscription_payment_refunded", "high_risk_transaction_created", "high_risk_transaction_updated"]
)
def test_refunds_and_reviews_are_no_dunning(kind: str) -> None:
    answer = alert("payment_dispute_created", kind)
    assert isinstance(answer, Ignored)
    assert answer.reason is IgnoredBecause.NOT_DUNNING


def test_other_alerts_are_ignored_by_name() -> None:
    assert alert("payment_dispute_created", "payment_succeeded") == unknown_type("payment_succeeded")


@pytest.mark.parametrize(
    ("name", "fields", "field"),
    [
        ("subscription_payment_failed", {"subscription_payment_id": ""}, "subscription_payment_id"),
        ("subscription_payment_failed", {"subscription_payment_id": "4242424242424242"}, "subscription_payment_id"),
        ("subscription_payment_failed", {"amount": "much"}, "amount"),
        ("subscription_payment_failed", {"currency": ...}, "currency"),
        ("subscription_payment_failed", {"event_time": "yesterday"}, "event_time"),
        ("subscription_cancelled", {"subscription_id": ...}, "subscription_id"),
        ("payment_dispute_created", {"order_id": ...}, "order_id"),
    ],
)
def test_a_field_that_we_need_and_cannot_read_is_named(name: str, fields: Any, field: str) -> None:
    answer = alert(name, **fields)
    assert isinstance(answer, Unreadable), answer
    assert answer.field == field
    assert "4242424242424242" not in answer.reason


def test_what_is_personal_stands_in_no_fact() -> None:
    for name in SHAPES:
        text = alert(name).event.model_dump_json()
        assert not any(personal in text for personal in ("ada@example.com", "Ada Example"))


RECORDED = {
    "classic.subscription_cancelled__pay": Addressed(
        event=SubscriptionCancelled(**stamp(at=datetime(2020, 11, 16, 16, 45, 9, tzinfo=UTC)), customer_id="9"),
        lookup=Lookup(subscription_id="7"),
        customer=news("9", "wilkinson.cicero@example.net"),
    ),
    "classic.subscription_updated__pay": Addressed(
        event=CustomerChanged(**stamp(at=datetime(2020, 11, 16, 17, 2, 25, tzinfo=UTC)), customer_id="4"),
        lookup=Lookup(customer_id="4"),
        customer=news("4", "little.kasandra@example.com"),
    ),
}


def test_every_recorded_alert_becomes_what_we_read_in_it() -> None:
    bodies = recorded("paddle", "form_as_json")
    assert bodies.keys() == RECORDED.keys(), "read the new payloads and write down what they should become"
    for name, body in bodies.items():
        assert SPEAKER.normalise(form(json.loads(body)), "row-1") == RECORDED[name], name


def test_no_recorded_payload_is_left_out() -> None:
    assert recorded("paddle").keys() == recorded("paddle", "event", "form_as_json").keys()


def test_every_alert_we_act_on_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "sources" / "paddle.md").read_text(encoding="utf-8")
    assert [kind for kind in ALERTS if f"`{kind}`" not in page] == []
