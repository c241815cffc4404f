"""Customers, ways to pay and mandates at Stripe: none of their events names an invoice, and what is personal goes to
the customer directory."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.customers import ContactPoint, Customer
from activities.sources.contract import UNRESOLVED, Addressed, Lookup
from activities.sources.customer_news import CustomerNews
from policies.declines import Category
from policies.events import (
    CustomerChanged,
    Ignored,
    IgnoredBecause,
    MandateChanged,
    MethodChange,
    PaymentMethodChanged,
    Unreadable,
)
from tests.activities.sources.stripe_shapes import NOW, fact, normalise, shape

# Customers

ADA = Customer(
    name="Ada Example",
    email=ContactPoint(address="ada@example.com"),
    sms=ContactPoint(address="+4930123456"),
    country="US",
    subdivision="TX",
    postal_code="77494",
    locale="de",
    since=datetime.fromtimestamp(1700000000, UTC),
)


def test_a_new_customer_is_news_for_the_directory_alone() -> None:
    assert normalise(shape("customer_updated", "customer.created")) == Addressed(
        event=CustomerChanged(event_id="row-1", happened_at=NOW, invoice_id=UNRESOLVED, customer_id="cus_RcpAda"),
        lookup=Lookup(customer_id="cus_RcpAda"),
        customer=CustomerNews(customer_id="cus_RcpAda", said=ADA),
    )


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"phone": "030 123456"}, "sms"),
        ({"phone": None}, "sms"),
        ({"preferred_locales": []}, "locale"),
        ({"preferred_locales": [7]}, "locale"),
        ({"preferred_locales": ["klingon"]}, "locale"),
        ({"name": "two\nlines"}, "name"),
        ({"address": None}, "country"),
        ({"address": {"country": "Germany"}}, "country"),
        ({"address": {"state": "Texas"}}, "subdivision"),
        ({"created": 123456789}, "since"),
    ],
)
def test_what_could_not_stand_in_the_directory_is_left_out(fields: Any, field: str) -> None:
    said = normalise(shape("customer_updated", **fields)).customer.said
    assert field not in said.model_fields_set
    assert "email" in said.model_fields_set


@pytest.mark.parametrize(
    "before",
    [..., None, {}, {"name": "Ada"}, {"default_source": "card_1RcpOld"}, {"invoice_settings": {"footer": "old"}}],
)
def test_a_customer_whose_default_stays_has_changed_only_in_person(before: Any) -> None:
    answer = normalise(shape("customer_updated", None, before))
    assert isinstance(answer.event, CustomerChanged)
    assert answer.customer == CustomerNews(customer_id="cus_RcpAda", said=ADA)


@pytest.mark.parametrize(
    ("fields", "before", "change", "credential_id"),
    [
        # The default is another one: that is charged from now on.
        ({}, {"invoice_settings": {"default_payment_method": "pm_old"}}, MethodChange.ADDED, "pm_1RcpNew"),
        ({}, {"invoice_settings": {"default_payment_method": None}}, MethodChange.ADDED, "pm_1RcpNew"),
        # Without a default payment method the older default source is charged.
        (
            {"invoice_settings": {"default_payment_method": None}, "default_source": "card_1RcpOld"},
            {"invoice_settings": {"default_payment_method": "pm_old"}},
            MethodChange.ADDED,
            "card_1RcpOld",
        ),
        (
            {"invoice_settings": {}, "default_source": "card_b"},
            {"default_source": "card_a"},
            MethodChange.ADDED,
            "card_b",
        ),
        # Nothing is left that could be charged.
        ({"invoice_settings": {}}, {"default_source": "card_a"}, MethodChange.REMOVED, "card_a"),
        (
            {"invoice_settings": {"default_payment_method": None}},
            {"invoice_settings": {"default_payment_method": "pm_old"}},
            MethodChange.REMOVED,
            "pm_old",
        ),
    ],
)
def test_another_default_is_another_way_to_pay(
    fields: Any, before: Any, change: MethodChange, credential_id: str
) -> None:
    answer = normalise(shape("customer_updated", None, before, **fields))
    assert answer == Addressed(
        event=PaymentMethodChanged(
            event_id="row-1",
            happened_at=NOW,
            invoice_id=UNRESOLVED,
            customer_id="cus_RcpAda",
            change=change,
            credential_id=credential_id,
        ),
        lookup=Lookup(customer_id="cus_RcpAda"),
        customer=CustomerNews(customer_id="cus_RcpAda", said=ADA),
    )


def test_an_invoice_tells_of_its_customer_as_well() -> None:
    answer = normalise(
        shape(
            "invoice_payment_failed_2025",
            customer_email="ada@example.com",
            customer_name="Ada Example",
            customer_phone="+4930123456",
            customer_address={"country": "US", "state": "TX", "postal_code": "77494", "line1": "1 Example Rd"},
        )
    )
    told = ADA.model_dump(exclude={"locale", "since"}, exclude_unset=True)
    assert answer.customer == CustomerNews(customer_id="cus_RcpAda", said=Customer.model_validate(told))


def test_an_expanded_customer_says_what_the_invoice_does_not() -> None:
    person = {"id": "cus_RcpAda", "email": "old@example.com", "preferred_locales": ["pt-BR", "en"]}
    said = normalise(
        shape("invoice_payment_failed_2025", customer=person, customer_email="new@example.com")
    ).customer.said
    assert (said.email.address, said.locale) == ("new@example.com", "pt_BR")


def test_an_invoice_of_nobody_tells_of_nobody() -> None:
    assert normalise(shape("invoice_payment_failed_2025", customer=None, customer_email="a@b.example")).customer is None


def test_what_is_personal_stands_in_no_fact() -> None:
    for kind, before in (("customer.created", ...), ("customer.updated", {"default_source": "card_a"})):
        text = fact(shape("customer_updated", kind, before, invoice_settings={})).model_dump_json()
        assert not any(personal in text for personal in ("Example", "example.com", "4930", "77494"))


# Ways to pay


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("payment_method.attached", MethodChange.ADDED),
        ("payment_method.automatically_updated", MethodChange.UPDATED),
        ("customer.source.expiring", MethodChange.EXPIRED),
    ],
)
def test_a_way_to_pay_that_changed_is_told_to_its_customers_cases(kind: str, change: MethodChange) -> None:
    assert normalise(shape("payment_method_attached", kind)) == Addressed(
        event=PaymentMethodChanged(
            event_id="row-1",
            happened_at=NOW,
            invoice_id=UNRESOLVED,
            customer_id="cus_RcpAda",
            change=change,
            credential_id="pm_1RcpNew",
        ),
        lookup=Lookup(customer_id="cus_RcpAda"),
    )


def test_a_detached_way_to_pay_was_its_former_owners() -> None:
    answer = normalise(
        shape("payment_method_attached", "payment_method.detached", {"customer": "cus_RcpAda"}, customer=None)
    )
    assert (answer.event.change, answer.event.credential_id) == (MethodChange.REMOVED, "pm_1RcpNew")
    assert (answer.event.customer_id, answer.lookup) == ("cus_RcpAda", Lookup(customer_id="cus_RcpAda"))


@pytest.mark.parametrize("before", [..., {}, {"customer": None}])
def test_one_that_was_nobodys_is_looked_up_by_itself(before: Any) -> None:
    answer = normalise(shape("payment_method_attached", "payment_method.detached", before, customer=None))
    assert (answer.event.customer_id, answer.lookup) == (None, Lookup(credential_id="pm_1RcpNew"))


def test_an_attached_way_to_pay_must_say_whose_it_is() -> None:
    answer = normalise(shape("payment_method_attached", customer=None))
    assert isinstance(answer, Unreadable)
    assert answer.field == "data.object.customer"


def test_whose_name_stands_on_a_card_is_no_news_of_the_customer() -> None:
    assert normalise(shape("payment_method_attached")).customer is None


# Mandates

PENDING = {"payment_method_details": {"bacs_debit": {"network_status": "pending"}}}


@pytest.mark.parametrize("before", [PENDING, {"status": "pending"}])
def test_a_mandate_that_became_active_stands_for_its_way_to_pay(before: Any) -> None:
    assert normalise(shape("mandate_updated", None, before)) == Addressed(
        event=MandateChanged(
            event_id="row-1", happened_at=NOW, invoice_id=UNRESOLVED, mandate_id="pm_1RcpBacs", active=True
        ),
        lookup=Lookup(credential_id="pm_1RcpBacs"),
    )


@pytest.mark.parametrize(
    ("reason", "category"),
    [
        ("account_closed", Category.ACCOUNT_CLOSED),
        ("bank_account_restricted", Category.RESTRICTED),
        ("debit_not_authorized", Category.PAYMENT_DISPUTED),
        ("could_not_process", None),
        (None, None),
    ],
)
def test_a_mandate_that_ended_says_why_as_far_as_bacs_does(reason: str | None, category: Category | None) -> None:
    details = {"type": "bacs_debit", "bacs_debit": {"network_status": "revoked", "revocation_reason": reason}}
    before = {"status": "active"}
    event = fact(shape("mandate_updated", None, before, status="inactive", payment_method_details=details))
    assert event.active is False
    assert (event.decline.category if event.decline else None) is category


@pytest.mark.parametrize(
    ("fields", "before", "says"),
    [
        ({"type": "single_use", "status": "inactive"}, {"status": "active"}, "one payment only"),
        ({"status": "pending"}, {"status": "inactive"}, "pending"),
        ({}, {"customer_acceptance": {"type": "offline"}}, "as before"),
        ({}, None, "as before"),
    ],
)
def test_a_mandate_that_neither_began_nor_ended_is_no_news(fields: Any, before: Any, says: str) -> None:
    answer = normalise(shape("mandate_updated", None, before, **fields))
    assert isinstance(answer, Ignored)
    assert answer.reason is IgnoredBecause.NOT_DUNNING
    assert says in answer.detail


def test_the_time_is_stripes_own() -> None:
    event = shape("customer_updated")
    event["created"] += 60
    assert fact(event).happened_at == NOW + timedelta(minutes=1)
