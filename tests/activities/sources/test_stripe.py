"""Stripe's webhooks: theirs signs and ours verifies; what they say becomes what we say; nothing makes us raise.

What others recorded is in `test_stripe_recorded.py`; amounts and declines, customers and ways to pay have files too.
"""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import stripe
from hypothesis import example, given, settings
from hypothesis import strategies as st

from activities.sources.contract import UNRESOLVED, Addressed, Item, Lookup, Malformed, Rejected, Verified
from activities.sources.reading import shown
from activities.sources.signatures import outside_tolerance, unix_seconds
from activities.sources.stripe import HANDLERS, StripeSpeaker
from policies.card_numbers import looks_like_card_number
from policies.declines import Category
from policies.events import (
    ActionRequired,
    DisputeClosed,
    DisputeOpened,
    FraudWarning,
    Ignored,
    IgnoredBecause,
    InvoiceVoided,
    PaymentFailed,
    PaymentSucceeded,
    SubscriptionCancelled,
    Unreadable,
)
from policies.money import Money
from tests.activities.sources.speaking import Delivery, SpeakerContract, one_byte_changed, vectors
from tests.activities.sources.stripe_shapes import CARD, FIXTURES, NOW, SIGNED_AT, SPEAKER, fact, normalise, shape

SECRET = "whsec_made_up_for_tests"
BODY = b'{"id": "evt_1", "type": "invoice.paid", "note": "gr\xc3\xbc\xc3\x9fe"}'


def header(body: bytes = BODY, secret: str = SECRET, at: int = SIGNED_AT) -> str:
    signed: str = stripe.WebhookSignature.generate_signature_header(body.decode(), secret, at)
    return signed


def verify(value: str, body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,), now: datetime = NOW) -> Any:
    return SPEAKER.verify({"Stripe-Signature": value}, body, secrets, now)


def reason(answer: object) -> str:
    assert isinstance(answer, Rejected)
    assert SECRET not in answer.reason
    return answer.reason


class TestStripe(SpeakerContract):
    speaker = StripeSpeaker()
    genuine = tuple(
        Delivery({"Stripe-Signature": header(body)}, body, (SECRET,), NOW)
        for body in (path.read_bytes() for path in sorted(FIXTURES.glob("*.json")))
    )


# Verifying


def test_what_stripes_own_library_signs_we_verify() -> None:
    assert verify(header()) == Verified(signed_at=NOW)


def test_what_we_verify_stripes_own_library_verifies() -> None:
    signed = header()
    assert stripe.WebhookSignature.verify_header(BODY, signed, SECRET)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(BODY + b" ", signed, SECRET)
    assert "no v1 signature" in reason(verify(signed, BODY + b" "))


@pytest.mark.parametrize("name", ["Stripe-Signature", "stripe-signature", "STRIPE-SIGNATURE"])
def test_the_name_of_the_header_has_no_case(name: str) -> None:
    assert isinstance(SPEAKER.verify({name: header()}, BODY, [SECRET], NOW), Verified)


def test_while_a_secret_is_rolled_either_secret_and_either_signature_will_do() -> None:
    old, new = header(secret="old"), header(secret="new").partition(",")[2]
    assert isinstance(verify(header(), secrets=("other", SECRET)), Verified)
    for secret in ("old", "new"):
        assert isinstance(verify(f"{old},{new}", secrets=(secret,)), Verified)


def test_only_scheme_v1_counts() -> None:
    assert "no v1 signature" in reason(verify(header().replace("v1=", "v0=")))


