"""Braintree's webhooks: theirs signs and ours verifies; what they say becomes what we say; nothing makes us raise. What
single kinds become: test_braintree_kinds.py; claims and payments: test_braintree_payments.py.

Fixtures are ours, shaped after Braintree's published objects. What other projects recorded is read from the folder that
RECOUP_REFERENCE_DATA names.
"""

import base64
import json
import random
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.sources.braintree_kinds import HANDLERS, NOT_DUNNING
from activities.sources.contract import UNRESOLVED, Addressed, Item, Lookup, Malformed, Rejected, Verified
from policies.events import (
    DisputeClosed,
    DisputeOpened,
    Ignored,
    MethodChange,
    PaymentFailed,
    PaymentMethodChanged,
    PaymentSucceeded,
    SubscriptionCancelled,
    Unreadable,
)
from policies.money import Money
from tests.activities.sources.braintree_signing import (
    AT,
    PRIVATE,
    PUBLIC,
    SECRET,
    SPEAKER,
    THEIRS,
    XML,
    Crypto,
    braintree,
    form_of,
    ignored,
    normalise,
    of_kind,
    payload_of,
    reason,
    verify,
)
from tests.activities.sources.speaking import (
    FUZZ_EXAMPLES,
    Delivery,
    SpeakerContract,
    damaged,
    one_byte_changed,
    recorded,
    vectors,
)


class TestBraintree(SpeakerContract):
    speaker = SPEAKER
    genuine = tuple(
        Delivery(headers={}, body=form_of(XML[name]), secrets=(SECRET,), now=now, is_form=True)
        for name, now in (("subscription", AT), ("dispute", datetime(2026, 3, 10, 12, tzinfo=UTC)))
    )


def test_what_braintrees_own_library_makes_we_verify() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        sample = THEIRS.webhook_testing.sample_notification("subscription_went_past_due", "rcpsub1")
    assert isinstance(verify(urlencode(sample).encode(), now=datetime.now(UTC)), Verified)


def test_what_we_verify_braintrees_own_library_verifies() -> None:
    payload = payload_of(XML["dispute"])
    signature = f"{PUBLIC}|{Crypto.sha1_hmac_hash(PRIVATE, payload)}"
    assert THEIRS.webhook_notification.parse(signature, payload).dispute.id == "rcpdispute"
    with pytest.raises(braintree.exceptions.invalid_signature_error.InvalidSignatureError):
        THEIRS.webhook_notification.parse(signature, payload_of(XML["dispute"] + " "))


def test_the_time_stamp_inside_the_signed_payload_is_the_time_of_signing() -> None:
    assert verify(form_of(XML["subscription"])) == Verified(signed_at=AT)


def test_one_of_several_signatures_is_enough_and_it_must_be_under_our_public_key() -> None:
    payload = payload_of(XML["subscription"])
    good, bad = Crypto.sha1_hmac_hash(PRIVATE, payload), "0" * 40

    def signed(signature: str) -> Any:
        return verify(urlencode({"bt_signature": signature, "bt_payload": payload}).encode())

    assert isinstance(signed(f"another_key|{bad}&{PUBLIC}|{good}"), Verified)
    assert isinstance(signed(f"{PUBLIC}|{bad}&{PUBLIC}|{good}"), Verified)
    for wrong in (f"another_key|{good}", good, f"{PUBLIC}|", "", "|", "&", f"{PUBLIC}|{good.upper()}"):
        assert "no signature" in reason(signed(wrong))


def test_line_breaks_of_the_base64_are_signed_and_only_the_last_may_be_lost() -> None:
    payload = payload_of(XML["subscription"])
    signature = f"{PUBLIC}|{Crypto.sha1_hmac_hash(PRIVATE, payload)}"

    def sent(text: str) -> Any:
        return verify(urlencode({"bt_signature": signature, "bt_payload": text}).encode())

    assert isinstance(sent(payload.removesuffix("\n")), Verified)
    assert isinstance(sent(payload.replace("\n", "")), Rejected)
    assert isinstance(sent(payload.replace("\n", "\r\n")), Rejected)


