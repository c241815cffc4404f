"""Recurly's deliveries: XML under basic auth, JSON under basic auth or a signature; what each kind says is in
test_recurly_xml.py and test_recurly_json.py."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.sources.contract import Item, Malformed, Rejected, Verified
from activities.sources.reading import key_by_hash
from activities.sources.recurly import RecurlySpeaker
from tests.activities.sources.speaking import NOW, Delivery, SpeakerContract, one_byte_changed

SPEAKER = RecurlySpeaker()
FIXTURES = Path(__file__).parent / "fixtures" / "recurly"
PAIR = "hooks:made up for tests"
KEY = "made0up0key0of0an0endpoint"
EVENT = json.dumps(
    {
        "id": "made0up0id",
        "object_type": "charge_invoice",
        "site_id": "made0up0site",
        "event_type": "past_due",
        "event_time": "2026-03-02T09:59:30Z",
        "invoice_number": 1007,
    }
).encode()


def basic(credentials: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}


def signature(body: bytes, stamp: str, key: str = KEY) -> str:
    return hmac.new(key.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def milliseconds(at: datetime) -> str:
    return str(int(at.timestamp()) * 1000 + 123)


def signed(body: bytes = EVENT, at: datetime = NOW, key: str = KEY) -> dict[str, str]:
    stamp = milliseconds(at)
    return {"recurly-signature": f"{stamp},{signature(body, stamp, key)}"}


class TestRecurly(SpeakerContract):
    speaker = SPEAKER
    genuine = (
        *(Delivery(basic(PAIR), path.read_bytes(), (PAIR,)) for path in sorted(FIXTURES.glob("*.xml"))),
        Delivery(basic(PAIR), EVENT, (PAIR,)),
        Delivery(signed(), EVENT, (KEY,)),
    )

    def test_the_headers_that_are_read_are_kept(self) -> None:
        """Except `authorization`, which holds the password: secrets live in the environment or in files, not in the
        database. Kept headers are for deliveries that a Prover checks later (Unproven); Recurly's are verified before
        they are stored."""
        assert self.speaker.kept_headers == ("recurly-signature",)
        one = self.genuine[-1]
        kept = {name: value for name, value in one.headers.items() if name.lower() in self.speaker.kept_headers}
        assert isinstance(self.speaker.verify(kept, one.body, one.secrets, one.now), Verified)


# Verifying


def verify(headers: dict[str, str], *secrets: str, body: bytes = EVENT, now: datetime = NOW) -> Verified | Rejected:
    return SPEAKER.verify(headers, body, secrets, now)


def reason(answer: Verified | Rejected) -> str:
    assert isinstance(answer, Rejected)
    assert not any(secret in answer.reason for secret in (PAIR, KEY, "made up for tests"))
    return answer.reason


def test_a_signature_tells_when_it_was_made_and_basic_auth_does_not() -> None:
    assert verify(signed(), KEY) == Verified(signed_at=NOW)
    assert verify(basic(PAIR), PAIR) == Verified(signed_at=None)


def test_changing_any_one_byte_of_a_signed_body_breaks_its_signature() -> None:
    assert not any(isinstance(verify(signed(), KEY, body=body), Verified) for body in one_byte_changed(EVENT))


def test_while_a_key_is_made_anew_recurly_signs_with_both_and_either_will_do() -> None:
    stamp = milliseconds(NOW)
    both = {"Recurly-Signature": f"{stamp}, {signature(EVENT, stamp, 'old')} ,{signature(EVENT, stamp, 'new')}"}
    for key in ("old", "new"):
        assert isinstance(verify(both, key), Verified)
    assert isinstance(verify(both, "other"), Rejected)


@pytest.mark.parametrize(("seconds", "holds"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_the_clock_may_differ_by_300_seconds_to_either_side(seconds: int, holds: bool) -> None:
    assert isinstance(verify(signed(), KEY, now=NOW - timedelta(seconds=seconds)), Verified) is holds


def test_a_refused_time_stamp_is_told_in_seconds_and_direction() -> None:
    assert reason(verify(signed(), KEY, now=NOW + timedelta(hours=1))).startswith("signed 3600 s before our clock")
    assert reason(verify(signed(), KEY, now=NOW - timedelta(hours=1))).startswith("signed 3600 s after our clock")


def test_a_time_stamp_in_seconds_is_read_as_recurlys_example_shows_it() -> None:
    stamp = str(int(NOW.timestamp()))
    assert verify({"recurly-signature": f"{stamp},{signature(EVENT, stamp)}"}, KEY) == Verified(signed_at=NOW)


@pytest.mark.parametrize(
    "stamp", ["", "abc", "1" * 12, "9" * 5000, "-1764547200000", "1e12", "١٢٣٤٥٦٧٨٩٠", "1764547200.0"]
)
def test_a_time_stamp_that_is_no_unix_time_is_refused(stamp: str) -> None:
    assert "unix time" in reason(verify({"recurly-signature": f"{stamp},{signature(EVENT, stamp)}"}, KEY))


@pytest.mark.parametrize("rest", ["", ",", ",,", ",0", "," + "f" * 64, ",é", ",\ud800", ",v1=" + "0" * 64])
def test_a_header_without_a_good_signature_is_refused(rest: str) -> None:
    assert "no signature" in reason(verify({"recurly-signature": milliseconds(NOW) + rest}, KEY))


def test_a_doubled_header_is_refused() -> None:
    doubled = {**signed(), "RECURLY-SIGNATURE": signed()["recurly-signature"]}
    assert "given once, not 2 times" in reason(verify(doubled, KEY))


def test_xml_is_not_signed_and_the_refusal_says_what_to_do() -> None:
    assert "XML needs HTTP basic auth" in reason(verify({}, KEY, body=b"<unknown_notification/>"))


def test_the_secrets_form_tells_the_scheme_and_one_that_matches_is_enough() -> None:
    for headers in (signed(), basic(PAIR), {**signed(), **basic("some:body else")}, {**signed(key="x"), **basic(PAIR)}):
        assert isinstance(verify(headers, PAIR, KEY), Verified)
    assert isinstance(verify(basic(KEY), KEY), Rejected)
    assert isinstance(verify(signed(key=PAIR), PAIR), Rejected)


def test_of_two_schemes_that_fail_the_one_that_was_tried_is_named() -> None:
    assert "no signature" in reason(verify({**signed(key="x"), **basic("some:body else")}, PAIR, KEY))
    assert "user and password" in reason(verify(basic("some:body else"), PAIR, KEY))


@pytest.mark.parametrize(
    ("secret", "is_one"),
    [(PAIR, True), (KEY, True), ("", False), ("  ", False), ("a key", False), (":p", False), ("u:", False)],
)
def test_a_secret_of_neither_form_is_complained_about(secret: str, is_one: bool) -> None:
    assert (SPEAKER.complaint_about(secret) is None) is is_one


# Splitting


@pytest.mark.parametrize("body", [EVENT, (FIXTURES / "failed_payment.xml").read_bytes()])
def test_a_notification_is_one_item_and_its_bytes_are_its_key(body: bytes) -> None:
    assert SPEAKER.split(body) == (Item(event_key=key_by_hash(body), body=body),)


@pytest.mark.parametrize(
    "kind",
    [
        *("billing_info_updated", "billing_info_update_failed", "new_account", "updated_account"),
        *("failed_payment", "new_dunning_event", "paid_charge_invoice", "expired_subscription", "unheard_of"),
    ],
)
def test_xml_about_an_account_alone_has_neither_id_nor_time(kind: str) -> None:
    items: Any = SPEAKER.split(f"<{kind}_notification><account/></{kind}_notification>".encode())
    assert [item.nameless for item in items] == ["account" in kind or "billing_info" in kind]


def test_what_happens_to_one_object_has_several_keys_although_the_id_is_one() -> None:
    def subscription(kind: str) -> bytes:
        return json.dumps({"id": "one", "object_type": "subscription", "event_type": kind}).encode()

    def key(body: bytes) -> str:
        items: Any = SPEAKER.split(body)
        return str(items[0].event_key)

    assert key(subscription("created")) != key(subscription("canceled"))


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b" ", b"[]", b"{}", b"{", b'{"object_type": "payment"}', b'{"event_type": "failed"}'),
        *(b"<", b"<html/>", b"<notification>", b"hello", b"\xff\xfe"),
        b'<!DOCTYPE x [<!ENTITY a "b">]><unknown_notification>&a;</unknown_notification>',
    ],
)
def test_what_is_no_notification_is_malformed(body: bytes) -> None:
    assert isinstance(SPEAKER.split(body), Malformed)


def test_signed_at_is_in_utc() -> None:
    verdict = verify(signed(), KEY)
    assert isinstance(verdict, Verified)
    assert verdict.signed_at is not None
    assert verdict.signed_at.tzinfo is UTC
