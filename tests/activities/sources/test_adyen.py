"""Adyen's webhooks: theirs signs and ours verifies; what they say becomes what we say.

Fixtures are ours, shaped after Adyen's published objects. With RECOUP_REFERENCE_DATA set, vectors and payloads that
other projects recorded are read from there; they are not part of this repository.
"""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.customers import ContactPoint, Customer
from activities.sources.adyen import HANDLERS, SAYS_NOTHING
from activities.sources.contract import UNRESOLVED, Addressed, Lookup
from activities.sources.customer_news import CustomerNews
from policies.card_numbers import looks_like_card_number
from policies.declines import Category, CustomerAction, Decline, Retryable
from policies.events import (
    DisputeClosed,
    DisputeOpened,
    FraudWarning,
    Ignored,
    IgnoredBecause,
    MethodChange,
    PaymentFailed,
    PaymentMethodChanged,
    PaymentSucceeded,
    Unreadable,
)
from policies.money import Money
from tests.activities.sources.adyen_shapes import (
    BATCH,
    KEY,
    SHAPES,
    SPEAKER,
    TOKEN,
    TOKEN_HEADERS,
    at,
    fact,
    normalise,
    shape,
    signed,
)
from tests.activities.sources.speaking import Delivery, SpeakerContract, recorded


class TestAdyen(SpeakerContract):
    speaker = SPEAKER
    genuine = (
        Delivery(headers={}, body=BATCH, secrets=(KEY,)),
        Delivery(headers={}, body=json.dumps(signed(SHAPES["authorisation_refused"])).encode(), secrets=(KEY,)),
        Delivery(headers=TOKEN_HEADERS, body=TOKEN, secrets=(KEY,)),
    )


def test_adyen_wants_to_read_accepted() -> None:
    assert SPEAKER.accepted == "[accepted]"


EURO_29 = Money(amount_minor=2900, currency="EUR")


def test_a_refused_payment_opens_a_case_with_all_that_it_says() -> None:
    assert normalise(SHAPES["authorisation_refused"]) == Addressed(
        event=PaymentFailed(
            event_id="row-1",
            happened_at=at("2026-02-27T03:12:09Z"),
            invoice_id="INV-2026-0207",
            customer_id="shopper-7",
            amount=EURO_29,
            credential_id="8415736344864224",
            decline=Decline(
                gateway="adyen",
                code="12",
                network_code="51",
                advice_code="25",
                category=Category.INSUFFICIENT_FUNDS,
                retryable=Retryable.YES,
                customer_action=CustomerAction.WAIT_FUNDS,
                earliest_retry=timedelta(hours=24),
                decided_by="mastercard_mac 25",
            ),
        ),
        customer=CustomerNews(
            customer_id="shopper-7",
            said=Customer(
                country="NL",
                locale="nl_NL",
                email=ContactPoint(address="ada@example.com"),
                sms=ContactPoint(address="+31612345678"),
            ),
        ),
        reference="GHT5KX2PQ9LNRK82",
    )


def test_no_personal_data_enters_the_event() -> None:
    told = shape("authorisation_refused", extra={"cardHolderName": "Ada Lovelace", "shopperIP": "192.0.2.7"})
    event = fact(told).model_dump_json()
    assert [word for word in ("ada@", "Ada", "192.0.2.7", "+316", "0042") if word in event] == []


def test_failure_and_success_are_about_the_same_claim() -> None:
    paid = fact(SHAPES["authorisation"])
    assert paid == PaymentSucceeded(
        event_id="row-1",
        happened_at=at("2026-02-27T03:12:09Z"),
        invoice_id=fact(SHAPES["authorisation_refused"]).invoice_id,
        customer_id="shopper-7",
        paid=EURO_29,
    )


@pytest.mark.parametrize("reference", ["", ..., None, "two words", "ada@example.com", "4242424242424242", "a/b"])
def test_a_reference_that_cannot_name_an_invoice_leaves_it_to_the_payment(reference: object) -> None:
    first = normalise(shape("authorisation", merchantReference=reference))
    assert first.event.invoice_id == UNRESOLVED
    assert first.lookup == Lookup(payment_id="8835736344864230")
    later = normalise(shape("authorisation", merchantReference=reference, originalReference="9913140798220028"))
    assert later.lookup == Lookup(payment_id="9913140798220028")


