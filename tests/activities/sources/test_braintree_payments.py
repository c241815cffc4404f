"""Claims, payments and refusals in Braintree's subscriptions and transactions."""

import re

import pytest

from activities.customers import ContactPoint
from policies.declines import Category
from policies.events import (
    Ignored,
    IgnoredBecause,
    PaymentSucceeded,
    Unreadable,
)
from policies.money import Money
from tests.activities.sources.braintree_signing import (
    AT,
    DECLINE,
    EUROS,
    FAILURE,
    XML,
    normalise,
    of_kind,
    paid,
    without,
)


def test_a_refused_renewal_tells_of_its_newest_payment() -> None:
    answer = normalise(XML["subscription"])
    assert (answer.event, answer.lookup) == (FAILURE, None)


def test_going_past_due_is_the_same_failure_of_the_same_claim() -> None:
    assert normalise(of_kind("subscription", "subscription_went_past_due")).event == FAILURE


@pytest.mark.parametrize("kind", ["subscription_charged_successfully", "subscription_went_active"])
def test_failure_past_due_and_later_success_of_one_period_share_their_claim(kind: str) -> None:
    assert normalise(paid(kind)).event == PaymentSucceeded(
        event_id="row-1",
        happened_at=AT.replace(hour=10, minute=30, second=0),
        invoice_id=FAILURE.invoice_id,
        customer_id="rcpcustomer",
        paid=EUROS,
    )


@pytest.mark.parametrize("kind", ["subscription_charged_successfully", "subscription_went_active"])
@pytest.mark.parametrize(
    ("status", "balance", "remaining"),
    [
        ("Past Due", "24.00", Money(amount_minor=2400, currency="EUR")),
        ("Past Due", "0.00", None),
        ("Past Due", "-5.00", None),
        ("Past Due", "", None),
        ("Active", "24.00", None),
    ],
)
def test_a_payment_that_leaves_a_subscription_past_due_says_what_is_still_owed(
    kind: str, status: str, balance: str, remaining: Money | None
) -> None:
    xml = (
        paid(kind).replace("<status>Active<", f"<status>{status}<", 1).replace("<balance>29.00", f"<balance>{balance}")
    )
    event = normalise(xml).event
    assert (event.paid, event.remaining) == (EUROS, remaining)


def test_the_next_period_is_another_claim() -> None:
    later = XML["subscription"].replace("2026-03-02</billing", "2026-04-02</billing")
    assert normalise(later).event.invoice_id == "rcpsub1.2026-04-02"


def test_a_payment_of_an_older_period_does_not_pay_this_one() -> None:
    answer = normalise(of_kind("subscription", "subscription_charged_successfully"))
    assert answer == Ignored(reason=IgnoredBecause.NOT_DUNNING, detail="no payment of this billing period was made")


def test_the_newest_refusal_counts_wherever_it_stands_in_the_list() -> None:
    older = XML["subscription"].partition("<transaction>")[2].partition("</transaction>")[0]
    older = older.replace("rcptxn2", "rcptxn0").replace("2026-03-02T09:58:21Z", "2026-03-02T03:00:00Z")
    older = older.replace("<processor-response-code>2001", "<processor-response-code>2004")
    xml = XML["subscription"].replace("<transaction>", f"<transaction>{older}</transaction><transaction>", 1)
    assert normalise(xml).event.decline == DECLINE


def test_names_with_underscores_as_in_their_samples_are_read_alike() -> None:
    xml = re.sub(r"</?[a-z0-9-]+", lambda name: name[0].replace("-", "_"), XML["subscription"])
    assert normalise(xml).event == FAILURE


@pytest.mark.parametrize("cycle", ["0", "1"])
def test_a_first_payment_is_not_dunning(cycle: str) -> None:
    xml = XML["subscription"].replace('"integer">4<', f'"integer">{cycle}<')
    assert normalise(xml).event == FAILURE, "something was paid before"
    for never_paid in (without(xml, "paid-through-date"), xml.replace('"date">2026-03-01</paid', '"date"></paid')):
        answer = normalise(never_paid)
        assert answer == Ignored(reason=IgnoredBecause.NOT_DUNNING, detail="first payment of a new subscription")


def test_a_refused_charge_of_nothing_is_not_dunning() -> None:
    answer = normalise(XML["subscription"].replace("<amount>29.00", "<amount>0.00"))
    assert answer == Ignored(reason=IgnoredBecause.NOT_DUNNING, detail="nothing is owed (the amount is 0)")


