"""Stripe's webhooks: theirs signs and ours verifies; what they say becomes what we say; nothing makes us raise.

Fixtures are ours, shaped after Stripe's published objects. With RECOUP_REFERENCE_DATA set, vectors and payloads that
other projects recorded are read from there; they are not part of this repository.
"""

import csv
import json
import os
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import stripe
from hypothesis import example, given, settings
from hypothesis import strategies as st

from activities.sources.contract import UNRESOLVED, Addressed, Item, Lookup, Malformed, Rejected, Speaker, Verified
from activities.sources.reading import shown
from activities.sources.signatures import outside_tolerance, unix_seconds
from activities.sources.stripe import (
    HANDLERS,
    StripeSpeaker,
    money_from_stripe,
)
from policies.card_numbers import looks_like_card_number
from policies.declines import Category
from policies.events import (
    ActionRequired,
    DisputeClosed,
    DisputeOpened,
    Ignored,
    IgnoredBecause,
    InvoiceVoided,
    PaymentFailed,
    PaymentSucceeded,
    SubscriptionCancelled,
    Unreadable,
)
from policies.money import Money

SPEAKER: Speaker = StripeSpeaker()
FIXTURES = Path(__file__).parent / "fixtures" / "stripe"
SHAPES = {path.stem: json.loads(path.read_bytes()) for path in sorted(FIXTURES.glob("*.json"))}

SECRET = "whsec_made_up_for_tests"
BODY = b'{"id": "evt_1", "type": "invoice.paid", "note": "gr\xc3\xbc\xc3\x9fe"}'
SIGNED_AT = 1764547200
NOW = datetime.fromtimestamp(SIGNED_AT, UTC)
CARD = "4242424242424242"


def header(body: bytes = BODY, secret: str = SECRET, at: int = SIGNED_AT) -> str:
    signed: str = stripe.WebhookSignature.generate_signature_header(body.decode(), secret, at)
    return signed


def verify(value: str, body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,), now: datetime = NOW) -> Any:
    return SPEAKER.verify({"Stripe-Signature": value}, body, secrets, now)


def reason(answer: Verified | Rejected) -> str:
    assert isinstance(answer, Rejected)
    assert SECRET not in answer.reason
    return answer.reason


def normalise(event: Any) -> Any:
    return SPEAKER.normalise(json.dumps(event).encode(), "row-1")


def shape(name: str, kind: str | None = None, **fields: object) -> Any:
    """A fixture with another type or other fields of its object; `...` removes a field."""
    event = deepcopy(SHAPES[name])
    event["type"] = kind or event["type"]
    for key, value in fields.items():
        event["data"]["object"].pop(key, None)
        if value is not ...:
            event["data"]["object"][key] = value
    return event


def fact(event: Any) -> Any:
    answer = normalise(event)
    assert isinstance(answer, Addressed), answer
    return answer.event


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
    for position in range(len(BODY)):
        changed = bytearray(BODY)
        changed[position] ^= 1
        assert isinstance(verify(signed, bytes(changed)), Rejected)


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


def test_a_failed_invoice_of_2025_names_invoice_and_customer_but_no_decline() -> None:
    assert normalise(shape("invoice_payment_failed_2025")) == Addressed(
        event=PaymentFailed(event_id="row-1", happened_at=NOW, invoice_id="in_1RcpBasil", customer_id="cus_RcpAda")
    )


def test_a_failed_invoice_with_an_expanded_charge_carries_the_decline() -> None:
    event = fact(shape("invoice_payment_failed_2019"))
    assert (event.invoice_id, event.customer_id) == ("in_1RcpOld", "cus_RcpOld")
    assert event.decline.category is Category.INSUFFICIENT_FUNDS


def test_an_expanded_payment_intent_carries_the_decline_too() -> None:
    error = {"code": "expired_card", "decline_code": None}
    event = fact(shape("invoice_payment_failed_2025", payment_intent={"id": "pi_1", "last_payment_error": error}))
    assert event.decline.category is Category.EXPIRED_CARD


