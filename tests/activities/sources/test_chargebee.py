"""Chargebee's webhooks: basic auth and no signature; contents that differ; what each event becomes.

Fixtures are ours, shaped after Chargebee's published resources. Recorded payloads are read from RECOUP_REFERENCE_DATA.
"""

import base64
import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from activities.sources.chargebee import HANDLERS, ChargebeeSpeaker
from activities.sources.contract import UNRESOLVED, Addressed, Item, Lookup, Malformed, Rejected, Verified
from policies.declines import Category, classify
from policies.events import (
    CustomerChanged,
    DisputeOpened,
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
from tests.activities.sources.speaking import NOW, Delivery, SpeakerContract, recorded

SPEAKER = ChargebeeSpeaker()
FIXTURES = Path(__file__).parent / "fixtures" / "chargebee"
SHAPES = {path.stem: json.loads(path.read_bytes()) for path in sorted(FIXTURES.glob("*.json"))}
SECRET = "hooks:made up, with a colon: inside"
EUR = "EUR"


def basic(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode()


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def shape(name: str, kind: str | None = None, **resources: Any) -> Any:
    """A fixture with another type, other resources (None removes one) or other fields of one (`...` removes one)."""
    event = deepcopy(SHAPES[name])
    event["event_type"] = kind or event["event_type"]
    for resource, fields in resources.items():
        if fields is None:
            event["content"].pop(resource, None)
            continue
        about = event["content"].setdefault(resource, {})
        for field, value in fields.items():
            about.pop(field, None)
            if value is not ...:
                about[field] = value
    return event


def said(event: Any) -> Any:
    return SPEAKER.normalise(json.dumps(event).encode(), "row-1")


def told(event: Any) -> Addressed:
    answer = said(event)
    assert isinstance(answer, Addressed), answer
    return answer


def fact(event: Any) -> Any:
    return told(event).event


def ignored(event: Any) -> str:
    answer = said(event)
    assert isinstance(answer, Ignored), answer
    assert answer.reason is IgnoredBecause.NOT_DUNNING
    return answer.detail


class TestChargebee(SpeakerContract):
    speaker = SPEAKER
    genuine = tuple(
        Delivery(
            headers={"Authorization": basic(SECRET), "Content-Type": "application/json"},
            body=json.dumps(event).encode(),
            secrets=(SECRET,),
        )
        for event in SHAPES.values()
    )

    def test_the_headers_that_are_read_are_kept(self) -> None:
        """The only header that is read holds the password, and secrets live in the environment or in files, not in the
        database. Kept headers are for deliveries that a Prover checks later (Unproven); Chargebee's are verified before
        they are stored."""
        assert self.speaker.kept_headers == ()
        for one in self.genuine:
            assert not any(name.lower() in self.speaker.kept_headers for name in one.headers)


# Verifying


def verify(value: str | None, *secrets: str) -> Verified | Rejected:
    headers = {} if value is None else {"authorization": value}
    return SPEAKER.verify(headers, b"{}", secrets or (SECRET,), NOW)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic aG9va3M=",  # no colon
        "Basic \xff\xfe",
        "Basic \ud800",
        "Bearer " + base64.b64encode(SECRET.encode()).decode(),
        SECRET,
        basic(SECRET)[:-1],
        basic("hooks:"),
        basic(":"),
        basic(SECRET.upper()),
    ],
)
def test_whatever_is_not_our_user_and_password_is_refused_and_no_password_is_told(value: str | None) -> None:
    answer = verify(value)
    assert isinstance(answer, Rejected)
    assert "made up" not in answer.reason


def test_the_scheme_has_no_case_and_there_is_no_time_stamp_to_check() -> None:
    assert verify(basic(SECRET).replace("Basic", "bAsIc")) == Verified(signed_at=None)


@pytest.mark.parametrize(
    ("secret", "is_one"), [(SECRET, True), ("u:p", True), ("", False), ("word", False), (":p", False), ("u:", False)]
)
def test_a_secret_that_is_no_user_and_password_is_complained_about_and_never_counts(secret: str, is_one: bool) -> None:
    assert (SPEAKER.complaint_about(secret) is None) is is_one
    assert isinstance(verify(basic(secret), secret), Verified) is is_one