def test_references_of_16_digits_are_adyens_own_and_no_card_numbers() -> None:
    """Until about 2021 all were, of which every tenth passes the Luhn check: two digits, unix seconds, four digits."""
    references = [str(number) for number in range(8835736344864230, 8835736344864260)]
    references += [str(number) for number in range(8115736344864230, 8115736344864260)]
    assert not any(looks_like_card_number(number) for number in references)
    for number in references:
        answer = normalise(shape("authorisation", merchantReference="", pspReference=number))
        assert answer.lookup == Lookup(payment_id=number)
    visa = normalise(shape("authorisation", merchantReference="", pspReference="4242424242424242"))
    assert isinstance(visa, Unreadable)
    assert "4242" not in visa.reason


def test_a_zero_amount_is_a_tokenisation() -> None:
    for success in ("true", "false"):
        zero = normalise(shape("authorisation", amount={"currency": "USD", "value": 0}, success=success))
        assert zero.reason is IgnoredBecause.NOT_DUNNING
        assert "zero amount" in zero.detail


@pytest.mark.parametrize(("scheduled", "is_true"), [("true", True), ("false", False), (..., False)])
def test_auto_rescue_fields_say_that_adyen_itself_retries(scheduled: object, is_true: bool) -> None:
    told = shape("authorisation_refused", extra={"retry.rescueScheduled": scheduled})
    assert fact(told).retries_itself is is_true


def test_what_adyens_own_retries_brought_counts_and_their_end_alone_does_not() -> None:
    rescued = fact(shape("authorisation", "AUTORESCUE", originalReference="9913140798220028"))
    assert isinstance(rescued, PaymentSucceeded)
    assert normalise(shape("authorisation", "AUTORESCUE", success="false")).reason is IgnoredBecause.NOT_DUNNING


def test_a_capture_that_failed_failed_although_its_success_is_true() -> None:
    for code, success in (("CAPTURE_FAILED", "true"), ("CAPTURE", "false")):
        failed = fact(shape("authorisation", code, success=success, reason="Capture Failed"))
        assert isinstance(failed, PaymentFailed)
        assert failed.amount == EURO_29
    assert isinstance(fact(shape("authorisation", "CAPTURE")), PaymentSucceeded)


def test_a_capture_and_a_part_of_an_order_are_one_payment_of_maybe_several() -> None:
    part, alone = {"order-pspReference": "ORD1"}, {"merchantOrderReference": "order-1"}
    assert normalise(shape("authorisation", "CAPTURE")).one_payment
    for told in (part, {"order-2-pspReference": "P2", "order-1-pspReference": "P1"}):
        assert normalise(shape("authorisation", extra=told)).one_payment
    for whole in (shape("authorisation", extra=alone), shape("authorisation_refused", extra=part)):
        assert not normalise(whole).one_payment


@pytest.mark.parametrize(
    ("code", "status", "won"),
    [
        ("CHARGEBACK", "Undefended", None),
        ("CHARGEBACK", "Won", True),
        ("CHARGEBACK", "Lost", False),
        ("CHARGEBACK", "Accepted", False),
        ("NOTIFICATION_OF_CHARGEBACK", ..., None),
        ("PREARBITRATION_OPEN", ..., None),
        ("CHARGEBACK_REVERSED", "Pending", True),
        ("PREARBITRATION_WON", ..., True),
        ("ISSUER_RESPONSE_TIMEFRAME_EXPIRED", "Won", True),
        ("SECOND_CHARGEBACK", ..., False),
        ("PREARBITRATION_LOST", ..., False),
        ("DISPUTE_DEFENSE_PERIOD_ENDED", "Expired", False),
    ],
)
def test_a_dispute_ends_by_its_status_or_else_by_its_event(code: str, status: object, won: bool | None) -> None:
    event = fact(shape("chargeback", code, extra={"disputeStatus": status}, paymentMethod="visa"))
    assert getattr(event, "won", None) is won
    assert isinstance(event, DisputeOpened if won is None else DisputeClosed)