def test_a_finalization_error_is_the_last_place_to_look() -> None:
    event = fact(shape("invoice_payment_failed_2025", last_finalization_error={"code": "processing_error"}))
    assert event.decline.category is Category.GATEWAY_ERROR


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
    assert event == ActionRequired(
        event_id="row-1", happened_at=NOW, invoice_id="in_1RcpBasil", customer_id="cus_RcpAda"
    )


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


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1900, "eur", "19.00 EUR"),
        (1900, "EUR", "19.00 EUR"),
        (500, "jpy", "500 JPY"),
        (5120, "kwd", "5.120 KWD"),
        (500, "isk", "5 ISK"),
        (500, "ugx", "5 UGX"),
        (5, "mga", "5.00 MGA"),
    ],
)
def test_amounts_are_turned_into_iso_minor_units(amount: int, currency: str, text: str) -> None:
    assert str(fact(shape("invoice_paid", amount_paid=amount, currency=currency)).paid) == text


def test_half_a_krona_is_no_amount() -> None:
    with pytest.raises(ValueError, match="no multiple of 100"):
        money_from_stripe(4010, "isk")


@pytest.mark.parametrize("kind", ["invoice.voided", "invoice.marked_uncollectible"])
def test_an_invoice_given_up_at_stripe_is_void(kind: str) -> None:
    assert fact(shape("invoice_payment_failed_2025", kind)) == InvoiceVoided(
        event_id="row-1", happened_at=NOW, invoice_id="in_1RcpBasil"
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


@pytest.mark.parametrize(
    ("exact", "broad", "category", "kept"),
    [
        ("insufficient_funds", "card_declined", Category.INSUFFICIENT_FUNDS, "insufficient_funds"),
        (None, "expired_card", Category.EXPIRED_CARD, "expired_card"),
        (
            "a_new_word_for_it",
            "authentication_required",
            Category.AUTHENTICATION_REQUIRED,
            "authentication_required",
        ),
        ("brand_new_code", "card_declined", Category.UNKNOWN, "brand_new_code"),
        ("not a code\n", "expired_card", Category.EXPIRED_CARD, "expired_card"),
    ],
)
def test_the_exact_decline_code_decides_unless_only_the_broad_one_is_known(
    exact: str | None, broad: str, category: Category, kept: str
) -> None:
    event = shape("payment_intent_payment_failed", last_payment_error={"decline_code": exact, "code": broad})
    decline = fact(event).decline
    assert (decline.category, decline.code) == (category, kept)


@pytest.mark.parametrize("error", [None, ..., "card_declined", {}, {"code": 7}])
def test_a_failure_without_a_readable_code_has_no_decline_yet(error: object) -> None:
    assert fact(shape("payment_intent_payment_failed", last_payment_error=error)).decline is None


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


def test_a_body_that_is_no_event_is_unreadable() -> None:
    assert SPEAKER.normalise(b"[]", "row-1") == Unreadable(
        field="body", reason="the body is no event: not a JSON object"
    )
    assert isinstance(SPEAKER.normalise(b"\xff", "row-1"), Unreadable)
    assert SPEAKER.normalise(b"{}", "row-1") == Unreadable(field="type", reason="type is missing, expected a text")


def test_no_personal_data_of_an_event_is_passed_on() -> None:
    assert "ada@example.com" not in normalise(shape("invoice_payment_failed_2019")).model_dump_json()


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


# Whatever the bytes


# A busy machine is no bug: how long one example takes is not measured.
PATIENT = settings(deadline=None)

HEADER_TEXT = st.one_of(
    st.text(alphabet=st.characters()),
    st.lists(st.sampled_from(["t=", "v1=", "v0=", ",", "=", " ", str(SIGNED_AT), "f" * 64, "é", "\ud800"])).map(
        "".join
    ),
)
CLOCKS = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(-timedelta(hours=12))]))


@PATIENT
@given(
    st.dictionaries(st.one_of(st.just("stripe-signature"), st.text()), HEADER_TEXT),
    st.binary(),
    st.lists(st.text(alphabet=st.characters())),
    CLOCKS,
)
@example({"stripe-signature": f"t={SIGNED_AT},v1=\ud800"}, b"", ["\ud800"], datetime.min.replace(tzinfo=UTC))
@example({"stripe-signature": "t=999999999999,v1=0"}, b"", ["s"], datetime.max.replace(tzinfo=UTC))
def test_verifying_never_raises_and_never_verifies_what_nobody_signed(
    headers: dict[str, str], body: bytes, secrets: list[str], now: datetime
) -> None:
    assert isinstance(SPEAKER.verify(headers, body, secrets, now), Rejected)