# Splitting


def test_an_event_is_one_item_under_its_own_id() -> None:
    body = json.dumps(SHAPES["payment_failed"]).encode()
    assert SPEAKER.split(body) == (Item(event_key="ev_made_up_1", body=body),)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id": "ev_1"}', b'{"event_type": "payment_failed"}', b"\xff"])
def test_what_is_no_event_is_malformed(body: bytes) -> None:
    assert isinstance(SPEAKER.split(body), Malformed)


# Failing


def test_a_failure_has_what_its_resources_say() -> None:
    answer = told(SHAPES["payment_failed"])
    assert answer.event == PaymentFailed(
        event_id="row-1",
        happened_at=moment(1764547200),
        version=1764547199900,
        invoice_id="INV-100",
        customer_id="cust-7",
        amount=Money(amount_minor=2500, currency=EUR),
        subscription_id="sub-7",
        credential_id="pm_made_up_1",
        retries_at=moment(1764633600),
        decline=classify("stripe", "insufficient_funds", "51", network=Network.VISA),
    )
    assert answer.lookup is None


def test_the_customers_data_goes_beside_the_event() -> None:
    news = told(SHAPES["payment_failed"]).customer
    assert news is not None
    assert news.customer_id == "cust-7"
    assert news.said.model_dump(exclude_unset=True) == {
        "name": "Ada Beispiel",
        "country": "DE",
        "subdivision": "BE",
        "postal_code": "10115",
        "locale": "de_DE",
        "since": moment(1700000000),
        "email": {"address": "ada@example.com"},
        "sms": {"address": "+4930123456"},
    }


def test_without_a_customer_the_invoices_address_tells_who_it_is_and_without_names_the_company() -> None:
    address = {"first_name": "Bo", "last_name": "Muster", "email": "bo@example.com", "country": "AT"}
    news = told(shape("payment_failed", customer=None, invoice={"billing_address": address})).customer
    assert news is not None
    assert news.customer_id == "cust-7"
    assert (news.said.name, news.said.country) == ("Bo Muster", "AT")
    assert news.said.addresses == {"email": "bo@example.com"}
    unnamed = shape("payment_failed", customer={"first_name": ..., "last_name": ..., "billing_address": ...})
    company = told(unnamed).customer
    assert company is not None
    assert company.said.name == "Beispiel GmbH"


@pytest.mark.parametrize("event", SHAPES.values(), ids=SHAPES.keys())
def test_no_personal_data_is_in_an_event(event: Any) -> None:
    text = told(event).event.model_dump_json()
    for personal in ("Ada", "Beispiel", "example.com", "+4930", "10115", "Weg", "0341"):
        assert personal not in text


def test_version_1_of_the_api_is_read_too() -> None:
    event = fact(SHAPES["payment_failed_v1"])
    assert event == PaymentFailed(
        event_id="row-1",
        happened_at=moment(1412101900),
        version=0,
        invoice_id="81",
        customer_id="cust-8",
        amount=Money(amount_minor=900, currency="USD"),
        subscription_id="sub-8",
        retries_at=moment(1412361100),
        decline=classify("braintree", "2001"),
    )
    assert event.decline.category is Category.INSUFFICIENT_FUNDS


@pytest.mark.parametrize(
    ("transaction", "decline"),
    [
        (
            {"error_detail": ..., "error_code": "card_declined"},
            classify("stripe", "card_declined", network=Network.VISA),
        ),
        ({"gateway": "paystack", "error_detail": ..., "error_code": "X9"}, classify("paystack", "X9")),
        ({"gateway": ..., "error_detail": ..., "error_code": "3001"}, classify("chargebee", "3001")),
        ({"error_detail": ..., "error_code": "no code at all!"}, None),
        ({"error_detail": ..., "error_code": ...}, None),
    ],
)
def test_the_code_is_the_gateways_and_stays_raw_where_we_have_no_table(transaction: Any, decline: Any) -> None:
    assert fact(shape("payment_failed", transaction=transaction)).decline == decline