@pytest.mark.parametrize(("seconds", "holds"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_the_clock_may_differ_by_300_seconds_to_either_side(seconds: int, holds: bool) -> None:
    answer = verify(header(), now=NOW - timedelta(seconds=seconds))
    assert isinstance(answer, Verified) is holds


def test_a_refused_time_stamp_is_told_in_seconds_and_direction() -> None:
    assert reason(verify(header(), now=NOW + timedelta(seconds=412))) == (
        "signed 412 s before our clock; at most 300 s are accepted"
    )
    assert reason(verify(header(), now=NOW - timedelta(days=1))).startswith("signed 86400 s after our clock")


def test_the_zone_of_our_clock_does_not_matter_and_a_naive_one_is_utc() -> None:
    assert isinstance(verify(header(), now=NOW.astimezone(timezone(timedelta(hours=9)))), Verified)
    assert outside_tolerance(SIGNED_AT, NOW.replace(tzinfo=None), timedelta(seconds=1)) is None


@pytest.mark.parametrize(
    "stamp", ["", "-1764547200", "+1764547200", "1e9", "0x10", "1764547200.0", "9" * 5000, "١٢٣", " 1", "abc", "1_000"]
)
def test_a_time_stamp_that_is_no_number_of_seconds_is_refused(stamp: str) -> None:
    assert reason(verify(f"t={stamp},v1=00")).startswith(("the time stamp", "Stripe-Signature contains"))
    assert unix_seconds(stamp) is None


def test_a_huge_time_stamp_with_a_good_signature_is_out_of_tolerance() -> None:
    assert "s after our clock" in reason(verify(header(at=999_999_999_999)))
    assert "s before our clock" in reason(verify(header(at=0)))


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "one time stamp"),
        ("v1=00", "one time stamp"),
        (f"t={SIGNED_AT},t={SIGNED_AT},v1=00", "one time stamp"),
        (f"t={SIGNED_AT}", "no v1 signature"),
        (f"t={SIGNED_AT},v1=", "no v1 signature"),
        (f"t={SIGNED_AT},v1", "no v1 signature"),
        (f"t={SIGNED_AT},v1=zz", "no v1 signature"),
        (f"t={SIGNED_AT},v1=ü", "outside ASCII"),
        ("\x00,\n=", "one time stamp"),
    ],
)
def test_a_damaged_header_is_refused_with_a_sentence(value: str, says: str) -> None:
    assert says in reason(verify(value))


def test_a_missing_or_repeated_header_is_refused() -> None:
    assert "not 0 times" in reason(SPEAKER.verify({}, BODY, [SECRET], NOW))
    twice = {"Stripe-Signature": header(), "stripe-signature": header()}
    assert "not 2 times" in reason(SPEAKER.verify(twice, BODY, [SECRET], NOW))


@pytest.mark.parametrize("secrets", [(), ("",), ("  ", "\n")])
def test_an_empty_secret_signs_for_nobody(secrets: tuple[str, ...]) -> None:
    assert "no signing secret" in reason(verify(header(secret=secrets[0] if secrets else ""), secrets=secrets))


def test_a_secret_beside_an_empty_one_still_works() -> None:
    assert isinstance(verify(header(), secrets=("", SECRET)), Verified)


def test_the_reason_gives_no_signature_away() -> None:
    good = header().partition("v1=")[2]
    assert good not in reason(verify(f"t={SIGNED_AT},v1={'0' * 64}"))


def test_changing_any_one_byte_of_a_signed_body_breaks_the_signature() -> None:
    signed = header()
    for changed in one_byte_changed(BODY):
        assert isinstance(verify(signed, changed), Rejected)


HEADER_TEXT = st.one_of(
    st.text(alphabet=st.characters()),
    st.lists(st.sampled_from(["t=", "v1=", "v0=", ",", "=", " ", str(SIGNED_AT), "f" * 64, "é", "\ud800"])).map(
        "".join
    ),
)
CLOCKS = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(-timedelta(hours=12))]))


# A busy machine is no bug: how long one example takes is not measured.
@settings(deadline=None)
@given(
    st.dictionaries(st.one_of(st.just("stripe-signature"), st.text()), HEADER_TEXT),
    st.binary(),
    st.lists(st.text(alphabet=st.characters())),
    CLOCKS,
)
@example({"stripe-signature": f"t={SIGNED_AT},v1=\ud800"}, b"", ["\ud800"], datetime.min.replace(tzinfo=UTC))
@example({"stripe-signature": "t=999999999999,v1=0"}, b"", ["s"], datetime.max.replace(tzinfo=UTC))
def test_no_header_is_verified_that_nobody_signed(
    headers: dict[str, str], body: bytes, secrets: list[str], now: datetime
) -> None:
    assert isinstance(SPEAKER.verify(headers, body, secrets, now), Rejected)