def never_raises(body: bytes, event_id: str = "row-1") -> None:
    items = SPEAKER.split(body)
    assert isinstance(items, tuple | Malformed)
    if isinstance(items, tuple):
        assert all(SPEAKER.split(item.body) == (item,) for item in items)
    answer = SPEAKER.normalise(body, event_id)
    assert isinstance(answer, Addressed | Ignored | Unreadable)
    # What cannot be written down as UTF-8 cannot be stored or sent to Temporal.
    answer.model_dump_json().encode()


@PATIENT
@given(st.one_of(st.binary(), st.text().map(str.encode)))
@example(b'{"id": "evt_1", "type": "\\ud800"}')
def test_no_bytes_make_splitting_or_normalising_raise(body: bytes) -> None:
    never_raises(body)


JSON_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(alphabet=st.characters()),
        st.sampled_from([CARD, "usd", "in_1", "subscription_create", "\x00", "won", 10**400]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=6,
)


def paths(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [path, *(found for key, child in value.items() for found in paths(child, (*path, key)))]
    return [path]


@st.composite
def mutated_events(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Any:
    event = deepcopy(draw(st.sampled_from(list(SHAPES.values()))))
    event["type"] = draw(st.sampled_from([event["type"], *HANDLERS]))
    for path in draw(st.lists(st.sampled_from([path for path in paths(event) if path]), max_size=3)):
        parent: Any = event
        for key in path[:-1]:
            parent = parent.get(key) if isinstance(parent, dict) else None
        if isinstance(parent, dict):
            parent.pop(path[-1], None)
            if draw(st.booleans()):
                parent[path[-1]] = draw(JSON_VALUES)
    return event


@settings(PATIENT, max_examples=400)
@given(mutated_events(), st.text())
def test_no_damage_to_a_real_shape_makes_us_raise(event: Any, event_id: str) -> None:
    never_raises(json.dumps(event).encode(), event_id)


# What others recorded


def reference_data() -> Path:
    folder = os.environ.get("RECOUP_REFERENCE_DATA")
    if not folder:
        pytest.skip("RECOUP_REFERENCE_DATA names no folder of recorded payloads")
    return Path(folder)


def stripe_vectors() -> list[Any]:
    vectors = json.loads((reference_data() / "payloads" / "vectors.json").read_bytes())
    return [vector for vector in vectors if vector["scheme"] == "stripe"]


def verify_vector(vector: Any, body: bytes) -> Verified | Rejected:
    return SPEAKER.verify(vector["headers"], body, [vector["secret"]], datetime.fromtimestamp(1533204620, UTC))


def test_published_signatures_verify_exactly_when_they_should() -> None:
    vectors = stripe_vectors()
    assert len(vectors) >= 5
    for vector in vectors:
        assert isinstance(verify_vector(vector, vector["body"].encode()), Verified) is vector["verifies"], vector[
            "note"
        ]


def test_changing_any_one_byte_of_a_published_body_breaks_its_signature() -> None:
    for vector in stripe_vectors():
        body = vector["body"].encode()
        for position in range(len(body)) if vector["verifies"] else ():
            changed = body[:position] + bytes([body[position] ^ 1]) + body[position + 1 :]
            assert isinstance(verify_vector(vector, changed), Rejected)


UNKNOWN, NOT_DUNNING = IgnoredBecause.UNKNOWN_TYPE, IgnoredBecause.NOT_DUNNING
RECORDED: dict[str, type | IgnoredBecause] = {
    "charge.dispute.closed__lago-api": DisputeClosed,
    "charge.dispute.created__stripe-ruby-mock": NOT_DUNNING,  # warning_needs_response: an inquiry
    "charge.dispute.created__subhub": DisputeOpened,
    "charge.failed__stripe-ruby-mock": PaymentFailed,
    "customer.created__stripe-dotnet": UNKNOWN,
    "customer.source.expiring__subhub": UNKNOWN,
    "customer.subscription.deleted__stripe-ruby-mock": SubscriptionCancelled,
    "customer.subscription.deleted__subhub": SubscriptionCancelled,
    "customer.subscription.updated__stripe-ruby-mock": UNKNOWN,
    "customer.subscription.updated__subhub": UNKNOWN,
    "customer.subscription.updated__subhub_2": UNKNOWN,
    "customer.updated__lago-api": UNKNOWN,
    "customer.updated__lago-api_2": UNKNOWN,
    "customer.updated__stripe-ruby-mock": UNKNOWN,
    "customer.updated__zulip": UNKNOWN,
    "foo.created__stripe-dotnet": UNKNOWN,
    "invoice.finalized__zulip": UNKNOWN,
    "invoice.paid__stripe-ruby-mock": PaymentSucceeded,
    "invoice.paid__zulip": PaymentSucceeded,
    "invoice.payment_action_required__stripe-ruby-mock": ActionRequired,
    "invoice.payment_failed__pointfreeco": PaymentFailed,
    "invoice.payment_failed__stripe-mock-data": NOT_DUNNING,  # a list; nothing is owed
    "invoice.payment_failed__stripe-mock-data_3": PaymentFailed,  # a list
    "invoice.payment_failed__stripe-ruby-mock": PaymentFailed,
    "invoice.payment_failed__subhub": PaymentFailed,
    "invoice.payment_failed__subhub_2": NOT_DUNNING,  # billing_reason subscription_create
    "invoice.upcoming__stripe-ruby-mock": UNKNOWN,
    "invoice.updated__zulip": UNKNOWN,
    "mandate.updated__stripe-ruby-mock": UNKNOWN,
    "payment_intent.canceled__lago-api": UNKNOWN,
    "payment_intent.payment_failed__lago-api": PaymentFailed,
    "payment_intent.payment_failed__lago-api_2": PaymentFailed,
    "payment_intent.payment_failed__stripe-ruby-mock": PaymentFailed,
    "payment_intent.processing__stripe-ruby-mock": UNKNOWN,
    "payment_intent.requires_action__stripe-ruby-mock": UNKNOWN,
    "payment_method.attached__stripe-ruby-mock": UNKNOWN,
    "payment_method.detached__lago-api": UNKNOWN,
    "ping__stripe-dotnet": UNKNOWN,
    "setup_intent.setup_failed__stripe-ruby-mock": UNKNOWN,
    "setup_intent.succeeded__lago-api": UNKNOWN,
    "this.will.break__subhub": UNKNOWN,
}


def recorded(kinds: set[str]) -> dict[str, bytes]:
    folder = reference_data() / "payloads"
    with (folder / "INDEX.csv").open(encoding="utf-8", newline="") as index:
        rows = [row for row in csv.DictReader(index) if row["gateway"] == "stripe" and row["kind"] in kinds]
    return {Path(row["file"]).stem: (folder / row["file"]).read_bytes() for row in rows}


def test_every_recorded_event_becomes_what_we_read_in_it() -> None:
    bodies = recorded({"event"})
    assert bodies.keys() <= RECORDED.keys(), "read the new payloads and write down what they should become"
    for name, body in bodies.items():
        assert outcome_of(body) == [RECORDED[name]], name


def test_recorded_lists_of_events_are_split() -> None:
    for name, body in recorded({"list"}).items():
        if name in RECORDED:
            assert outcome_of(body) == [RECORDED[name]], name
        else:
            # An answer of the events API ({"object": "list"}) is no delivery; its elements are events.
            assert isinstance(SPEAKER.split(body), Malformed)
            events = json.loads(body)["data"]
            kinds = [UNKNOWN if event["type"] not in HANDLERS else PaymentSucceeded for event in events]
            assert outcome_of(json.dumps(events).encode()) == kinds


def test_recorded_objects_and_errors_are_no_events() -> None:
    for name, body in recorded({"api_object", "api_error"}).items():
        assert isinstance(SPEAKER.split(body), Malformed), name
        assert isinstance(SPEAKER.normalise(body, "row-1"), Unreadable), name


def test_a_recorded_refusal_for_authentication_waits_for_the_customer() -> None:
    for name, body in recorded({"event"}).items():
        if name.startswith("payment_intent.payment_failed__lago-api"):
            answer: Any = SPEAKER.normalise(body, "row-1")
            assert answer.event.decline.category is Category.AUTHENTICATION_REQUIRED


def outcome_of(body: bytes) -> list[type | IgnoredBecause]:
    items = SPEAKER.split(body)
    assert isinstance(items, tuple), items
    answers = [SPEAKER.normalise(item.body, "row-1") for item in items]
    return [
        answer.reason if isinstance(answer, Ignored) else type(answer.event)
        for answer in answers
        if isinstance(answer, Ignored | Addressed)
    ]