def test_a_direct_debits_code_is_looked_up_among_the_debits() -> None:
    debit = {"payment_method": "direct_debit", "gateway": "paystack", "error_code": "x", "error_detail": ...}
    debit["error_detail"] = {"network_error_code": "R01"}
    decline = fact(shape("payment_failed", transaction=debit, card=None)).decline
    assert decline.category is Category.INSUFFICIENT_FUNDS


def test_advice_of_the_network_is_handed_on() -> None:
    detail = {"decline_code": "do_not_honor", "processor_advice_code": "03"}
    assert fact(shape("payment_failed", transaction={"error_detail": detail})).decline.advice_code == "03"


def test_the_invoice_is_that_of_the_transaction_where_the_content_has_none() -> None:
    answer = told(shape("payment_failed", invoice=None))
    assert (answer.event.invoice_id, answer.lookup) == ("INV-100", None)
    assert answer.event.version == 1764547199800


@pytest.mark.parametrize("linked", [..., [], [{"invoice_id": "1"}, {"invoice_id": "2"}]])
def test_a_failure_of_no_single_invoice_is_looked_up_by_its_payment(linked: Any) -> None:
    answer = told(shape("payment_failed", invoice=None, transaction={"linked_invoices": linked}))
    assert answer.event.invoice_id == UNRESOLVED
    assert answer.lookup == Lookup(payment_id="txn_made_up_1")


def test_a_payment_that_the_bank_takes_back_is_looked_up_by_the_payment_it_reverses() -> None:
    reversal = {"type": "payment_reversal", "status": "success", "linked_payments": [{"id": "txn_made_up_0"}]}
    event = shape(
        "payment_failed", "transaction_created", invoice=None, transaction={**reversal, "linked_invoices": []}
    )
    answer = told(event)
    assert isinstance(answer.event, PaymentFailed)
    assert answer.lookup == Lookup(payment_id="txn_made_up_0")


@pytest.mark.parametrize(
    ("resources", "says"),
    [
        ({"invoice": {"first_invoice": True}}, "first payment"),
        ({"subscription": {"auto_collection": "off"}}, "paid by hand"),
        ({"subscription": None, "customer": {"auto_collection": "off"}}, "paid by hand"),
        ({"subscription": None, "customer": None, "invoice": {"net_term_days": 30}}, "paid by hand"),
        ({"invoice": {"amount_due": 0}}, "nothing is owed"),
        ({"invoice": {"status": "voided"}}, "nothing is owed (the invoice is 'voided')"),
        ({"invoice": {"status": "paid", "amount_due": ...}}, "nothing is owed (the invoice is 'paid')"),
        ({"transaction": {"type": "authorization"}}, "no payment"),
        ({"transaction": {"type": "refund"}}, "no payment"),
    ],
)
def test_failures_that_are_no_dunning(resources: Any, says: str) -> None:
    assert says in ignored(shape("payment_failed", **resources))


@pytest.mark.parametrize("status", ["paid", "voided"])
@pytest.mark.parametrize("of_payment", [{"status": "late_failure"}, {"type": "payment_reversal", "status": "success"}])
def test_a_failed_payment_of_a_linked_invoice_that_is_closed_is_no_dunning(status: str, of_payment: Any) -> None:
    def event(*statuses: str) -> Any:
        linked = [{"invoice_id": f"INV-{number}", "invoice_status": one} for number, one in enumerate(statuses)]
        transaction = {**of_payment, "linked_invoices": linked}
        return shape("payment_failed", "transaction_updated", invoice=None, transaction=transaction)

    assert f"nothing is owed (the invoice is '{status}')" in ignored(event(status))
    assert "nothing is owed" in ignored(event(status, "paid"))
    assert isinstance(fact(event(status, "payment_due")), PaymentFailed)
    assert isinstance(fact(event("payment_due")), PaymentFailed)


