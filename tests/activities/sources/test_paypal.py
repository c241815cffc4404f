"""PayPal's deliveries: a webhook that its certificate signed is verified, an IPN message never is by itself; nothing
makes us raise. What webhooks say: test_paypal_events.py. IPN: test_paypal_ipn.py. Asking PayPal: test_paypal_proof.py.

Fixtures are ours, shaped after PayPal's published objects. What other projects recorded is read from the folder that
RECOUP_REFERENCE_DATA names.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from activities.sources.contract import UNRESOLVED, Addressed, Item, Lookup, Malformed, Unproven, Verified
from activities.sources.paypal import PayPalSpeaker
from activities.sources.paypal_events import HANDLERS, NOT_DUNNING
from activities.sources.paypal_signature import (
    Certificates,
    SigningCertificate,
)
from policies.events import (
    Ignored,
    IgnoredBecause,
    PaymentSucceeded,
)
from policies.money import Money
from tests.activities.sources.paypal_signing import (
    ADDRESS,
    BODY,
    PEM,
    SHAPES,
    SPEAKER,
    WEBHOOK_ID,
    headers_of,
    reason,
    verify,
)
from tests.activities.sources.speaking import Delivery, SpeakerContract, recorded


class TestPayPal(SpeakerContract):
    speaker = SPEAKER
    genuine = tuple(
        Delivery(headers=headers_of(body), body=body, secrets=(WEBHOOK_ID,))
        for body in (BODY, json.dumps(SHAPES["subscription_payment_failed"]).encode())
    )


def test_a_certificate_that_is_not_there_yet_leaves_the_delivery_unproven() -> None:
    assert isinstance(verify(headers_of(BODY), speaker=PayPalSpeaker()), Unproven)
    assert isinstance(verify(headers_of(BODY, address=ADDRESS + "2")), Unproven)


def test_the_speaker_sees_what_was_put_into_its_certificates_later() -> None:
    shared = Certificates()
    speaker = PayPalSpeaker(shared)
    assert isinstance(verify(headers_of(BODY), speaker=speaker), Unproven)
    shared.put(ADDRESS, SigningCertificate.of_pem(PEM))
    assert isinstance(verify(headers_of(BODY), speaker=speaker), Verified)


def test_while_a_webhook_is_replaced_either_id_will_do_and_ipn_receivers_are_no_ids() -> None:
    assert isinstance(verify(headers_of(BODY), secrets=("1AN0THER0NE000000", WEBHOOK_ID)), Verified)
    assert "webhook id" in reason(verify(headers_of(BODY, webhook_id="ipn:ME"), secrets=("ipn:ME",)))


def test_every_way_to_write_a_secret_wrongly_is_explained() -> None:
    for good in (WEBHOOK_ID, "ipn:ABCDEFGHJKLMN", "ipn:billing@recoup.example"):
        assert SPEAKER.complaint_about(good) is None
    assert SPEAKER.complaint_about(" ") == "it is empty"
    assert "names no receiver" in str(SPEAKER.complaint_about("ipn: "))
    for wrong in ("https://recoup.example/webhooks/paypal", "short", "has a space in it", PEM.decode()):
        complaint = str(SPEAKER.complaint_about(wrong))
        assert "no webhook id" in complaint
        assert wrong not in complaint


def test_a_webhook_is_one_item_as_it_was_sent() -> None:
    body = b' {"event_type":"PAYMENT.SALE.COMPLETED", "id" : "WH-1"}\n'
    assert SPEAKER.split(body) == (Item(event_key="WH-1", body=body),)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "no field"),
        (b"\xff", "no form"),
        (b"[]", "neither a webhook event nor an IPN message"),
        (b'{"id": "WH-1"}', "event_type is missing"),
        (b'{"event_type": "a"}', "id is missing"),
        (b'{"event_type": "a", "id": "W H"}', "id is 'W H'"),
        (b'{"event_type": "a"', "not JSON"),
        (b"a=b", "neither a webhook event nor an IPN message"),
    ],
)
def test_what_is_no_event_is_malformed_and_says_why(body: bytes, says: str) -> None:
    answer = SPEAKER.split(body)
    assert isinstance(answer, Malformed)
    assert says in answer.reason


def test_every_type_we_act_on_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "sources" / "paypal.md").read_text(encoding="utf-8")
    assert [kind for kind in (*HANDLERS, *NOT_DUNNING) if f"`{kind}`" not in page] == []


RECORDED: dict[str, Any] = {
    "PAYMENT.AUTHORIZATION.CREATED__laravel-paypal": Ignored(
        reason=IgnoredBecause.NOT_DUNNING, detail="an authorisation: no money has moved"
    ),
    # No agreement and no invoice number: whose payment it is must be looked up.
    "PAYMENT.SALE.COMPLETED__paypal-python-sdk": Addressed(
        event=PaymentSucceeded(
            event_id="row-1",
            happened_at=datetime(2015, 5, 18, 15, 45, 13, tzinfo=UTC),
            invoice_id=UNRESOLVED,
            paid=Money(amount_minor=2000, currency="USD"),
        ),
        lookup=Lookup(payment_id="4EU7004268015634R"),
    ),
    "PAYMENTS.PAYMENT.CREATED__paypal-php-sdk": Ignored(
        reason=IgnoredBecause.NOT_DUNNING, detail="a payment at the checkout, with the customer there"
    ),
}


def test_every_recorded_event_becomes_what_we_read_in_it() -> None:
    bodies = recorded("paypal", "event")
    assert bodies.keys() == RECORDED.keys(), "read the new payloads and write down what they should become"
    for name, body in bodies.items():
        assert isinstance(SPEAKER.split(body), tuple), name
        assert SPEAKER.normalise(body, "row-1") == RECORDED[name], name


def test_no_kind_of_recorded_payload_is_left_out() -> None:
    rest = recorded("paypal").keys() - RECORDED.keys()
    assert rest == recorded("paypal", "ipn_form_as_json").keys(), "test_paypal_ipn.py reads those"