def verdict(vector: Any, body: bytes) -> Any:
    return SPEAKER.verify(vector["headers"], body, [vector["secret"]], datetime.fromtimestamp(1533204620, UTC))


def test_published_signatures_verify_exactly_when_they_should() -> None:
    published = vectors("stripe")
    assert len(published) >= 5
    for vector in published:
        assert isinstance(verdict(vector, vector["body"].encode()), Verified) is vector["verifies"], vector["note"]


def test_changing_any_one_byte_of_a_published_body_breaks_its_signature() -> None:
    for vector in vectors("stripe"):
        for changed in one_byte_changed(vector["body"].encode()) if vector["verifies"] else ():
            assert isinstance(verdict(vector, changed), Rejected)


@pytest.mark.parametrize("secret", ["", "  ", "sk_live_an_api_key", "we_1RcpEndpoint"])
def test_a_secret_that_is_no_signing_secret_is_told_so(secret: str) -> None:
    complaint = SPEAKER.complaint_about(secret)
    assert complaint
    assert "whsec_" in complaint
    assert not secret.strip() or secret not in complaint


def test_a_signing_secret_is_nothing_to_complain_about() -> None:
    assert SPEAKER.complaint_about(SECRET) is None


# Splitting


def test_one_event_is_one_item_as_it_was_sent() -> None:
    body = b' {"type":"invoice.paid", "id" : "evt_1"}\n'
    assert SPEAKER.split(body) == (Item(event_key="evt_1", body=body),)


def test_a_list_of_events_is_split_byte_for_byte() -> None:
    first, second = b'{"id": "evt_1",  "type": "a", "s": "],[\\"\xc3\xbc"}', b'{"type":"b","id":"evt_2","n":1.50}'
    assert SPEAKER.split(b" [ " + first + b" ,\n" + second + b" ]\t") == (
        Item(event_key="evt_1", body=first),
        Item(event_key="evt_2", body=second),
    )


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b'\xef\xbb\xbf{"id":"evt_1","type":"a"}', "not JSON"),
        (b"id=evt_1&type=a", "not JSON"),
        (b'{"id":"evt_1","type":"a"} {}', "not JSON"),
        (b'{"id":"evt_1","type":"a","n":NaN}', "NaN"),
        (b'{"id":"evt_1","type":"a","n":-Infinity}', "Infinity"),
        (b'{"id":"evt_1","type":"a","n":1e999}', "too large"),
        (b'{"id":"evt_1","type":"a","n":' + b"9" * 5000 + b"}", "not JSON"),
        (b"null", "not a JSON object"),
        (b'"evt_1"', "not a JSON object"),
        (b"[]", "no event"),
        (b"[[]]", "not a JSON object"),
        (b'[{"id":"evt_1","type":"a"},7]', "not a JSON object"),
        (b'{"type":"a"}', "id is missing"),
        (b'{"id":"evt_1"}', "type is missing"),
        (b'{"id":7,"type":"a"}', "id is 7"),
        (b'{"id":{"id":"evt_1"},"type":"a"}', "id is an object"),
        (b'{"id":"","type":"a"}', "id is ''"),
        (b'{"id":"evt 1","type":"a"}', "id is 'evt 1'"),
        (b'{"id":"evt_\\u0000","type":"a"}', "id is"),
        (b'{"id":"evt_\\ud800","type":"a"}', "id is"),
        (b'{"id":"evt_1\\n","type":"a"}', "id is"),
        (b'{"id":"' + CARD.encode() + b'","type":"a"}', "card number"),
    ],
)
def test_what_is_no_event_is_malformed_and_says_why(body: bytes, says: str) -> None:
    answer = SPEAKER.split(body)
    assert isinstance(answer, Malformed)
    assert says in answer.reason
    assert CARD not in answer.reason