def test_net_terms_do_not_matter_where_chargebee_collects_by_itself() -> None:
    assert isinstance(fact(shape("payment_failed", invoice={"net_term_days": 30})), PaymentFailed)


def test_ids_that_only_add_to_an_event_are_left_out_when_they_are_odd() -> None:
    odd = shape("payment_failed", transaction={"subscription_id": "a b"}, invoice={"subscription_id": "x/y"})
    assert fact(odd).subscription_id is None
    event = shape("payment_failed", customer={"id": "ada@example.com"}, invoice={"customer_id": ...})
    for resource in ("transaction", "subscription"):
        event["content"][resource].pop("customer_id")
    assert told(event).event.customer_id is None
    assert told(event).customer is None


def test_a_failure_without_a_currency_is_still_a_failure() -> None:
    event = shape("payment_failed", invoice={"currency_code": ...}, transaction={"currency_code": ...})
    assert fact(event).amount is None


# Paying


def test_a_success_names_all_that_was_paid_and_credits_settle_without_being_paid() -> None:
    assert fact(SHAPES["payment_succeeded"]) == PaymentSucceeded(
        event_id="row-1",
        happened_at=moment(1764720000),
        version=1764720000200,
        invoice_id="INV-100",
        customer_id="cust-7",
        paid=Money(amount_minor=2500, currency=EUR),
    )


def test_failure_and_success_of_a_claim_name_the_same_invoice() -> None:
    assert fact(SHAPES["payment_failed"]).invoice_id == fact(SHAPES["payment_succeeded"]).invoice_id


def test_a_part_payment_says_what_is_still_owed() -> None:
    part = {"status": "payment_due", "amount_paid": 1000, "amount_due": 1500}
    event = fact(shape("payment_succeeded", invoice=part))
    assert event.remaining == Money(amount_minor=1500, currency=EUR)


@pytest.mark.parametrize(
    ("invoice", "remaining", "is_asked"),
    [
        ({"status": "paid", "amount_due": ...}, None, False),
        ({"status": "paid", "amount_due": 0}, None, False),
        ({"status": "payment_due", "amount_due": 0}, None, False),
        ({"status": ..., "amount_due": 1500}, 1500, False),
        ({"status": "payment_due", "amount_due": ...}, None, True),
        ({"status": ..., "amount_due": None}, None, True),
    ],
)
def test_a_payment_settles_only_what_is_paid_or_has_nothing_due(invoice: Any, remaining: Any, is_asked: bool) -> None:
    answer: Any = told(shape("payment_succeeded", invoice=invoice))
    owed = answer.event.remaining
    assert (owed.amount_minor if owed else None, answer.one_payment) == (remaining, is_asked)


def test_a_payment_of_a_voided_invoice_tells_of_its_end() -> None:
    assert isinstance(fact(shape("payment_succeeded", invoice={"status": "voided"})), InvoiceVoided)


@pytest.mark.parametrize("kind", ["payment_succeeded", "transaction_created"])
def test_a_success_whose_transaction_did_not_succeed_is_what_the_transaction_says(kind: str) -> None:
    for status in ("in_progress", "voided", "timeout", "needs_attention"):
        event = shape("payment_succeeded", kind, transaction={"status": status})
        assert "neither failed nor succeeded" in ignored(event)
    owed = {"status": "payment_due", "amount_due": 2500}
    for status in ("failure", "late_failure"):
        failed = shape("payment_succeeded", kind, transaction={"status": status}, invoice=owed)
        assert isinstance(fact(failed), PaymentFailed)


def test_a_success_without_a_status_is_one() -> None:
    assert isinstance(fact(shape("payment_succeeded", transaction={"status": ...})), PaymentSucceeded)


def test_money_that_was_recorded_by_hand_came_in_another_way() -> None:
    by_hand = {"gateway": "not_applicable", "payment_method": "bank_transfer"}
    assert fact(shape("payment_succeeded", transaction=by_hand)).out_of_band


