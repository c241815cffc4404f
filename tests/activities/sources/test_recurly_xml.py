"""Recurly's XML notifications: what each kind becomes, and the shapes that they come in.

Fixtures are ours, shaped after Recurly's published notifications. Recorded ones are read from RECOUP_REFERENCE_DATA.
"""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from activities.sources.contract import UNRESOLVED, Addressed, Lookup
from activities.sources.reading import NO_TIME
from activities.sources.recurly import RecurlySpeaker
from activities.sources.recurly_xml import HANDLERS
from policies.declines import Category, classify
from policies.events import (
    CustomerChanged,
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
from policies.money import Money
from tests.activities.sources.speaking import recorded

SPEAKER = RecurlySpeaker()
FIXTURES = Path(__file__).parent / "fixtures" / "recurly"
SHAPES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FIXTURES.glob("*.xml"))}
PAYMENT, SUBSCRIPTION = "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "5ub5c21b7100000000000000000000a1"
EUR = "EUR"
CARD = "4111111111111111"


def shape(name: str, kind: str | None = None, **elements: str | None) -> str:
    """A fixture with another kind, or other texts of its elements, of every one of that name (None removes them)."""
    text = SHAPES[name]
    for element, value in elements.items():
        whole = re.compile(rf"<{element}[ >].*?</{element}>", re.DOTALL)
        assert whole.search(text), f"{name} has no {element}"
        text = whole.sub("" if value is None else f"<{element}>{value}</{element}>", text)
    old = re.findall(r"</([a-z_]+)>", text)[-1]
    return text.replace(f"{old}>", f"{kind or old}>")


def said(text: str) -> Any:
    return SPEAKER.normalise(text.encode(), "row-1")


def told(text: str) -> Addressed:
    answer = said(text)
    assert isinstance(answer, Addressed), answer
    return answer


def fact(text: str) -> Any:
    return told(text).event


def ignored(text: str) -> str:
    answer = said(text)
    assert isinstance(answer, Ignored), answer
    assert answer.reason is IgnoredBecause.NOT_DUNNING
    return answer.detail


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


def about(happened_at: datetime, invoice_id: str = UNRESOLVED, customer_id: str | None = "acct-7") -> dict[str, Any]:
    return {"event_id": "row-1", "happened_at": happened_at, "invoice_id": invoice_id, "customer_id": customer_id}


# Payments


def test_a_failed_payment_has_what_its_transaction_says_and_no_amount_because_it_names_no_currency() -> None:
    answer = told(SHAPES["failed_payment"])
    assert answer.event == PaymentFailed(
        **about(at(2026, 3, 2, 9, 59, 30), "1007"),
        subscription_id=SUBSCRIPTION,
        decline=classify("recurly", "insufficient_funds"),
    )
    assert (answer.lookup, answer.undated) == (None, False)


def test_the_customers_data_goes_beside_the_event() -> None:
    news = told(SHAPES["new_dunning_event"]).customer
    assert news is not None
    assert news.customer_id == "acct-7"
    assert news.said.model_dump(exclude_unset=True) == {
        "name": "Ada Beispiel",
        "country": "DE",
        "subdivision": "BE",
        "postal_code": "10115",
        "email": {"address": "ada@example.com"},
        "sms": {"address": "+4930123456"},
    }


@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES.keys())
def test_no_personal_data_is_in_an_event(text: str) -> None:
    told_event = told(text).event.model_dump_json()
    for personal in ("Ada", "Beispiel", "example.com", "+4930", "10115", "Weg"):
        assert personal not in told_event


@pytest.mark.parametrize(
    ("elements", "decline"),
    [
        ({"gateway": "stripe", "gateway_error_codes": "expired_card"}, classify("stripe", "expired_card")),
        ({"gateway": "braintree", "gateway_error_codes": "9999"}, classify("recurly", "insufficient_funds")),
        ({"failure_type": "Declined by the gateway"}, classify("payeezy", "302")),
        ({"failure_type": "Declined by the gateway", "gateway_error_codes": ""}, None),
        ({"failure_type": "", "gateway": "", "gateway_error_codes": "302"}, classify("recurly", "302")),
    ],
)
def test_the_gateways_code_decides_where_we_have_its_table_and_else_recurlys_word_stays_raw(
    elements: dict[str, str | None], decline: Any
) -> None:
    assert fact(shape("failed_payment", **elements)).decline == decline


@pytest.mark.parametrize(
    ("elements", "says"),
    [
        ({"action": "verify"}, "collects nothing"),
        ({"action": "authorization"}, "collects nothing"),
        ({"action": "credit"}, "collects nothing"),
        ({"source": "billing_info"}, "only checks"),
        ({"amount_in_cents": "0"}, "nothing is owed"),
        ({"invoice_number": "", "invoice_id": None}, "belongs to no invoice"),
    ],
)
def test_failures_that_are_no_dunning(elements: dict[str, str | None], says: str) -> None:
    assert says in ignored(shape("failed_payment", **elements))