def nested(levels: int) -> bytes:
    return b'{"id":"evt_1","type":"a","deep":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


@pytest.mark.parametrize(("levels", "fits"), [(60, True), (61, False), (5_000, False), (500_000, False)])
def test_sixty_levels_of_nesting_are_enough(levels: int, fits: bool) -> None:
    answer = SPEAKER.split(nested(levels))
    assert isinstance(answer, tuple) is fits
    assert fits or answer == Malformed(reason="the body nests deeper than 60 levels")
    assert fits or isinstance(SPEAKER.normalise(nested(levels), "row-1"), Unreadable)


# Normalising


BASIL_CLAIM: dict[str, Any] = {
    "event_id": "row-1",
    "happened_at": NOW,
    "invoice_id": "in_1RcpBasil",
    "customer_id": "cus_RcpAda",
    "subscription_id": "sub_1RcpBasil",
    "amount": Money(amount_minor=1900, currency="EUR"),
}


def test_a_failed_invoice_of_2025_says_who_owes_what_for_which_subscription_but_no_decline() -> None:
    assert normalise(shape("invoice_payment_failed_2025")) == Addressed(event=PaymentFailed(**BASIL_CLAIM))


def test_what_is_still_owed_is_claimed_and_not_what_the_invoice_was_about() -> None:
    assert fact(shape("invoice_payment_failed_2025", amount_remaining=900)).amount.amount_minor == 900
    assert fact(shape("invoice_payment_failed_2025", amount_remaining=...)).amount.amount_minor == 1900
    assert fact(shape("invoice_payment_failed_2025", amount_remaining=..., amount_due=...)).amount is None


def test_stripes_own_next_try_is_handed_on_and_null_means_that_it_gave_up() -> None:
    event = fact(shape("invoice_payment_failed_2025", next_payment_attempt=SIGNED_AT + 86400))
    assert event.retries_at == NOW + timedelta(days=1)
    assert fact(shape("invoice_payment_failed_2025")).retries_at is None


@pytest.mark.parametrize(
    ("fields", "subscription_id"),
    [
        ({}, "sub_1RcpBasil"),
        ({"subscription": "sub_before"}, "sub_before"),
        ({"parent": None}, None),
        ({"parent": {"type": "quote_details", "subscription_details": None}}, None),
    ],
)
def test_the_subscription_is_found_on_both_sides_of_2025(fields: Any, subscription_id: str | None) -> None:
    assert fact(shape("invoice_payment_failed_2025", **fields)).subscription_id == subscription_id


@pytest.mark.parametrize("kind", ["invoice.payment_failed", "invoice.payment_action_required"])
@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"billing_reason": "subscription_create"}, "first payment of a new subscription"),
        ({"collection_method": "send_invoice"}, "manual payment"),
        ({"collection_method": ..., "billing": "send_invoice"}, "manual payment"),
        ({"amount_due": 0}, "amount_due is 0"),
        ({"amount_remaining": 0}, "amount_remaining is 0"),
    ],
)
def test_invoices_that_are_no_dunning_are_ignored_with_the_reason(kind: str, fields: Any, says: str) -> None:
    answer = normalise(shape("invoice_payment_failed_2025", kind, **fields))
    assert isinstance(answer, Ignored)
    assert answer.reason is IgnoredBecause.NOT_DUNNING
    assert says in answer.detail


def test_a_payment_that_waits_for_the_customer_is_action_required() -> None:
    event = fact(shape("invoice_payment_failed_2025", "invoice.payment_action_required"))
    assert event == ActionRequired(**BASIL_CLAIM)


@pytest.mark.parametrize("kind", ["invoice.paid", "invoice.payment_succeeded"])
def test_a_paid_invoice_says_how_much(kind: str) -> None:
    event = fact(shape("invoice_paid", kind))
    assert isinstance(event, PaymentSucceeded)
    assert (event.paid, event.out_of_band) == (Money(amount_minor=1900, currency="EUR"), False)