@pytest.mark.parametrize("kind", ["payment_succeeded", "transaction_created", "transaction_updated"])
def test_without_an_invoice_the_payment_settles_the_one_it_is_linked_to(kind: str) -> None:
    event = fact(shape("payment_succeeded", kind, invoice=None))
    assert (event.invoice_id, event.paid) == ("INV-100", Money(amount_minor=2500, currency=EUR))


@pytest.mark.parametrize(
    ("linked", "says"),
    [
        ([], "linked to 0 invoices"),
        ([{"invoice_id": "1"}, {"invoice_id": "2"}], "linked to 2 invoices"),
        ([{"invoice_id": "1", "applied_amount": 5, "invoice_status": "payment_due"}], "part of the invoice"),
    ],
)
def test_a_payment_that_settles_no_single_invoice_is_left_to_the_invoices(linked: Any, says: str) -> None:
    assert says in ignored(shape("payment_succeeded", invoice=None, transaction={"linked_invoices": linked}))


@pytest.mark.parametrize(
    ("status", "becomes"), [("failure", PaymentFailed), ("late_failure", PaymentFailed), ("success", PaymentSucceeded)]
)
def test_a_transaction_is_what_its_status_says(status: str, becomes: type) -> None:
    name = "payment_failed" if becomes is PaymentFailed else "payment_succeeded"
    assert isinstance(fact(shape(name, "transaction_updated", transaction={"status": status})), becomes)


@pytest.mark.parametrize("status", ["in_progress", "voided", "timeout", "needs_attention"])
def test_a_transaction_without_a_clear_end_says_nothing(status: str) -> None:
    event = shape("payment_failed", "transaction_updated", transaction={"status": status})
    assert "neither failed nor succeeded" in ignored(event)


# Invoices


@pytest.mark.parametrize(
    ("invoice", "becomes"),
    [
        ({"status": "voided"}, InvoiceVoided),
        ({"status": "paid", "amount_due": 0}, PaymentSucceeded),
        ({"status": "paid", "amount_due": 0, "credits_applied": 4000}, PaymentSucceeded),
        ({"status": "paid", "amount_due": 0, "write_off_amount": 2500}, InvoiceVoided),
        ({"status": "paid", "amount_due": 0, "amount_adjusted": 4000, "credits_applied": 0}, InvoiceVoided),
        ({"status": "paid", "amount_due": 0, "amount_adjusted": 100, "amount_paid": 3900}, PaymentSucceeded),
        ({"status": "payment_due"}, PaymentFailed),
        ({"status": "payment_due", "dunning_status": "exhausted"}, PaymentFailed),
        ({"status": "not_paid", "dunning_status": "exhausted"}, PaymentFailed),
        ({"status": "not_paid", "dunning_status": ...}, PaymentFailed),
    ],
)
@pytest.mark.parametrize("kind", ["invoice_updated", "dunning_updated"])
def test_an_invoice_is_what_its_status_and_its_dunning_say(kind: str, invoice: Any, becomes: type) -> None:
    event = fact(shape("payment_failed", kind, transaction=None, invoice=invoice))
    assert (type(event), event.invoice_id, event.version) == (becomes, "INV-100", 1764547199900)


@pytest.mark.parametrize(
    ("invoice", "says"),
    [
        ({"status": "payment_due", "dunning_status": ...}, "not in dunning"),
        ({"status": "posted", "dunning_status": ...}, "not in dunning"),
        ({"status": "pending", "dunning_status": ...}, "not in dunning"),
        ({"status": "payment_due", "dunning_status": "stopped"}, "stopped dunning"),
        ({"status": "not_paid", "dunning_status": "stopped"}, "stopped dunning"),
        ({"status": "payment_due", "first_invoice": True}, "first payment"),
    ],
)
def test_invoices_that_are_no_dunning(invoice: Any, says: str) -> None:
    assert says in ignored(shape("payment_failed", "invoice_updated", transaction=None, invoice=invoice))


def test_a_deleted_invoice_is_owed_no_more() -> None:
    assert isinstance(fact(shape("payment_failed", "invoice_deleted")), InvoiceVoided)