def test_the_currency_is_the_payments_else_the_subscriptions_history_says_it() -> None:
    once = without(XML["subscription"], "currency-iso-code")
    assert normalise(once).event.amount == EUROS
    never = without(without(once, "currency-iso-code"), "currency-iso-code")
    assert normalise(never).event.amount is None
    unsure = normalise(without(without(without(paid(), "currency-iso-code"), "currency-iso-code"), "currency-iso-code"))
    assert unsure == Unreadable(
        field="subject.subscription.transactions.0.currency_iso_code",
        reason="subject.subscription.transactions.0.currency_iso_code is missing, expected what was paid",
    )


@pytest.mark.parametrize(
    ("currency", "amount", "minor"), [("JPY", "2900", 2900), ("JPY", "2900.00", 2900), ("KWD", "2.900", 2900)]
)
def test_amounts_are_decimal_texts_of_the_currency(currency: str, amount: str, minor: int) -> None:
    xml = XML["subscription"].replace(">EUR<", f">{currency}<").replace("<amount>29.00", f"<amount>{amount}")
    assert normalise(xml).event.amount == Money(amount_minor=minor, currency=currency)


@pytest.mark.parametrize(("balance", "amount"), [("29.00", EUROS), ("0.00", None), ("-5.00", None)])
def test_past_due_without_a_refused_payment_owes_the_balance(balance: str, amount: Money | None) -> None:
    xml = of_kind("subscription", "subscription_went_past_due").replace("processor_declined", "voided")
    event = normalise(xml.replace("<balance>29.00", f"<balance>{balance}")).event
    assert (event.amount, event.decline, event.customer_id) == (amount, None, None)
    assert event.credential_id == "rcptoken"


def test_only_a_subscription_that_is_past_due_names_its_next_retry() -> None:
    assert normalise(XML["subscription"].replace("Past Due", "Active")).event.retries_at is None
    assert normalise(XML["subscription"].replace("2026-03-05", "some day")).event.retries_at is None


@pytest.mark.parametrize(
    ("status", "fields", "code", "category"),
    [
        ("processor_declined", "", "2001", Category.INSUFFICIENT_FUNDS),
        (
            "gateway_rejected",
            "<gateway-rejection-reason>cvv</gateway-rejection-reason>",
            "cvv",
            Category.INCORRECT_DETAILS,
        ),
        (
            "gateway_rejected",
            "<gateway-rejection-reason>three_d_secure</gateway-rejection-reason>",
            "three_d_secure",
            Category.AUTHENTICATION_REQUIRED,
        ),
        ("gateway_rejected", "", None, None),
        ("settlement_declined", "", None, None),
        (
            "authorization_expired",
            "<processor-response-code>1000</processor-response-code>",
            None,
            None,
        ),
    ],
)
def test_the_refusal_is_told_by_who_refused(
    status: str, fields: str, code: str | None, category: Category | None
) -> None:
    xml = XML["subscription"].replace("processor_declined", status)
    for line in ('<gateway-rejection-reason nil="true"/>', "<processor-response-code>2001</processor-response-code>"):
        xml = xml.replace(line, "") if status != "processor_declined" else xml
    for line in (
        "<network-response-code>51</network-response-code>",
        "<merchant-advice-code>02</merchant-advice-code>",
    ):
        xml = xml.replace(line, "")
    decline = normalise(xml.replace("<credit-card>", f"{fields}<credit-card>")).event.decline
    assert (decline.code if decline else None, decline.category if decline else None) == (code, category)


def test_who_pays_goes_to_the_directory() -> None:
    said = normalise(XML["subscription"]).customer.said
    assert (said.name, said.country, said.subdivision, said.postal_code) == ("Ada Example", "DE", "BE", "10115")
    assert said.email == ContactPoint(address="ada@example.com")
    assert normalise(XML["revoked"]).customer.said.email == ContactPoint(address="ada@example.com")


def test_an_id_that_only_adds_to_a_failure_does_not_lose_it() -> None:
    event = normalise(XML["subscription"].replace(">rcpcustomer<", ">ada@example.com<").replace(">rcptoken<", ">a b<"))
    assert event.event == FAILURE.model_copy(update={"customer_id": None, "credential_id": None})
    assert event.customer is None