def test_a_failed_payment_without_an_invoice_number_is_looked_up() -> None:
    answer = told(shape("failed_payment", invoice_number=None))
    assert (answer.event.invoice_id, answer.lookup) == (UNRESOLVED, Lookup(payment_id=PAYMENT))


def test_a_prefix_belongs_to_the_number_of_an_invoice() -> None:
    assert fact(shape("failed_payment", invoice_number_prefix="FR")).invoice_id == "FR1007"
    assert fact(SHAPES["new_dunning_event_legacy"]).invoice_id == "FR1007"


@pytest.mark.parametrize("status", ["declined", "Declined", "failed", "error"])
def test_a_transaction_that_turned_out_refused_is_a_failure(status: str) -> None:
    event = fact(shape("failed_payment", "transaction_status_updated_notification", status=status))
    assert event == fact(SHAPES["failed_payment"])


@pytest.mark.parametrize(
    ("status", "says"),
    [("success", "names no currency"), ("void", "gave a payment back"), ("pending", "neither failed nor succeeded")],
)
def test_a_transaction_with_another_status_is_no_failure(status: str, says: str) -> None:
    assert says in ignored(shape("failed_payment", "transaction_status_updated_notification", status=status))


def test_a_payment_that_names_no_currency_cannot_say_what_was_paid_and_points_to_the_invoice() -> None:
    detail = ignored(shape("failed_payment", "successful_payment_notification", status="success"))
    assert "paid_charge_invoice_notification" in detail


def test_a_fraud_review_is_a_warning_only_where_it_says_fraud() -> None:
    kind = "fraud_info_updated_notification"
    event = fact(shape("failed_payment", kind, failure_type="fraud_advanced_verification"))
    assert event == FraudWarning(**about(at(2026, 3, 2, 9, 59, 30), "1007"), signal="fraud_advanced_verification")
    assert "does not say" in ignored(shape("failed_payment", kind, failure_type="", status="success"))
    unnamed = told(shape("failed_payment", kind, failure_type="fraud_generic", invoice_number=None))
    assert unnamed.lookup == Lookup(payment_id=PAYMENT)


# Invoices


def test_a_dunning_event_says_what_is_still_owed_and_its_time_is_the_invoices_last_change() -> None:
    assert fact(SHAPES["new_dunning_event"]) == PaymentFailed(
        **about(at(2026, 3, 2, 10), "1007"),
        amount=Money(amount_minor=2500, currency=EUR),
        subscription_id=SUBSCRIPTION,
    )


def test_the_older_dunning_event_has_a_total_instead_and_brings_the_transaction_along() -> None:
    event = fact(SHAPES["new_dunning_event_legacy"])
    assert event == PaymentFailed(
        **about(at(2026, 3, 2, 9, 59, 30), "FR1007"),
        amount=Money(amount_minor=4000, currency=EUR),
        subscription_id=SUBSCRIPTION,
        decline=classify("stripe", "expired_card"),
    )
    assert event.decline.category is Category.EXPIRED_CARD


@pytest.mark.parametrize("kind", ["past_due_charge_invoice_notification", "past_due_invoice_notification"])
def test_an_invoice_past_due_is_a_failure(kind: str) -> None:
    assert fact(shape("new_dunning_event", kind)) == fact(SHAPES["new_dunning_event"])


@pytest.mark.parametrize(
    ("elements", "says"),
    [
        ({"collection_method": "manual"}, "paid by hand"),
        ({"origin": "purchase"}, "first payment"),
        ({"balance_in_cents": "0"}, "nothing is owed"),
        ({"balance_in_cents": "-10"}, "nothing is owed"),
    ],
)
def test_invoices_that_are_no_dunning(elements: dict[str, str | None], says: str) -> None:
    assert says in ignored(shape("new_dunning_event", **elements))


def test_a_due_invoice_without_a_currency_is_still_due() -> None:
    assert fact(shape("new_dunning_event", currency=None)).amount is None


@pytest.mark.parametrize("name", ["paid_charge_invoice", "closed_invoice"])
def test_a_paid_invoice_says_all_that_settled_it(name: str) -> None:
    assert fact(SHAPES[name]) == PaymentSucceeded(
        **about(at(2026, 3, 4, 8), "1007"), paid=Money(amount_minor=4000, currency=EUR)
    )


