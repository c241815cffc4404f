"""Kill Bill's notifications: told by whoever knows the password, read in whatever nesting, and placed in time as far as
they have one."""

import json
from base64 import b64encode
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from activities.sources.contract import UNRESOLVED, Addressed, Item, Lookup, Malformed, Rejected, Verified
from activities.sources.killbill import CLEAR_STATE, HANDLERS, KillBillSpeaker
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
from tests.activities.sources.speaking import NOW, Delivery, SpeakerContract, recorded

SPEAKER = KillBillSpeaker()
FIXTURES = Path(__file__).parent / "fixtures" / "killbill"
SHAPES = {path.stem: json.loads(path.read_bytes()) for path in sorted(FIXTURES.glob("*.json"))}
SECRET = "killbill:a long päss:word"

ACCOUNT, INVOICE, PAYMENT, SUBSCRIPTION = (f"1a2b3c4d-0000-4000-8000-00000000000{letter}" for letter in "abcd")
FAILED_AT, PAID_AT = datetime(2026, 3, 2, 9, 59, tzinfo=UTC), datetime(2026, 3, 5, 12, tzinfo=UTC)
NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)
EUR_19 = Money(amount_minor=1900, currency="EUR")
CARD = "4242424242424242"


def basic(secret: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(secret.encode()).decode()}"}


def stamp(at: datetime = NO_TIME, invoice_id: str = UNRESOLVED) -> dict[str, Any]:
    return {"event_id": "row-1", "happened_at": at, "invoice_id": invoice_id, "customer_id": ACCOUNT}


def shape(name: str, kind: str | None = None, /, **details: object) -> Any:
    """A fixture with another type or other fields in its metaData; `...` removes a field."""
    event = deepcopy(SHAPES[name])
    event["eventType"] = kind or event["eventType"]
    told = {**json.loads(event["metaData"] or "{}"), **details}
    event["metaData"] = json.dumps({key: value for key, value in told.items() if value is not ...})
    return event


def normalise(event: Any) -> Any:
    return SPEAKER.normalise(json.dumps(event).encode(), "row-1")


def ignored(event: Any) -> str:
    answer = normalise(event)
    assert isinstance(answer, Ignored), answer
    assert answer.reason is IgnoredBecause.NOT_DUNNING
    return answer.detail


class TestKillBill(SpeakerContract):
    speaker = SPEAKER
    genuine = tuple(Delivery(basic(SECRET), path.read_bytes(), (SECRET,)) for path in sorted(FIXTURES.glob("*.json")))

    def test_the_headers_that_are_read_are_kept(self) -> None:
        """The one header that is read is the password itself, which has no place in a database. Nothing needs it later:
        a delivery is verified when it comes, or never."""
        assert self.speaker.kept_headers == ()


# The password


@pytest.mark.parametrize("header", ["authorization", "AUTHORIZATION"])
@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_neither_the_header_nor_the_scheme_has_a_case(header: str, scheme: str) -> None:
    value = basic(SECRET)["Authorization"].replace("Basic", scheme)
    assert SPEAKER.verify({header: value}, b"{}", [SECRET], NOW) == Verified()


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({}, "not 0 times"),
        ({**basic(SECRET), "authorization": "x"}, "not 2 times"),
        ({"Authorization": "Bearer abc"}, "must be HTTP basic auth"),
        ({"Authorization": "Basic"}, "are not ours"),
        ({"Authorization": "Basic %%%"}, "are not ours"),
        ({"Authorization": "Basic \ud800"}, "are not ours"),
        (basic("killbill:"), "are not ours"),
        (basic("killbill"), "are not ours"),
        (basic(SECRET + "x"), "are not ours"),
    ],
)
def test_whoever_does_not_know_the_password_is_refused(headers: dict[str, str], says: str) -> None:
    answer = SPEAKER.verify(headers, b"{}", [SECRET], NOW)
    assert isinstance(answer, Rejected)
    assert says in answer.reason


@pytest.mark.parametrize("secret", ["", " ", ":", "user:", ":password", "password"])
def test_what_is_no_user_and_password_never_counts_and_is_told_so(secret: str) -> None:
    assert isinstance(SPEAKER.verify(basic(secret), b"{}", [secret], NOW), Rejected)
    assert "user:password" in str(SPEAKER.complaint_about(secret))
    assert SPEAKER.complaint_about(SECRET) is None