def test_a_credit_note_for_a_chargeback_is_a_dispute() -> None:
    assert fact(SHAPES["credit_note_created"]) == DisputeOpened(
        event_id="row-1",
        happened_at=moment(1764800000),
        version=1764800000000,
        invoice_id="INV-100",
        customer_id="cust-7",
        dispute_id="CN-5",
    )
    own_word = {"reason_code": "other", "create_reason_code": "Chargeback"}
    assert isinstance(fact(shape("credit_note_created", credit_note=own_word)), DisputeOpened)
    assert "no chargeback" in ignored(shape("credit_note_created", credit_note={"reason_code": "waiver"}))


# Subscriptions, customers, ways to pay


@pytest.mark.parametrize(
    "kind", ["subscription_cancelled", "subscription_canceled_with_backdating", "subscription_deleted"]
)
def test_a_subscription_that_ended_is_looked_up(kind: str) -> None:
    answer = told(shape("subscription_cancelled", kind))
    assert isinstance(answer.event, SubscriptionCancelled)
    assert answer.lookup == Lookup(subscription_id="sub-7")
    assert answer.event.version == 1764900000001


@pytest.mark.parametrize("kind", ["customer_created", "customer_changed"])
def test_news_of_a_customer_goes_to_the_directory(kind: str) -> None:
    answer = told(shape("payment_failed", kind, invoice=None, transaction=None, subscription=None, card=None))
    assert isinstance(answer.event, CustomerChanged)
    assert answer.event.customer_id == "cust-7"
    assert answer.customer is not None


def test_a_deleted_customer_ends_every_claim_on_them_and_their_data_is_not_kept_anew() -> None:
    answer = told(shape("payment_failed", "customer_deleted", invoice=None, transaction=None, subscription=None))
    assert isinstance(answer.event, SubscriptionCancelled)
    assert answer.event.invoice_id == UNRESOLVED
    assert answer.lookup == Lookup(customer_id="cust-7")
    assert answer.customer is None


def test_a_new_way_to_pay_is_the_one_that_is_charged_from_now_on() -> None:
    answer = told(shape("payment_source_added", customer={"primary_payment_source_id": "pm_primary"}))
    assert answer.event == PaymentMethodChanged(
        event_id="row-1",
        happened_at=moment(1764600000),
        version=1764600000400,
        invoice_id=UNRESOLVED,
        customer_id="cust-7",
        change=MethodChange.ADDED,
        credential_id="pm_primary",
    )
    assert answer.lookup == Lookup(customer_id="cust-7")


@pytest.mark.parametrize(
    ("kind", "resources", "change", "credential_id"),
    [
        ("payment_source_updated", {}, MethodChange.UPDATED, "pm_made_up_9"),
        ("payment_source_updated", {"payment_source": {"status": "expired"}}, MethodChange.EXPIRED, "pm_made_up_9"),
        ("payment_source_expired", {"payment_source": {"id": "pm_2"}}, MethodChange.EXPIRED, "pm_2"),
        ("payment_source_deleted", {"payment_source": {"id": "pm_2"}}, MethodChange.REMOVED, "pm_2"),
        ("payment_source_locally_deleted", {"payment_source": None}, MethodChange.REMOVED, None),
        ("payment_source_added", {"customer": None}, MethodChange.ADDED, "pm_made_up_9"),
        ("card_added", {"payment_source": None}, MethodChange.ADDED, "pm_made_up_9"),
        ("card_updated", {"payment_source": None}, MethodChange.UPDATED, "pm_made_up_9"),
        ("card_expired", {"payment_source": None}, MethodChange.EXPIRED, "pm_made_up_9"),
        ("card_expired", {"payment_source": None, "card": {"payment_source_id": "p"}}, MethodChange.EXPIRED, "p"),
        ("card_deleted", {"payment_source": None}, MethodChange.REMOVED, None),
    ],
)
def test_a_way_to_pay_that_changed_is_named(kind: str, resources: Any, change: Any, credential_id: Any) -> None:
    event = fact(shape("payment_source_added", kind, **resources))
    assert (event.change, event.credential_id) == (change, credential_id)