@pytest.mark.parametrize("code", ["CHARGEBACK", "NOTIFICATION_OF_CHARGEBACK", "DISPUTE_OPENED_WITH_CHARGEBACK"])
def test_a_returned_debit_failed_unless_its_dispute_was_won(code: str) -> None:
    def returned(status: object) -> Any:
        told = {"chargebackReasonCode": "AM04", "disputeStatus": status}
        return fact(shape("chargeback", code, extra=told, paymentMethod="sepadirectdebit"))

    won = returned("Won")
    assert isinstance(won, DisputeClosed)
    assert won.won
    for status in (..., "Undefended", "Pending", "Lost", "Accepted"):
        assert isinstance(returned(status), PaymentFailed)


def test_a_fraud_warning_carries_the_networks_word() -> None:
    told = {"nofReasonCode": " 6", "nofSchemeCode": "visa"}
    assert fact(shape("chargeback", "NOTIFICATION_OF_FRAUD", extra=told)).signal == "visa_6"
    assert fact(shape("chargeback", "NOTIFICATION_OF_FRAUD", paymentMethod="mc")).signal == "mastercard"


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("recurring.token.created", MethodChange.ADDED),
        ("recurring.token.alreadyExisting", MethodChange.ADDED),
        ("recurring.token.updated", MethodChange.UPDATED),
        ("recurring.token.disabled", MethodChange.REMOVED),
    ],
)
def test_tokens_are_told_to_the_cases_of_their_customer(kind: str, change: MethodChange) -> None:
    assert normalise({**SHAPES["token_disabled"], "type": kind}) == Addressed(
        event=PaymentMethodChanged(
            event_id="row-1",
            happened_at=at("2026-02-28T08:30:00Z"),
            invoice_id=UNRESOLVED,
            customer_id="shopper-7",
            change=change,
            credential_id="8415736344864224",
        ),
        lookup=Lookup(customer_id="shopper-7"),
    )


def test_a_recurring_contract_names_its_token_only_when_it_was_made() -> None:
    made = fact(shape("authorisation", "RECURRING_CONTRACT"))
    assert (made.change, made.credential_id) == (MethodChange.ADDED, "8415736344864224")
    gone = fact(shape("authorisation", "DISABLE_RECURRING"))
    assert (gone.change, gone.credential_id) == (MethodChange.REMOVED, "8415736344864224")
    assert normalise(shape("authorisation", "RECURRING_CONTRACT", success="false")).reason is IgnoredBecause.NOT_DUNNING


@pytest.mark.parametrize("kind", ["ach.notificationOfChange", "eft.notificationOfChange"])
def test_a_bank_that_changed_an_account_names_the_customer_and_no_number(kind: str) -> None:
    change = {"reasonCode": "C07", "newBankAccountNumber": "987654321", "newBankAccountType": "Checking"}
    data = {"pspReference": "GHT5KX2PQ9LNRK82", "shopperReference": "shopper-7", "notificationOfChange": change}
    answer = normalise({"type": kind, "createdAt": "2026-03-01T01:00:00+01:00", "data": data})
    assert (answer.event.change, answer.event.credential_id) == (MethodChange.UPDATED, None)
    assert answer.lookup == Lookup(customer_id="shopper-7")
    assert "987654321" not in answer.model_dump_json()


@pytest.mark.parametrize(
    ("currency", "value", "minor"), [("JPY", 500, 500), ("TND", 1234, 1234), ("ISK", 279000, 2790), ("IDR", 9, 900)]
)
def test_amounts_become_those_of_iso_4217(currency: str, value: int, minor: int) -> None:
    paid = fact(shape("authorisation", amount={"currency": currency, "value": value})).paid
    assert paid == Money(amount_minor=minor, currency=currency)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"amount": ...}, "amount.value"),
        ({"amount": {"currency": "EUR", "value": "29.00"}}, "amount.value"),
        ({"amount": {"currency": "EUR", "value": -1}}, "amount.value"),
        ({"amount": {"currency": "CLP", "value": 150}}, "amount.value"),
        ({"amount": {"value": 2900}}, "amount.currency"),
        ({"amount": {"currency": "EURO", "value": 2900}}, "amount.currency"),
        ({"success": True}, "success"),
        ({"success": ...}, "success"),
        ({"eventDate": ...}, "eventDate"),
        ({"eventDate": "27.02.2026"}, "eventDate"),
        ({"merchantReference": "", "pspReference": ...}, "pspReference"),
    ],
)
def test_a_field_that_we_need_and_cannot_read_is_named(fields: Any, field: str) -> None:
    answer = normalise(shape("authorisation", **fields))
    assert isinstance(answer, Unreadable)
    assert answer.field == field