# Splitting


def test_the_same_bytes_are_the_same_event_since_none_has_an_id() -> None:
    first, other = (json.dumps(shape(name)).encode() for name in ("account_change", "payment_failed"))
    (item,) = SPEAKER.split(first)
    assert isinstance(item, Item)
    assert item.body == first
    assert item.event_key.startswith("sha256:")
    assert SPEAKER.split(bytes(bytearray(first))) == (item,)
    assert SPEAKER.split(other) != (item,)


@pytest.mark.parametrize(
    ("event", "nameless"),
    [
        (shape("invoice_payment_failed"), False),
        (shape("invoice_payment_failed", paymentDate="2026-03-02"), False),
        (shape("invoice_payment_failed", paymentDate=...), True),
        (shape("payment_failed"), False),
        (shape("payment_failed", effectiveDate=None), True),
        ({**SHAPES["invoice_payment_failed"], "metaData": None}, True),
        (SHAPES["account_change"], True),
    ],
)
def test_an_event_without_a_date_in_its_details_has_neither_id_nor_time(event: Any, nameless: bool) -> None:
    (item,) = SPEAKER.split(json.dumps(event).encode())
    assert isinstance(item, Item)
    assert item.nameless is nameless


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"eventType":null}', b'{"eventType":7}', b"\xff"])
def test_what_is_no_notification_is_malformed(body: bytes) -> None:
    assert isinstance(SPEAKER.split(body), Malformed)


# Payments of invoices


def test_a_failed_payment_of_an_invoice_opens_a_case() -> None:
    assert normalise(shape("invoice_payment_failed")) == Addressed(
        event=PaymentFailed(**stamp(FAILED_AT, INVOICE), amount=EUR_19, retries_itself=True)
    )


def test_a_payment_of_an_invoice_says_how_much() -> None:
    assert normalise(shape("invoice_payment_success")) == Addressed(
        event=PaymentSucceeded(**stamp(PAID_AT, INVOICE), paid=EUR_19), one_payment=True
    )


@pytest.mark.parametrize("name", ["invoice_payment_failed", "invoice_payment_success"])
@pytest.mark.parametrize(
    "meta_data", [None, ..., "", "null", "CATALOG", "[]", 7, "{", "\ud800", '"text"', '"\\"{}\\""']
)
def test_without_details_the_invoice_is_known_and_the_time_is_that_of_receipt(name: str, meta_data: object) -> None:
    event = {**SHAPES[name], "metaData": meta_data}
    if meta_data is ...:
        del event["metaData"]
    answer = normalise(event)
    assert answer.undated
    assert (answer.event.invoice_id, answer.event.happened_at) == (INVOICE, NO_TIME)


@pytest.mark.parametrize("texts", [0, 1, 2])
def test_details_are_read_in_whatever_nesting(texts: int) -> None:
    details: object = {"amount": 19, "currency": "EUR", "paymentDate": "2026-03-02T09:59:00.000Z"}
    for _ in range(texts):
        details = json.dumps(details)
    event = {**SHAPES["invoice_payment_failed"], "metaData": details}
    assert normalise(event).event == PaymentFailed(**stamp(FAILED_AT, INVOICE), amount=EUR_19, retries_itself=True)


@pytest.mark.parametrize("date", [None, ..., "2026-03-02", "soon", 1772445540000, "1999-01-01T00:00:00Z"])
def test_a_day_or_an_odd_date_is_no_time(date: object) -> None:
    answer = normalise(shape("invoice_payment_failed", paymentDate=date))
    assert (answer.undated, answer.event.happened_at) == (True, NO_TIME)


@pytest.mark.parametrize(
    ("details", "amount"),
    [
        ({"amount": None}, None),
        ({"amount": ..., "currency": ...}, None),
        ({"currency": None}, None),
        ({"amount": 500, "currency": "JPY"}, "500 JPY"),
        ({"amount": "19.990000000", "currency": "EUR"}, "19.99 EUR"),
        ({"amount": 249.95, "currency": "USD"}, "249.95 USD"),
    ],
)
def test_amounts_are_decimals_and_may_be_missing(details: Any, amount: str | None) -> None:
    found = normalise(shape("invoice_payment_failed", **details)).event.amount
    assert (str(found) if found else None) == amount