@pytest.mark.parametrize(("amount_paid", "paid"), [(0, 1900), (1200, 1200)])
def test_an_invoice_paid_another_way_counts_what_was_due_when_stripe_counted_nothing(
    amount_paid: int, paid: int
) -> None:
    event = fact(shape("invoice_paid", paid_out_of_band=True, amount_paid=amount_paid))
    assert (event.paid.amount_minor, event.out_of_band) == (paid, True)


def test_an_invoice_settled_by_credit_is_paid_with_nothing() -> None:
    assert fact(shape("invoice_paid", amount_paid=0, amount_due=0)).paid.amount_minor == 0


@pytest.mark.parametrize("kind", ["invoice.voided", "invoice.marked_uncollectible"])
def test_an_invoice_given_up_at_stripe_is_void(kind: str) -> None:
    assert fact(shape("invoice_payment_failed_2025", kind)) == InvoiceVoided(
        event_id="row-1", happened_at=NOW, invoice_id="in_1RcpBasil", customer_id="cus_RcpAda"
    )


def test_a_deleted_subscription_is_looked_up_by_its_id() -> None:
    answer = normalise(shape("customer_subscription_deleted"))
    assert isinstance(answer.event, SubscriptionCancelled)
    assert (answer.event.invoice_id, answer.lookup) == (UNRESOLVED, Lookup(subscription_id="sub_1RcpBasil"))


@pytest.mark.parametrize(
    ("fields", "payment_id"),
    [
        ({}, "pi_1RcpCharge"),
        ({"payment_intent": {"id": "pi_expanded"}}, "pi_expanded"),
        ({"payment_intent": None}, "ch_1RcpCharge"),
        ({"payment_intent": ..., "charge": {"id": "ch_expanded"}}, "ch_expanded"),
    ],
)
def test_a_dispute_is_looked_up_by_its_payment(fields: Any, payment_id: str) -> None:
    answer = normalise(shape("charge_dispute_created", **fields))
    assert isinstance(answer.event, DisputeOpened)
    assert (answer.event.dispute_id, answer.lookup) == ("dp_1RcpDispute", Lookup(payment_id=payment_id))


@pytest.mark.parametrize("status", ["warning_needs_response", "warning_under_review"])
def test_an_inquiry_is_no_dispute(status: str) -> None:
    answer = normalise(shape("charge_dispute_created", status=status))
    assert isinstance(answer, Ignored)
    assert answer.reason is IgnoredBecause.NOT_DUNNING
    assert "inquiry" in answer.detail


@pytest.mark.parametrize(("status", "won"), [("won", True), ("warning_closed", True), ("lost", False)])
def test_a_closed_dispute_is_won_or_lost(status: str, won: bool) -> None:
    event = fact(shape("charge_dispute_created", "charge.dispute.closed", status=status))
    assert isinstance(event, DisputeClosed)
    assert event.won is won


def test_a_failed_payment_intent_carries_every_code_and_is_looked_up() -> None:
    answer = normalise(shape("payment_intent_payment_failed"))
    decline = answer.event.decline
    assert (answer.event.invoice_id, answer.lookup) == (UNRESOLVED, Lookup(payment_id="pi_1RcpIntent"))
    assert (decline.code, decline.network_code, decline.advice_code) == ("insufficient_funds", "51", "try_again_later")
    assert decline.category is Category.INSUFFICIENT_FUNDS


@pytest.mark.parametrize("invoice", ["in_1", {"id": "in_1", "object": "invoice"}])
def test_a_payment_of_the_older_shape_names_its_invoice(invoice: object) -> None:
    for name in ("payment_intent_payment_failed", "charge_failed"):
        answer = normalise(shape(name, invoice=invoice))
        assert (answer.event.invoice_id, answer.lookup) == ("in_1", None)


def test_advice_not_to_try_again_outranks_the_code_of_a_failed_charge() -> None:
    answer = normalise(shape("charge_failed"))
    assert answer.event.decline.category is Category.RETRY_BLOCKED
    assert answer.lookup == Lookup(payment_id="pi_1RcpCharge")
    assert normalise(shape("charge_failed", payment_intent=None)).lookup == Lookup(payment_id="ch_1RcpCharge")