@pytest.mark.parametrize(
    ("away", "holds"),
    [
        (timedelta(seconds=-301), False),
        (timedelta(seconds=-300), True),
        (timedelta(hours=24), True),
        (timedelta(hours=25), True),
        (timedelta(hours=25, seconds=1), False),
    ],
)
def test_a_delivery_may_be_repeated_for_a_day_and_come_five_minutes_early(away: timedelta, holds: bool) -> None:
    assert isinstance(verify(form_of(XML["subscription"]), now=AT + away), Verified) is holds


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "no field"),
        (b"bt_payload=eA%3D%3D", "one field bt_signature, not 0"),
        (b"bt_signature=a%7Cb", "one field bt_payload, not 0"),
        (b"bt_signature=a%7Cb&bt_signature=a%7Cb&bt_payload=eA", "one field bt_signature, not 2"),
        ("bt_signature=ü&bt_payload=eA".encode(), "no form"),
        (b"bt_signature=%C3%BC&bt_payload=eA", "outside ASCII"),
        (b'{"bt_signature": "a|b"}', "one field bt_signature, not 0"),
    ],
)
def test_a_form_that_is_none_of_theirs_is_refused_and_says_why(body: bytes, says: str) -> None:
    assert says in reason(verify(body))


@pytest.mark.parametrize(
    ("xml", "says"),
    [
        ("no xml", "not XML"),
        ("<other><timestamp>2026-03-02T09:58:30Z</timestamp></other>", "'other', expected a notification"),
        ("<notification><kind>check</kind></notification>", "timestamp is missing"),
        ("<notification><timestamp>soon</timestamp></notification>", "timestamp is 'soon'"),
    ],
)
def test_a_signed_payload_without_a_readable_time_is_refused(xml: str, says: str) -> None:
    assert says in reason(verify(form_of(xml)))


def test_every_way_to_write_a_secret_wrongly_is_explained_and_never_counts() -> None:
    assert SPEAKER.complaint_about(SECRET) is None
    assert SPEAKER.complaint_about(" ") == "it is empty"
    for wrong in ("only_one_key", "public:", ":private", " : "):
        assert "public_key:private_key" in str(SPEAKER.complaint_about(wrong))
        assert "no public_key:private_key" in reason(verify(form_of(XML["subscription"]), secrets=(wrong,)))


def test_published_signatures_verify_exactly_when_they_should() -> None:
    known = [vector for vector in vectors("braintree") if vector["secret"]]
    assert len(known) >= 2
    for vector in known:
        secrets = (f"{vector['options']['public_key']}:{vector['secret']}",)
        body = urlencode(json.loads(vector["body"])).encode()
        now = datetime(2026, 11, 22, 6, 53, 49, tzinfo=UTC)
        assert isinstance(verify(body, secrets, now), Verified) is vector["verifies"]
        for changed in one_byte_changed(body):
            assert isinstance(verify(changed, secrets, now), Rejected)


def test_a_published_delivery_under_a_key_that_nobody_knows_is_refused() -> None:
    unknown = [vector for vector in vectors("braintree") if not vector["secret"]]
    assert unknown
    for vector in unknown:
        assert "no signature" in reason(verify(urlencode(json.loads(vector["body"])).encode()))


def test_published_challenges_are_answered_as_published() -> None:
    assert vectors("braintree-challenge")
    for vector in vectors("braintree-challenge"):
        secrets = (f"{vector['options']['public_key']}:{vector['secret']}",)
        assert SPEAKER.answer_to_challenge({"bt_challenge": vector["body"]}, secrets) == vector["expected"]


def test_a_challenge_is_answered_as_their_own_library_does_with_the_newest_keys() -> None:
    challenge = "20f9f8ed05f77439fe955c977e4c8a53"
    answer = SPEAKER.answer_to_challenge({"bt_challenge": challenge}, ["", SECRET, "old:older"])
    assert answer == THEIRS.webhook_notification.verify(challenge)


@pytest.mark.parametrize(
    "challenge", ["", "a" * 19, "a" * 33, "A" * 20, "g" * 20, "a" * 20 + "\n", "PG5vdGlmaWNhdGlvbj4=", "\ud800" * 20]
)
def test_what_is_no_challenge_is_not_signed(challenge: str) -> None:
    assert SPEAKER.answer_to_challenge({"bt_challenge": challenge}, [SECRET]) is None


def test_without_keys_or_question_there_is_no_answer() -> None:
    assert SPEAKER.answer_to_challenge({}, [SECRET]) is None
    assert SPEAKER.answer_to_challenge({"bt_challenge": "a" * 20}, ["", "half"]) is None