@pytest.mark.parametrize("name", ["paid_charge_invoice", "closed_invoice"])
def test_what_is_left_of_a_paid_invoice_was_not_paid_and_is_still_owed(name: str) -> None:
    event = fact(shape("paid_charge_invoice", SHAPES[name].split("</")[-1].strip(" >\n"), balance_in_cents="1000"))
    assert (event.paid.amount_minor, event.remaining) == (3000, Money(amount_minor=1000, currency=EUR))
    assert fact(shape("paid_charge_invoice", balance_in_cents="-10")).remaining is None


def test_failure_success_and_end_of_a_claim_name_the_same_invoice() -> None:
    ended = shape("paid_charge_invoice", "failed_charge_invoice_notification")
    names = ("failed_payment", "new_dunning_event", "paid_charge_invoice", "closed_invoice")
    assert {fact(text).invoice_id for text in (ended, *(SHAPES[name] for name in names))} == {"1007"}


def test_a_failed_invoice_was_given_up_and_a_closed_one_is_what_its_state_says() -> None:
    assert isinstance(fact(shape("paid_charge_invoice", "failed_charge_invoice_notification")), InvoiceVoided)
    assert isinstance(fact(shape("closed_invoice", state="failed")), InvoiceVoided)
    assert isinstance(fact(shape("closed_invoice", state="paid")), PaymentSucceeded)
    assert "neither paid nor failed" in ignored(shape("closed_invoice", state="open"))


# Subscriptions and accounts


def test_an_expired_subscription_ends_the_claim_when_it_expires() -> None:
    answer = told(SHAPES["expired_subscription"])
    assert answer.event == SubscriptionCancelled(**about(at(2026, 3, 31, 9)))
    assert answer.lookup == Lookup(subscription_id=SUBSCRIPTION)


def test_a_cancelled_subscription_goes_on_until_its_end_and_so_does_the_claim() -> None:
    assert "will not renew" in ignored(shape("expired_subscription", "canceled_subscription_notification"))


def test_new_billing_details_have_no_time_of_their_own() -> None:
    answer = told(SHAPES["billing_info_updated"])
    assert answer.event == PaymentMethodChanged(**about(NO_TIME), change=MethodChange.UPDATED)
    assert answer.lookup == Lookup(customer_id="acct-7")
    assert answer.undated
    assert answer.customer is not None


def test_refused_billing_details_change_nothing() -> None:
    assert "refused" in ignored(shape("billing_info_updated", "billing_info_update_failed_notification"))


@pytest.mark.parametrize("kind", ["new_account_notification", "updated_account_notification"])
def test_a_changed_account_goes_to_the_directory(kind: str) -> None:
    answer = told(shape("billing_info_updated", kind, first_name="", last_name="", company_name="Beispiel GmbH"))
    assert answer.event == CustomerChanged(**about(NO_TIME))
    assert answer.undated
    assert answer.customer is not None
    assert answer.customer.said.name == "Beispiel GmbH"


def test_an_account_code_that_is_an_address_is_in_no_event() -> None:
    answer = told(shape("failed_payment", account_code="ada@example.com"))
    assert (answer.event.customer_id, answer.customer) == (None, None)
    unreadable = said(shape("billing_info_updated", account_code="ada@example.com"))
    assert isinstance(unreadable, Unreadable)
    assert unreadable.field == "account.account_code"
    assert "ada" not in unreadable.reason


# Shapes


def test_of_an_element_that_stands_twice_the_first_counts_that_says_something() -> None:
    text = SHAPES["failed_payment"]
    twice = text.replace("<status>", "<status></status><status>").replace("<action>", "<action nil='true'/><action>")
    assert fact(twice) == fact(text)
    whole = re.findall(r"  <transaction>.*</transaction>\n", text, re.DOTALL)[0]
    other = whole.replace("1007", "2008")
    assert fact(text.replace(whole, whole + other)) == fact(text)


def test_empty_elements_and_nil_say_nothing() -> None:
    nil = shape("failed_payment").replace("<failure_type>insufficient_funds", "<failure_type nil='true'>ignored")
    assert fact(nil).decline == classify("payeezy", "302")
    assert fact(shape("failed_payment", subscription_id="")).subscription_id is None


def test_hyphens_in_names_are_read_like_underscores() -> None:
    text = re.sub(r"(</?[a-z_]+)", lambda name: name[0].replace("_", "-"), SHAPES["failed_payment"])
    assert fact(text) == fact(SHAPES["failed_payment"])