def test_a_payment_of_nothing_is_no_dunning() -> None:
    assert "nothing is owed" in ignored(shape("invoice_payment_failed", amount=0))


@pytest.mark.parametrize("name", ["invoice_payment_success", "payment_failed"])
@pytest.mark.parametrize("amount", [0, -19, "-0.01"])
def test_a_success_of_nothing_or_less_pays_nothing(name: str, amount: object) -> None:
    kind = "PAYMENT_SUCCESS" if name == "payment_failed" else None
    assert "nothing was paid" in ignored(shape(name, kind, amount=amount))


def test_a_chargeback_is_a_dispute_though_it_is_told_as_a_success() -> None:
    event = shape("invoice_payment_success", invoicePaymentType="CHARGED_BACK", amount=-19)
    assert normalise(event).event == DisputeOpened(**stamp(PAID_AT, INVOICE), dispute_id=PAYMENT)
    nameless = shape("invoice_payment_success", invoicePaymentType="CHARGED_BACK", paymentId=None)
    assert normalise(nameless).event.dispute_id == INVOICE


@pytest.mark.parametrize("name", ["invoice_payment_failed", "invoice_payment_success"])
def test_a_refund_is_no_payment(name: str) -> None:
    assert "'REFUND'" in ignored(shape(name, invoicePaymentType="REFUND"))


def test_an_adjusted_invoice_is_read_at_its_source() -> None:
    assert "read at Kill Bill" in ignored(shape("invoice_payment_success", "INVOICE_ADJUSTMENT"))


# Payments


def test_a_payment_is_looked_up() -> None:
    lookup = Lookup(payment_id=PAYMENT)
    assert normalise(shape("payment_failed")) == Addressed(
        event=PaymentFailed(**stamp(FAILED_AT), amount=EUR_19, retries_itself=True), lookup=lookup
    )
    assert normalise(shape("payment_failed", "PAYMENT_SUCCESS", status="SUCCESS")) == Addressed(
        event=PaymentSucceeded(**stamp(FAILED_AT), paid=EUR_19), lookup=lookup, one_payment=True
    )


def test_a_chargeback_that_fails_is_one_that_was_taken_back() -> None:
    lookup = Lookup(payment_id=PAYMENT)
    assert normalise(shape("payment_failed", "PAYMENT_SUCCESS", transactionType="CHARGEBACK")) == Addressed(
        event=DisputeOpened(**stamp(FAILED_AT), dispute_id=PAYMENT), lookup=lookup
    )
    assert normalise(shape("payment_failed", transactionType="CHARGEBACK")) == Addressed(
        event=DisputeClosed(**stamp(FAILED_AT), dispute_id=PAYMENT, won=True), lookup=lookup
    )


@pytest.mark.parametrize("kind", ["PAYMENT_FAILED", "PAYMENT_SUCCESS"])
def test_what_collects_nothing_or_is_not_decided_is_no_news(kind: str) -> None:
    for transaction in ("REFUND", "CREDIT", "VOID", "AUTHORIZE"):
        assert "collects nothing" in ignored(shape("payment_failed", kind, transactionType=transaction))
    for status in ("PENDING", "UNKNOWN"):
        assert "not known yet" in ignored(shape("payment_failed", kind, status=status))


@pytest.mark.parametrize("meta_data", [None, "", "{}", '{"transactionType": null, "amount": 19, "currency": "EUR"}'])
def test_a_success_that_does_not_say_of_what_may_be_a_refund_and_pays_nothing(meta_data: object) -> None:
    event = {**shape("payment_failed", "PAYMENT_SUCCESS"), "metaData": meta_data}
    assert "refunded" in ignored(event)


def test_a_failure_that_names_no_payment_is_left_to_its_invoice() -> None:
    assert "names no payment" in ignored({**SHAPES["payment_failed"], "objectId": None})


# Accounts and subscriptions