def test_a_notification_is_known_by_its_xml_however_its_form_is_written() -> None:
    payload = payload_of(XML["dispute"])
    one = urlencode([("bt_signature", "a|b"), ("bt_payload", payload)]).encode()
    other = urlencode([("bt_payload", payload.replace("\n", "")), ("bt_signature", "c|d")]).encode()
    (first,), (second,) = SPEAKER.split(one), SPEAKER.split(other)
    assert isinstance(first, Item)
    assert isinstance(second, Item)
    assert (first.body, second.body) == (one, other)
    assert first.event_key == second.event_key


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "no field"),
        (b"a=b", "one field bt_payload"),
        (b"bt_payload=%25%25%25", "not base64"),
        (b"bt_payload=bm9uZQ%3D%3D", "not XML"),
        (
            urlencode({"bt_payload": payload_of("<notification><timestamp/></notification>")}).encode(),
            "kind is missing",
        ),
        (
            urlencode({"bt_payload": payload_of('<!DOCTYPE n [<!ENTITY a "b">]><notification/>')}).encode(),
            "no document type",
        ),
    ],
)
def test_what_is_no_notification_is_malformed_and_says_why(body: bytes, says: str) -> None:
    answer = SPEAKER.split(body)
    assert isinstance(answer, Malformed)
    assert says in answer.reason


def test_every_kind_that_their_library_knows_is_read_without_complaint() -> None:
    kinds = [word for name, word in vars(braintree.WebhookNotification.Kind).items() if not name.startswith("_")]
    assert {*HANDLERS, *NOT_DUNNING} <= {*kinds}
    for kind in kinds:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            sample = THEIRS.webhook_testing.sample_notification(kind, "rcp1")
        answer = SPEAKER.normalise(urlencode(sample).encode(), "row-1")
        if kind == "subscription_charged_successfully":
            # Their sample has no currency; real payments have one.
            assert isinstance(answer, Unreadable)
        else:
            assert isinstance(answer, Addressed | Ignored), kind


@pytest.mark.parametrize(
    ("name", "old", "new", "field", "says"),
    [
        ("subscription", "<id>rcpsub1</id>", "", "subject.subscription.id", "is missing"),
        ("subscription", "<id>rcpsub1</id>", "<id>4111111111111111</id>", "subject.subscription.id", "card number"),
        ("subscription", "<amount>29.00", "<amount>much", "subject.subscription.transactions.0.amount", "'much'"),
        ("subscription", ">EUR<", ">euro<", "subject.subscription.transactions.0.currency", "'euro'"),
        ("subscription", "2026-03-02T09:58:30Z", "", "timestamp", "ISO 8601"),
        ("transaction", "<status>settlement_declined</status>", "", "subject.transaction.status", "is missing"),
        ("dispute", "<id>rcptxn1</id>", "", "subject.dispute.transaction.id", "is missing"),
        ("dispute", "<id>rcpdispute</id>", "", "subject.dispute.id", "is missing"),
        ("dispute", "dispute>", "quarrel>", "subject.dispute", "is missing"),
        ("revoked", "<token>rcptoken</token>", "", "subject.paypal_account.token", "is missing"),
    ],
)
def test_a_field_that_we_need_and_cannot_read_is_named(name: str, old: str, new: str, field: str, says: str) -> None:
    answer = normalise(XML[name].replace(old, new))
    assert isinstance(answer, Unreadable)
    assert answer.field == field
    assert says in answer.reason
    assert "4111111111111111" not in answer.reason


def test_every_kind_we_act_on_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "sources" / "braintree.md").read_text(encoding="utf-8")
    assert [kind for kind in (*HANDLERS, *NOT_DUNNING) if f"`{kind}`" not in page] == []


@settings(max_examples=FUZZ_EXAMPLES, deadline=None)
@given(name=st.sampled_from(sorted(XML)), kind=st.sampled_from(sorted(HANDLERS)), seed=st.integers(0, 2**32))
def test_no_damage_to_the_xml_makes_us_raise(name: str, kind: str, seed: int) -> None:
    xml = damaged(of_kind(name, kind).encode(), random.Random(seed))
    payload = base64.encodebytes(xml).decode()
    body = urlencode({"bt_signature": f"{PUBLIC}|{Crypto.sha1_hmac_hash(PRIVATE, payload)}", "bt_payload": payload})
    assert isinstance(verify(body.encode()), Verified | Rejected)
    assert isinstance(SPEAKER.split(body.encode()), tuple | Malformed)
    answer = SPEAKER.normalise(body.encode(), "row-1")
    assert isinstance(answer, Addressed | Ignored | Unreadable)
    answer.model_dump_json().encode()