@pytest.mark.parametrize("kind", ["unknown_notification", "new_charge_invoice_notification", "prerenewal_notification"])
def test_other_roots_are_ignored_by_name(kind: str) -> None:
    answer = said(shape("paid_charge_invoice", kind))
    assert answer == Ignored(reason=IgnoredBecause.UNKNOWN_TYPE, detail=f"'{kind}' is no type we act on")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("<failed_payment_notification/>", "transaction.id"),
        (shape("failed_payment", id="a b"), "transaction.id"),
        (shape("failed_payment", date=None), "transaction.date"),
        (shape("failed_payment", date="yesterday"), "transaction.date"),
        (shape("failed_payment", invoice_number=CARD), "transaction.invoice_number"),
        (shape("failed_payment", gateway_error_codes=CARD), "transaction.gateway_error_codes"),
        (shape("failed_payment", "transaction_status_updated_notification", status=""), "transaction.status"),
        (shape("new_dunning_event", invoice_number=""), "invoice.invoice_number"),
        (shape("new_dunning_event", balance_in_cents="25.00"), "invoice.balance_in_cents"),
        (shape("new_dunning_event", currency="usdc"), "invoice.currency"),
        (shape("new_dunning_event", updated_at="2026-02-30T10:00:00Z"), "invoice.updated_at"),
        (shape("closed_invoice", date="", closed_at=""), "invoice.updated_at"),
        (shape("closed_invoice", state=""), "invoice.state"),
        (shape("closed_invoice", total_in_cents=None), "invoice.total_in_cents"),
        (shape("closed_invoice", currency=None), "invoice.currency"),
        (shape("expired_subscription", uuid=""), "subscription.uuid"),
        (shape("expired_subscription", expires_at=""), "subscription.expires_at"),
        ("<new_account_notification/>", "account.account_code"),
        ("<html/>", "body"),
    ],
)
def test_what_should_have_become_a_fact_and_cannot_names_the_field(text: str, field: str) -> None:
    answer = said(text)
    assert isinstance(answer, Unreadable), answer
    assert answer.field == field
    assert CARD not in answer.reason


def test_every_kind_we_act_on_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "sources" / "recurly.md").read_text(encoding="utf-8")
    assert [kind for kind in HANDLERS if f"`{kind}`" not in text] == []


# What others recorded

PERSON = {"name", "email"}
UNKNOWN = IgnoredBecause.UNKNOWN_TYPE
RECORDED: dict[str, Any] = {
    # no time stands in it
    "billing_info_updated_notification__recurly": (
        PaymentMethodChanged(**about(NO_TIME, customer_id="1"), change=MethodChange.UPDATED),
        Lookup(customer_id="1"),
        PERSON,
        True,
    ),
    "canceled_subscription_notification__recurly": IgnoredBecause.NOT_DUNNING,
    # its root is new_charge_invoice_notification: nothing has failed yet, and it is paid by hand
    "charge_invoice_notification__recurly": UNKNOWN,
    "expired_subscription_notification__recurly": (
        SubscriptionCancelled(**about(at(2010, 9, 24, 22, 5, 3), customer_id="1")),
        Lookup(subscription_id="d1b6d359a01ded71caed78eaa0fedf8e"),
        PERSON,
        False,
    ),
    # the code is nil and the failure a sentence, so there is no decline
    "failed_payment_notification__recurly": (
        PaymentFailed(
            **about(at(2009, 11, 22, 13, 10, 38), "2059", "1"),
            subscription_id="1974a098jhlkjasdfljkha898326881c",
        ),
        None,
        PERSON,
        False,
    ),
    # collection_method is manual
    "new_dunning_event_notification__recurly": IgnoredBecause.NOT_DUNNING,
    "unknown_notification__recurly": UNKNOWN,
    "void_payment_notification__recurly": IgnoredBecause.NOT_DUNNING,
}


def test_every_recorded_notification_becomes_what_we_read_in_it() -> None:
    bodies = recorded("recurly")
    assert bodies.keys() == RECORDED.keys(), "read the new payloads and write down what they should become"
    for name, body in bodies.items():
        assert isinstance(SPEAKER.split(body), tuple), name
        answer = SPEAKER.normalise(body, "row-1")
        if isinstance(answer, Addressed):
            fields = set(answer.customer.said.model_fields_set) if answer.customer else None
            assert (answer.event, answer.lookup, fields, answer.undated) == RECORDED[name], name
        else:
            assert isinstance(answer, Ignored), name
            assert answer.reason is RECORDED[name], name


def test_a_recorded_notification_that_is_ignored_says_why() -> None:
    bodies = recorded("recurly")

    def detail(name: str) -> str:
        answer: Any = SPEAKER.normalise(bodies[f"{name}_notification__recurly"], "row-1")
        return str(answer.detail)

    assert "paid by hand" in detail("new_dunning_event")
    assert "gave a payment back" in detail("void_payment")
    assert "will not renew" in detail("canceled_subscription")
    assert "new_charge_invoice_notification" in detail("charge_invoice")