@pytest.mark.parametrize("status", ["invalid", "pending_verification"])
def test_a_way_to_pay_that_cannot_be_charged_is_no_news(status: str) -> None:
    assert "cannot be charged" in ignored(shape("payment_source_added", payment_source={"status": status}))
    by_customer = shape("payment_source_added", "card_added", payment_source=None)
    by_customer["content"]["customer"]["payment_method"]["status"] = status
    assert "cannot be charged" in ignored(by_customer)


@pytest.mark.parametrize("kind", ["card_expiry_reminder", "payment_source_expiring"])
def test_a_card_that_will_expire_has_not_changed(kind: str) -> None:
    assert "will expire" in ignored(shape("payment_source_added", kind))


# What cannot be read


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (shape("payment_failed", invoice={"id": ...}), "content.invoice.id"),
        (shape("payment_failed", invoice={"id": "4111111111111111"}), "content.invoice.id"),
        (shape("payment_failed", invoice={"amount_due": "2500.00"}), "content.invoice.amount_due"),
        (shape("payment_failed", invoice={"amount_due": 25.5}), "content.invoice.amount_due"),
        (shape("payment_failed", invoice={"currency_code": "usdc"}), "content.invoice.currency_code"),
        (shape("payment_failed", invoice=None, transaction=None), "content.transaction.id"),
        (shape("payment_failed", transaction={"error_code": "4111111111111111"}), "content.transaction.error_code"),
        (shape("payment_succeeded", invoice={"amount_paid": ...}), "content.invoice.amount_paid"),
        (
            shape("payment_succeeded", invoice={"currency_code": ...}, transaction={"currency_code": ...}),
            "content.invoice.currency_code",
        ),
        (shape("payment_failed", "transaction_updated", transaction=None), "content.transaction.status"),
        (shape("payment_failed", "invoice_updated", invoice=None), "content.invoice.status"),
        (
            shape("credit_note_created", credit_note={"reference_invoice_id": ...}),
            "content.credit_note.reference_invoice_id",
        ),
        (shape("subscription_cancelled", subscription={"id": "tax customer"}), "content.subscription.id"),
        (shape("subscription_cancelled", "customer_changed", customer=None), "content.customer.id"),
        (shape("payment_source_added", customer=None, payment_source={"customer_id": ...}), "content.customer.id"),
    ],
)
def test_what_should_have_become_a_fact_and_cannot_names_the_field(event: Any, field: str) -> None:
    answer = said(event)
    assert isinstance(answer, Unreadable), answer
    assert answer.field == field
    assert "4111" not in answer.reason


@pytest.mark.parametrize(
    ("field", "value"), [("occurred_at", "1764547200"), ("occurred_at", 0), ("content", []), ("content", None)]
)
def test_an_envelope_without_time_or_content_is_unreadable(field: str, value: Any) -> None:
    answer = said({**SHAPES["payment_failed"], field: value})
    assert isinstance(answer, Unreadable)
    assert answer.field == field


@pytest.mark.parametrize("version", [None, "1764547199900", -1, 10**20, 1.5])
def test_an_odd_version_counts_as_none(version: Any) -> None:
    odd = {"resource_version": version}
    event = shape("payment_failed", transaction=odd, invoice=odd, customer=odd)
    assert fact(event).version == 0


@pytest.mark.parametrize("kind", ["hosted_page_created", "payment_intent_updated", "plan_created", "x" * 500])
def test_other_types_are_ignored_by_name(kind: str) -> None:
    answer = said(shape("payment_failed", kind))
    assert isinstance(answer, Ignored)
    assert answer.reason is IgnoredBecause.UNKNOWN_TYPE


def test_every_type_we_act_on_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "sources" / "chargebee.md").read_text(encoding="utf-8")
    assert [kind for kind in HANDLERS if f"`{kind}`" not in text] == []


# What others recorded