RECORDED_AT = datetime(2026, 11, 22, 6, 53, 49, tzinfo=UTC)
RECORDED: dict[str, Ignored | tuple[Any, Lookup | None]] = {
    "account_updater_daily_report__braintree-python": ignored("the report names nobody: it is an address of a file"),
    "check__braintree-python": ignored("Braintree's test of the address"),
    "dispute_lost__braintree-python": (
        DisputeClosed(event_id="row-1", happened_at=RECORDED_AT, invoice_id=UNRESOLVED, dispute_id="my_id", won=False),
        Lookup(payment_id="my_id"),
    ),
    "dispute_opened__braintree-python": (
        DisputeOpened(event_id="row-1", happened_at=RECORDED_AT, invoice_id=UNRESOLVED, dispute_id="my_id"),
        Lookup(payment_id="my_id"),
    ),
    "payment_method_revoked_by_customer__braintree-python": (
        PaymentMethodChanged(
            event_id="row-1",
            happened_at=RECORDED_AT,
            invoice_id=UNRESOLVED,
            customer_id="a-customer-id",
            change=MethodChange.REMOVED,
            credential_id="my_id",
        ),
        Lookup(credential_id="my_id"),
    ),
    "subscription_canceled__braintree-python": (
        SubscriptionCancelled(event_id="row-1", happened_at=RECORDED_AT, invoice_id=UNRESOLVED),
        Lookup(subscription_id="my_id"),
    ),
    # No period, no currency, no code: the samples of their library have none.
    "subscription_charged_unsuccessfully__braintree-python": (
        PaymentFailed(event_id="row-1", happened_at=RECORDED_AT, invoice_id="my_id", subscription_id="my_id"),
        None,
    ),
    "subscription_trial_ended__pay": ignored("a trial ended; what is charged then has its own notification"),
    "subscription_went_past_due__braintree-python": (
        PaymentFailed(event_id="row-1", happened_at=RECORDED_AT, invoice_id="my_id", subscription_id="my_id"),
        None,
    ),
}


def test_every_recorded_delivery_becomes_what_we_read_in_it() -> None:
    bodies = recorded("braintree")
    assert bodies.keys() == RECORDED.keys(), "read the new payloads and write down what they should become"
    for name, body in bodies.items():
        items = SPEAKER.split(urlencode(json.loads(body)).encode())
        assert isinstance(items, tuple), name
        (item,) = items
        answer = SPEAKER.normalise(item.body, "row-1")
        said = (answer.event, answer.lookup) if isinstance(answer, Addressed) else answer
        assert said == RECORDED[name], name


def test_a_recorded_document_of_a_whole_subscription_with_hyphens_is_read() -> None:
    (body,) = [vector["body"] for vector in vectors("braintree") if not vector["secret"]]
    form = urlencode(json.loads(body)).encode()
    answer = SPEAKER.normalise(form, "row-1")
    assert answer == Addressed(
        event=SubscriptionCancelled(
            event_id="row-1", happened_at=datetime(2021, 2, 15, 18, 13, 22, tzinfo=UTC), invoice_id=UNRESOLVED
        ),
        lookup=Lookup(subscription_id="358bw6"),
    )
    xml = base64.b64decode(json.loads(body)["bt_payload"]).decode()
    success = normalise(xml.replace("subscription_canceled", "subscription_charged_successfully", 1))
    assert success.event == PaymentSucceeded(
        event_id="row-1",
        happened_at=datetime(2021, 2, 15, 18, 13, 22, tzinfo=UTC),
        invoice_id="358bw6.2021-01-16",
        customer_id="262610179",
        paid=Money(amount_minor=1000, currency="USD"),
    )
    refused = xml.replace("<status>settled</status>", "<status>processor_declined</status>")
    failure = normalise(refused.replace("subscription_canceled", "subscription_charged_unsuccessfully", 1))
    assert failure.event.credential_id == "d742g76"
    assert (failure.event.invoice_id, failure.event.amount) == (success.event.invoice_id, success.event.paid)
