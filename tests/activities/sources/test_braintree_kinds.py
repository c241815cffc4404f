"""What each kind of Braintree's notifications becomes."""

from datetime import UTC, datetime

import pytest

from activities.customers import ContactPoint
from activities.sources.braintree_kinds import HANDLERS, NOT_DUNNING
from activities.sources.contract import UNRESOLVED, Lookup
from policies.declines import classify
from policies.events import (
    CustomerChanged,
    DisputeClosed,
    DisputeOpened,
    Ignored,
    IgnoredBecause,
    MethodChange,
    PaymentFailed,
    PaymentMethodChanged,
    PaymentSucceeded,
    SubscriptionCancelled,
    Unreadable,
)
from policies.instruments import Network, PaymentType
from policies.money import Money
from tests.activities.sources.braintree_signing import AT, FAILURE, XML, normalise, of_kind, paid, without


@pytest.mark.parametrize("kind", ["subscription_canceled", "subscription_expired"])
def test_a_subscription_that_ended_is_looked_up_by_its_id(kind: str) -> None:
    answer = normalise(of_kind("subscription", kind))
    assert answer.event == SubscriptionCancelled(event_id="row-1", happened_at=AT, invoice_id=UNRESOLVED)
    assert answer.lookup == Lookup(subscription_id="rcpsub1")


DEBIT_AT = datetime(2026, 3, 9, 6, tzinfo=UTC)


def test_a_bank_debit_that_came_back_is_a_failure_and_is_looked_up_by_its_payment() -> None:
    answer = normalise(XML["transaction"])
    assert answer.event == PaymentFailed(
        event_id="row-1",
        happened_at=DEBIT_AT,
        invoice_id=UNRESOLVED,
        credential_id="rcpbank",
        amount=Money(amount_minor=12000, currency="USD"),
        decline=classify("braintree", "4003", network=Network.ACH, payment_type=PaymentType.BANK_DEBIT),
    )
    assert answer.lookup == Lookup(payment_id="rcpdebit")


def test_a_transaction_of_a_subscription_belongs_to_the_claim_of_its_period() -> None:
    period = "<billing-period-start-date>2026-03-02</billing-period-start-date>"
    inside = f"<subscription-id>rcpsub1</subscription-id><subscription>{period}</subscription>"
    answer = normalise(XML["transaction"].replace("<type>", f"{inside}<type>"))
    assert (answer.event.invoice_id, answer.event.subscription_id) == (FAILURE.invoice_id, "rcpsub1")
    assert answer.lookup is None


@pytest.mark.parametrize("kind", ["transaction_settled", "transaction_retried"])
def test_a_transaction_that_settled_or_was_tried_again_is_judged_by_its_status(kind: str) -> None:
    xml = of_kind("transaction", kind)
    assert isinstance(normalise(xml).event, PaymentFailed)
    settled = normalise(xml.replace("settlement_declined</status>", "settled</status>"))
    assert settled.event == PaymentSucceeded(
        event_id="row-1",
        happened_at=DEBIT_AT,
        invoice_id=UNRESOLVED,
        paid=Money(amount_minor=12000, currency="USD"),
    )
    assert settled.lookup == Lookup(payment_id="rcpdebit")
    for status in ("authorized", "voided", "a_new_one"):
        answer = normalise(xml.replace("settlement_declined</status>", f"{status}</status>"))
        assert isinstance(answer, Ignored)
        assert status in answer.detail
    refund = normalise(xml.replace("sale", "credit"))
    assert refund == Ignored(reason=IgnoredBecause.NOT_DUNNING, detail="a refund")


KEY = "att_0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize("status", ["settled", "settlement_declined"])
def test_news_of_a_sale_of_ours_repeats_the_key_of_its_attempt(status: str) -> None:
    xml = XML["transaction"].replace("settlement_declined</status>", f"{status}</status>")
    answer = normalise(xml.replace("<type>", f"<order-id>{KEY}</order-id><type>"))
    assert (answer.attempt_key, answer.reference) == (KEY, "rcpdebit")


@pytest.mark.parametrize("order_id", ["order-17", KEY[:-1], KEY.upper(), KEY + "0", ""])
def test_an_order_id_of_somebody_else_is_no_key_of_ours(order_id: str) -> None:
    answer = normalise(XML["transaction"].replace("<type>", f"<order-id>{order_id}</order-id><type>"))
    assert answer.attempt_key is None


def test_a_failure_names_the_transaction_by_which_its_owner_lists_the_attempt() -> None:
    assert normalise(XML["transaction"]).reference == "rcpdebit"
    for kind in ("subscription_charged_unsuccessfully", "subscription_went_past_due"):
        answer = normalise(XML["subscription"].replace("subscription_charged_unsuccessfully", kind))
        assert (answer.reference, answer.event.credential_id) == ("rcptxn2", "rcptoken")


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("<token>rcptoken</token>", "<token>another</token>"),
        ("<status>processor_declined</status>", "<status>settled</status>"),
    ],
)
def test_an_attempt_on_another_way_to_pay_or_none_at_all_is_not_named(written: str, instead: str) -> None:
    assert written in XML["subscription"]
    assert normalise(XML["subscription"].replace(written, instead)).reference is None