def test_an_unknown_type_is_ignored_by_name_whatever_it_holds() -> None:
    assert normalise({"id": "evt_1", "type": "ping", "data": {"object": None}}) == Ignored(
        reason=IgnoredBecause.UNKNOWN_TYPE, detail="'ping' is no type we act on"
    )


@pytest.mark.parametrize("customer", [None, ..., ""])
def test_an_invoice_without_a_customer_is_still_a_failure(customer: object) -> None:
    assert fact(shape("invoice_payment_failed_2025", customer=customer)).customer_id is None


@pytest.mark.parametrize(
    ("name", "fields", "field", "says"),
    [
        ("invoice_payment_failed_2025", {"id": ...}, "data.object.id", "is missing"),
        ("invoice_payment_failed_2025", {"id": None}, "data.object.id", "is null"),
        ("invoice_payment_failed_2025", {"id": ["in_1"]}, "data.object.id", "is a list"),
        ("invoice_payment_failed_2025", {"id": "in/1"}, "data.object.id", "'in/1'"),
        ("invoice_payment_failed_2025", {"id": CARD}, "data.object.id", "card number"),
        ("invoice_payment_failed_2025", {"customer": {"id": CARD}}, "data.object.customer.id", "card number"),
        ("invoice_payment_failed_2025", {"customer": {"name": "Ada"}}, "data.object.customer.id", "is missing"),
        ("invoice_payment_failed_2025", {"customer": "ada@example.com"}, "data.object.customer", "e-mail address"),
        ("invoice_payment_failed_2025", {"amount_remaining": "19.00"}, "data.object.amount_remaining", "'19.00'"),
        ("invoice_paid", {"amount_paid": ...}, "data.object.amount_paid", "is missing"),
        ("invoice_paid", {"amount_paid": True}, "data.object.amount_paid", "True"),
        ("invoice_paid", {"amount_paid": 19.5}, "data.object.amount_paid", "19.5"),
        ("invoice_paid", {"amount_paid": -1}, "data.object.amount_paid", "-1"),
        ("invoice_paid", {"amount_paid": 10**30}, "data.object.amount_paid", "smallest unit"),
        ("invoice_paid", {"currency": ...}, "data.object.currency", "is missing"),
        ("invoice_paid", {"currency": "usdc"}, "data.object.currency", "'usdc'"),
        ("invoice_paid", {"currency": "isk", "amount_paid": 50}, "data.object.currency", "multiple"),
        ("invoice_paid", {"paid_out_of_band": True, "amount_paid": 0, "amount_due": ...}, "data.object.amount_due", ""),
        ("charge_dispute_created", {"status": None}, "data.object.status", "is null"),
        ("charge_dispute_created", {"charge": ..., "payment_intent": ...}, "data.object.charge", "is missing"),
        ("customer_subscription_deleted", {"id": 7}, "data.object.id", "is 7"),
        (
            "payment_intent_payment_failed",
            {"last_payment_error": {"code": CARD}},
            "data.object.last_payment_error.code",
            "card number",
        ),
    ],
)
def test_a_field_that_we_need_and_cannot_read_is_named(name: str, fields: Any, field: str, says: str) -> None:
    answer = normalise(shape(name, **fields))
    assert isinstance(answer, Unreadable)
    assert answer.field == field
    assert says in answer.reason
    assert CARD not in answer.reason
    assert "ada@example.com" not in answer.reason


@pytest.mark.parametrize("created", [None, "1764547200", 1764547200.5, True, -1, 0, 10**11, 10**400])
def test_a_time_that_no_clock_of_ours_shows_is_unreadable(created: object) -> None:
    event = shape("invoice_paid")
    event["created"] = created
    answer = normalise(event)
    assert isinstance(answer, Unreadable)
    assert answer.field == "created"
    assert len(answer.reason) < 200


@pytest.mark.parametrize("data", [None, {}, [], {"object": None}, {"object": "in_1"}])
def test_an_envelope_without_its_object_is_unreadable(data: object) -> None:
    answer = normalise({"id": "evt_1", "type": "invoice.paid", "created": SIGNED_AT, "data": data})
    assert isinstance(answer, Unreadable)
    assert answer.field == "data.object"