def outcome(event: Any, lookup: Lookup | None = None, customer: set[str] | None = None) -> Any:
    """What an event should become; of the customer's data the names of the fields."""
    return event, lookup, customer


def about(seconds: int, version: int, customer_id: str, invoice_id: str = UNRESOLVED) -> dict[str, Any]:
    return {
        "event_id": "row-1",
        "happened_at": moment(seconds),
        "version": version,
        "invoice_id": invoice_id,
        "customer_id": customer_id,
    }


ROSS, PLAN = "3Nl7oGgQqGFprj9", "16CHTnSAxXWqMAg8"
PERSON = {"name", "email", "since"}
FIRST = "first payment of a new subscription (first_invoice)"
RECORDED: dict[str, Any] = {
    "card_expired__mock-chargebee": outcome(
        PaymentMethodChanged(
            **about(1349029801, 1349029801000, ROSS),
            change=MethodChange.EXPIRED,
            credential_id="pm_3Nl7oGgQqGFpzgB",
        ),
        Lookup(customer_id=ROSS),
        PERSON,
    ),
    "card_expiry_reminder__mock-chargebee": "the way to pay will expire; nothing has changed yet",
    "customer_changed__mock-chargebee": outcome(
        CustomerChanged(**about(1600447798, 1600447797996, PLAN)), customer={"name", "locale", "since"}
    ),
    "invoice_updated__mock-chargebee": FIRST,
    "payment_failed__mock-chargebee": outcome(
        PaymentFailed(
            **about(1364845255, 1364845255000, ROSS, "6"),
            amount=Money(amount_minor=224, currency="USD"),
            subscription_id="3Nl7oGgQqGFprj9",
            credential_id="pm_3Nl7oGgQqGG6Jr42",
            retries_at=moment(1364931655),
            decline=classify("chargebee", "3001"),
        ),
        customer=PERSON,
    ),
    "payment_source_updated__mock-chargebee": outcome(
        PaymentMethodChanged(
            **about(1349120450, 1349120450000, ROSS),
            change=MethodChange.UPDATED,
            credential_id="pm_3Nl7oGgQqGFwhb1k",
        ),
        Lookup(customer_id=ROSS),
        PERSON,
    ),
    # recorded by hand: cash, at no gateway
    "payment_succeeded__mock-chargebee": outcome(
        PaymentSucceeded(
            **about(1607708103, 1607708103484, "16BjsrSIh4AdLqkD", "22"),
            paid=Money(amount_minor=450000, currency="USD"),
            out_of_band=True,
        ),
        customer={*PERSON, "country", "subdivision", "postal_code", "locale"},
    ),
    "subscription_cancelled__mock-chargebee": outcome(
        SubscriptionCancelled(**about(1601524835, 1601524835836, PLAN)),
        Lookup(subscription_id="AzqgumSAxXl3xAxW"),
        {"name", "locale", "since"},
    ),
    # a cheque that pays no invoice yet
    "transaction_created__mock-chargebee": "the payment is linked to 0 invoices; invoice_updated tells of each",
}


def test_every_recorded_event_becomes_what_we_read_in_it() -> None:
    bodies = recorded("chargebee")
    assert bodies.keys() == RECORDED.keys(), "read the new payloads and write down what they should become"
    for name, body in bodies.items():
        assert isinstance(SPEAKER.split(body), tuple), name
        answer = SPEAKER.normalise(body, "row-1")
        if isinstance(answer, Addressed):
            fields = set(answer.customer.said.model_fields_set) if answer.customer else None
            assert (answer.event, answer.lookup, fields) == RECORDED[name], name
        else:
            assert answer == Ignored(reason=IgnoredBecause.NOT_DUNNING, detail=RECORDED[name]), name


def test_a_recorded_code_of_chargebees_own_gateway_stays_raw() -> None:
    answer: Any = SPEAKER.normalise(recorded("chargebee")["payment_failed__mock-chargebee"], "row-1")
    assert (answer.event.decline.code, answer.event.decline.category) == ("3001", Category.UNKNOWN)