DISPUTE_AT = datetime(2026, 3, 10, 12, tzinfo=UTC)


def test_a_dispute_is_looked_up_by_the_payment_it_takes_back() -> None:
    answer = normalise(XML["dispute"])
    assert answer.event == DisputeOpened(
        event_id="row-1", happened_at=DISPUTE_AT, invoice_id=UNRESOLVED, dispute_id="rcpdispute"
    )
    assert answer.lookup == Lookup(payment_id="rcptxn1")


def test_a_retrieval_is_only_an_inquiry() -> None:
    answer = normalise(XML["dispute"].replace("chargeback", "retrieval"))
    assert isinstance(answer, Ignored)
    assert "inquiry" in answer.detail


@pytest.mark.parametrize(
    ("kind", "won"),
    [
        ("dispute_won", True),
        ("dispute_lost", False),
        ("dispute_accepted", False),
        ("dispute_auto_accepted", False),
        ("dispute_expired", False),
    ],
)
def test_a_dispute_ends_won_or_lost_and_giving_in_is_losing(kind: str, won: bool) -> None:
    answer = normalise(of_kind("dispute", kind))
    assert answer.event == DisputeClosed(
        event_id="row-1", happened_at=DISPUTE_AT, invoice_id=UNRESOLVED, dispute_id="rcpdispute", won=won
    )
    assert answer.lookup == Lookup(payment_id="rcptxn1")


@pytest.mark.parametrize("kind", ["payment_method_revoked_by_customer", "granted_payment_method_revoked"])
def test_a_way_to_pay_that_was_revoked_is_removed(kind: str) -> None:
    answer = normalise(of_kind("revoked", kind))
    assert answer.event == PaymentMethodChanged(
        event_id="row-1",
        happened_at=datetime(2026, 3, 11, 8, tzinfo=UTC),
        invoice_id=UNRESOLVED,
        customer_id="rcpcustomer",
        change=MethodChange.REMOVED,
        credential_id="rcptoken",
    )
    assert answer.lookup == Lookup(credential_id="rcptoken")


@pytest.mark.parametrize("kind", ["grantor_updated_granted_payment_method", "recipient_updated_granted_payment_method"])
def test_a_shared_way_to_pay_with_new_data_is_updated(kind: str) -> None:
    answer = normalise(of_kind("granted", kind))
    assert answer.event == PaymentMethodChanged(
        event_id="row-1",
        happened_at=datetime(2026, 3, 12, 8, tzinfo=UTC),
        invoice_id=UNRESOLVED,
        change=MethodChange.UPDATED,
        credential_id="rcptoken",
    )
    assert answer.lookup == Lookup(credential_id="rcptoken")


def test_new_data_of_a_customer_goes_to_the_directory_and_not_into_the_event() -> None:
    answer = normalise(XML["customer_data"])
    assert answer.event == CustomerChanged(
        event_id="row-1",
        happened_at=datetime(2026, 3, 13, 8, tzinfo=UTC),
        invoice_id=UNRESOLVED,
        customer_id="rcpcustomer",
    )
    assert answer.lookup == Lookup(customer_id="rcpcustomer")
    said = answer.customer.said
    assert (said.name, said.postal_code) == ("Ada Example", "10115")
    assert (said.email, said.sms) == (ContactPoint(address="ada@example.com"), ContactPoint(address="+4930123456"))


def test_new_data_of_nobody_is_ignored() -> None:
    answer = normalise(without(XML["customer_data"], "customer-id"))
    assert isinstance(answer, Ignored)


def test_no_personal_data_is_in_any_event() -> None:
    for xml in (*XML.values(), paid()):
        told = normalise(xml).event.model_dump_json().lower()
        assert not any(word in told for word in ("ada", "example", "@", "10115", "493012", "berlin"))


@pytest.mark.parametrize("kind", sorted(NOT_DUNNING))
def test_kinds_that_say_nothing_are_ignored_with_a_reason(kind: str) -> None:
    answer = normalise(f"<notification><kind>{kind}</kind></notification>")
    assert answer == Ignored(reason=IgnoredBecause.NOT_DUNNING, detail=NOT_DUNNING[kind])


def test_an_unknown_kind_is_ignored_by_name() -> None:
    answer = normalise("<notification><kind>disbursement</kind></notification>")
    assert answer == Ignored(reason=IgnoredBecause.UNKNOWN_TYPE, detail="'disbursement' is no type we act on")


@pytest.mark.parametrize("subject", ["", "<subject/>", "<subject>text</subject>", "<subject><a>b</a></subject>"])
@pytest.mark.parametrize("kind", sorted(HANDLERS))
def test_a_notification_about_nothing_is_unreadable(kind: str, subject: str) -> None:
    stamp = "<timestamp>2026-03-02T09:58:30Z</timestamp>"
    answer = normalise(f"<notification><kind>{kind}</kind>{stamp}{subject}</notification>")
    assert isinstance(answer, Unreadable)
    assert answer.field.startswith("subject")