def test_half_a_character_in_a_type_is_shown_and_not_raised() -> None:
    answer = SPEAKER.normalise(b'{"id": "evt_1", "type": "\\ud800"}', "row-1")
    assert answer == Ignored(reason=IgnoredBecause.UNKNOWN_TYPE, detail="'\\ud800' is no type we act on")


def test_a_body_that_is_no_event_is_unreadable() -> None:
    assert SPEAKER.normalise(b"[]", "row-1") == Unreadable(
        field="body", reason="the body is no event: not a JSON object"
    )
    assert isinstance(SPEAKER.normalise(b"\xff", "row-1"), Unreadable)
    assert SPEAKER.normalise(b"{}", "row-1") == Unreadable(field="type", reason="type is missing, expected a text")


def test_an_early_fraud_warning_names_the_payment_and_the_networks_word() -> None:
    warned = shape("charge_dispute_created", "radar.early_fraud_warning.created", fraud_type="unauthorized_use_of_card")
    answer = normalise(warned)
    assert isinstance(answer.event, FraudWarning)
    assert (answer.event.signal, answer.lookup) == ("unauthorized_use_of_card", Lookup(payment_id="pi_1RcpCharge"))
    assert fact(shape("charge_dispute_created", "radar.early_fraud_warning.created")).signal == "early_fraud_warning"


@pytest.mark.parametrize("kind", ["charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated"])
def test_money_of_a_dispute_that_moves_is_no_news_of_its_own(kind: str) -> None:
    answer = normalise(shape("charge_dispute_created", kind))
    assert isinstance(answer, Ignored)
    assert answer.reason is IgnoredBecause.NOT_DUNNING


def test_an_intent_that_needs_action_is_left_to_the_event_of_its_invoice() -> None:
    answer = normalise(shape("payment_intent_payment_failed", "payment_intent.requires_action", invoice="in_1"))
    assert isinstance(answer, Ignored)
    assert "invoice.payment_action_required" in answer.detail


def test_no_personal_data_of_an_event_stands_in_the_fact() -> None:
    answer = normalise(shape("invoice_payment_failed_2019", customer_name="Ada Lovelace", customer_phone="+4930123456"))
    assert answer.customer.said.email.address == "ada@example.com"
    for personal in ("ada@example.com", "Lovelace", "4930123456"):
        assert personal not in answer.event.model_dump_json()
        assert answer.lookup is None


def test_a_vocabulary_grown_stricter_makes_a_dead_letter_and_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(event: Any) -> Addressed:
        return Addressed(event=InvoiceVoided(event_id="row-1", happened_at=NOW, invoice_id="no id"))

    monkeypatch.setitem(HANDLERS, "invoice.paid", careless)
    answer = normalise(shape("invoice_paid"))
    assert isinstance(answer, Unreadable)
    assert answer.field == "invoice_id"


@pytest.mark.parametrize(
    ("text", "is_card"),
    [
        (CARD, True),
        ("in_4242-4242-4242-4242", True),
        ("cus_4242424242424242_1", True),
        ("378282246310005", True),
        ("4242424242424241", False),
        ("evt_00000000000000", False),
        ("in_000000000000000000000000", False),
        ("in_1FyO1tD0Nyli3dRgJf6GaMHT", False),
        (CARD + "0000", False),
        ("evt_5b4242424242424242c9", False),
    ],
)
def test_card_numbers_are_told_from_ids(text: str, is_card: bool) -> None:
    assert looks_like_card_number(text) is is_card


def test_a_value_in_a_sentence_is_short() -> None:
    assert len(shown("x" * 1000)) == 80


def test_every_type_we_act_on_is_documented() -> None:
    page = Path(__file__).parents[3] / "docs" / "sources" / "stripe.md"
    text = page.read_text(encoding="utf-8")
    assert [kind for kind in HANDLERS if f"`{kind}`" not in text] == []