@pytest.mark.parametrize("kind", ["ACCOUNT_CHANGE", "ACCOUNT_CREATION"])
def test_news_of_an_account_say_whose_and_not_what(kind: str) -> None:
    assert normalise(shape("account_change", kind)) == Addressed(
        event=CustomerChanged(**stamp()), lookup=Lookup(customer_id=ACCOUNT), undated=True
    )


def test_a_subscription_has_ended_when_it_says_so_and_not_when_somebody_asked() -> None:
    ended = Addressed(event=SubscriptionCancelled(**stamp()), lookup=Lookup(subscription_id=SUBSCRIPTION), undated=True)
    assert normalise(shape("subscription_cancel")) == ended
    assert normalise({**SHAPES["subscription_cancel"], "metaData": None}) == ended
    assert "ends later" in ignored(shape("subscription_cancel", actionType="REQUESTED"))


@pytest.mark.parametrize("kind", ["BLOCKING_STATE", "OVERDUE_CHANGE"])
def test_kill_bills_own_states_are_no_news_of_a_payment(kind: str) -> None:
    assert "INVOICE_PAYMENT_SUCCESS" in ignored(shape("blocking_state", kind, stateName=CLEAR_STATE))
    assert "'OD1'" in ignored(shape("blocking_state", kind, stateName="OD1"))
    assert "null" in ignored({**SHAPES["blocking_state"], "eventType": kind, "metaData": None})


@pytest.mark.parametrize("kind", ["TAG_CREATION", "TAG_DELETION", "INVOICE_CREATION", "ENTITLEMENT_CANCEL"])
def test_other_types_are_ignored_by_name(kind: str) -> None:
    assert normalise(shape("account_change", kind)) == unknown_type(kind)


# What cannot be read


@pytest.mark.parametrize(
    ("name", "fields", "field"),
    [
        ("invoice_payment_failed", {"objectId": None}, "objectId"),
        ("invoice_payment_failed", {"objectId": CARD}, "objectId"),
        ("invoice_payment_failed", {"accountId": "ada@example.com"}, "accountId"),
        ("invoice_payment_failed", {"metaData": '{"amount": "much", "currency": "EUR"}'}, "metaData.amount"),
        ("invoice_payment_failed", {"metaData": '{"amount": 0.001, "currency": "EUR"}'}, "metaData.amount"),
        ("invoice_payment_failed", {"metaData": '{"amount": 1, "currency": "BTC"}'}, "metaData.currency"),
        ("invoice_payment_success", {"objectId": ...}, "objectId"),
        ("payment_failed", {"objectId": 7}, "objectId"),
        ("subscription_cancel", {"objectId": None}, "objectId"),
        ("account_change", {"accountId": None}, "accountId"),
    ],
)
def test_a_field_that_we_need_and_cannot_read_is_named(name: str, fields: Any, field: str) -> None:
    whole = {**SHAPES[name], **fields}
    answer = normalise({key: value for key, value in whole.items() if value is not ...})
    assert isinstance(answer, Unreadable), answer
    assert answer.field == field
    assert CARD not in answer.reason
    assert "ada@example.com" not in answer.reason


# What others recorded

NEW_ACCOUNT = Addressed(
    event=CustomerChanged(**{**stamp(), "customer_id": "c3b5b220-aaa1-406e-abd0-e8448b140082"}),
    lookup=Lookup(customer_id="c3b5b220-aaa1-406e-abd0-e8448b140082"),
    undated=True,
)
RECORDED = {
    "TENANT_CONFIG_CHANGE__killbill-docs": unknown_type("TENANT_CONFIG_CHANGE"),
    "ACCOUNT_CREATION__killbill": NEW_ACCOUNT,
    "ACCOUNT_CREATION__killbill_2": NEW_ACCOUNT,
}


def test_every_recorded_notification_becomes_what_we_read_in_it() -> None:
    bodies = recorded("killbill")
    assert bodies.keys() == RECORDED.keys(), "read the new payloads and write down what they should become"
    for name, body in bodies.items():
        assert SPEAKER.normalise(body, "row-1") == RECORDED[name], name


def test_every_type_we_act_on_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "sources" / "killbill.md").read_text(encoding="utf-8")
    assert [kind for kind in HANDLERS if f"`{kind}`" not in page] == []