def test_a_token_of_nobody_is_named() -> None:
    data = {"storedPaymentMethodId": "8415736344864224", "shopperReference": "ada@example.com"}
    answer = normalise({**SHAPES["token_disabled"], "data": data})
    assert isinstance(answer, Unreadable)
    assert answer.field == "data.shopperReference"
    assert "ada@" not in answer.reason
    assert normalise({**SHAPES["token_disabled"], "data": None}).field == "data"


def test_every_type_we_act_on_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "sources" / "adyen.md").read_text(encoding="utf-8")
    assert [kind for kind in (*HANDLERS, *SAYS_NOTHING) if f"`{kind}`" not in text] == []


# What others recorded


EURO_10 = Money(amount_minor=1000, currency="EUR")
SHOPPER = "YOUR_SHOPPER_REFERENCE"
EXAMPLE: dict[str, Any] = {
    "event_id": "row-1",
    "happened_at": at("2021-01-01T00:00:00Z"),
    "invoice_id": "YOUR_MERCHANT_REFERENCE",
}
"""What most of Adyen's own examples have in common."""

DISPUTE: dict[str, Any] = {**EXAMPLE, "dispute_id": "QFQTPCQ8HXSKGK82"}


def unknown(code: str) -> Decline:
    return Decline(
        gateway="adyen",
        code=code,
        category=Category.UNKNOWN,
        retryable=Retryable.YES,
        customer_action=CustomerAction.CONTACT_BANK,
        decided_by=f"no row for adyen code {code}",
    )


def paid_at(happened_at: str, payment_id: str) -> Addressed:
    """A payment whose reference is no identifier: it holds spaces and slashes."""
    event = PaymentSucceeded(event_id="row-1", happened_at=at(happened_at), invoice_id=UNRESOLVED, paid=EURO_10)
    return Addressed(event=event, lookup=Lookup(payment_id=payment_id))


def method(change: MethodChange, happened_at: str, credential_id: str | None) -> Addressed:
    event = PaymentMethodChanged(
        event_id="row-1",
        happened_at=at(happened_at),
        invoice_id=UNRESOLVED,
        customer_id=SHOPPER,
        change=change,
        credential_id=credential_id,
    )
    return Addressed(event=event, lookup=Lookup(customer_id=SHOPPER))


CONTRACT = method(MethodChange.ADDED, "2023-06-20T14:09:48Z", "M5N7TQ4TG5PFWR50")
GIVEN_BACK = "money that was collected was given back"

RECORDED: dict[str, Addressed | str] = {
    "ACH_NOTIFICATION_OF_CHANGE__adyen-openapi": method(MethodChange.UPDATED, "2021-01-01T00:00:00Z", None),
    # An ACH debit that was sent; it may still be returned.
    "AUTHORISATION__adyen-openapi": Addressed(
        event=PaymentSucceeded(**EXAMPLE, customer_id=SHOPPER, paid=EURO_10),
    ),
    "AUTHORISATION__adyen-python-api-library": paid_at("2023-01-09T15:27:29Z", "T7FD4VM4D3RZNN82"),
    "AUTHORISATION__adyen-python-api-library_2": paid_at("2023-01-10T12:40:54Z", "M8NB66SBZSGLNK82"),
    "AUTHORISATION__adyen-python-api-library_3": paid_at("2023-01-10T12:37:30Z", "X3GWNS6KJ8NKGK82"),
    "AUTHORISATION__adyen-python-api-library_4": paid_at("2023-01-10T12:42:29Z", "ZVWN7D3WSMK2WN82"),
    "AUTHORISATION__lago-api": "a zero amount",
    "AUTHORISATION__wikimedia-fundraising-smashpig": Addressed(
        event=PaymentSucceeded(
            event_id="row-1",
            happened_at=at("2016-01-25T16:07:36.862Z"),
            invoice_id="119223.0",
            paid=Money(amount_minor=1000, currency="USD"),
        )
    ),
    # The fourth try, and no more are scheduled; American Express' own code beside Adyen's word.
    "AUTHORISATION__wikimedia-fundraising-smashpig_2": Addressed(
        event=PaymentFailed(
            event_id="row-1",
            happened_at=at("2024-06-10T23:22:21Z"),
            invoice_id="191002432.9",
            amount=Money(amount_minor=175, currency="USD"),
            decline=Decline(
                gateway="adyen",
                code="2",
                network_code="100",
                category=Category.DO_NOT_HONOR,
                retryable=Retryable.YES,
                customer_action=CustomerAction.CONTACT_BANK,
                decided_by="amex 100",
            ),
        ),
        reference="ABC6DEF9GHIJK4X3",
    ),
    "AUTORESCUE__adyen-openapi": Addressed(event=PaymentSucceeded(**EXAMPLE, paid=EURO_10)),
    "CAPTURE_FAILED__adyen-openapi": Addressed(
        event=PaymentFailed(**EXAMPLE, amount=EURO_10, decline=unknown("Capture_Failed"))
    ),
    "CAPTURE__adyen-java-api-library": Addressed(
        event=PaymentFailed(
            event_id="row-1",
            happened_at=at("2017-01-25T17:08:19Z"),
            invoice_id="00000001",
            amount=Money(amount_minor=23623, currency="USD"),
            decline=unknown("Insufficient_balance_on_payment"),
        )
    ),
    "CHARGEBACK__adyen-openapi": Addressed(event=DisputeOpened(**DISPUTE, customer_id=SHOPPER)),
    "CHARGEBACK__lago-api": Addressed(
        event=DisputeClosed(
            event_id="row-1",
            happened_at=at("2020-03-13T10:35:42Z"),
            invoice_id="YOUR_REFERENCE",
            dispute_id="9915555555555555",
            won=False,
        )
    ),
    "NOTIFICATION_OF_CHARGEBACK__adyen-openapi": Addressed(event=DisputeOpened(**DISPUTE)),
    "NOTIFICATION_OF_FRAUD__adyen-openapi": Addressed(event=FraudWarning(**EXAMPLE, signal="visa_6")),
    "OFFER_CLOSED__adyen-openapi": "the customer left a payment page",
    "PREARBITRATION_WON__adyen-openapi": Addressed(event=DisputeClosed(**DISPUTE, won=True)),
    "RECURRING_CONTRACT__adyen-openapi": CONTRACT,
    "RECURRING_CONTRACT__wikimedia-fundraising-smashpig": CONTRACT,
    "REFUND_FAILED__adyen-openapi": GIVEN_BACK,
    "REFUND__lago-api": GIVEN_BACK,
    "REPORT_AVAILABLE__adyen-openapi": "a report can be fetched",
    "REQUEST_FOR_INFORMATION__adyen-openapi": "the dispute is only an inquiry",
    "recurring.token.updated__adyen-java-api-library": method(
        MethodChange.UPDATED, "2025-06-30T14:40:23Z", "M5N7TQ4TG5PFWR50"
    ),
}
"""What each becomes; a text: ignored as no dunning, and how the reason begins."""


def test_every_recorded_delivery_becomes_what_we_read_in_it() -> None:
    bodies = recorded("adyen")
    assert bodies.keys() == RECORDED.keys(), "read the new payloads and write down what they should become"
    for name, body in bodies.items():
        items, expected = SPEAKER.split(body), RECORDED[name]
        assert isinstance(items, tuple), name
        (answer,) = (SPEAKER.normalise(item.body, "row-1") for item in items)
        if isinstance(expected, str):
            assert isinstance(answer, Ignored), name
            assert answer.reason is IgnoredBecause.NOT_DUNNING, name
            assert answer.detail.startswith(expected), name
        else:
            assert answer == expected, name
