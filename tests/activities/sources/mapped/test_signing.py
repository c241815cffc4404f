"""Every signature scheme a mapping can name keeps what a Speaker promises; published vectors of other sources' schemes
are answered rightly by mappings that describe them."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from activities.sources.contract import Rejected, Verified
from tests.activities.sources.mapped.made import PAYBASE, SAMPLES, mapping, speaker
from tests.activities.sources.speaking import NOW, Delivery, SpeakerContract, one_byte_changed, vectors

BODY = SAMPLES[0].read_bytes()
AT = int(NOW.timestamp())
SECRET = "made-up-for-tests"


def signed_by(key: bytes, message: bytes, algorithm: Any = hashlib.sha256) -> bytes:
    return hmac.new(key, message, algorithm).digest()


class TestCompoundHeader(SpeakerContract):
    """`t=…,v1=…`, as in the example of the docs; several signatures while a secret is changed."""

    speaker = speaker(PAYBASE)
    _v1 = signed_by(SECRET.encode(), f"{AT}.".encode() + BODY).hex()
    genuine = (
        Delivery({"Paybase-Signature": f"t={AT},v1={_v1}"}, BODY, (SECRET,)),
        Delivery({"paybase-signature": f"v1=00, v1={_v1.upper()}, t={AT},v0=x"}, BODY, (SECRET,)),
        *(
            Delivery(
                {"Paybase-Signature": f"t={AT},v1={signed_by(SECRET.encode(), f'{AT}.'.encode() + one).hex()}"},
                one,
                (SECRET,),
            )
            for one in (path.read_bytes() for path in SAMPLES)
        ),
    )

    def test_the_time_stamp_is_told_and_checked_on_both_sides(self) -> None:
        one = self.genuine[0]
        assert self.speaker.verify(one.headers, one.body, one.secrets, NOW) == Verified(signed_at=NOW)
        for shift, says in ((timedelta(seconds=301), "before"), (timedelta(seconds=-301), "after")):
            verdict = self.speaker.verify(one.headers, one.body, one.secrets, NOW + shift)
            assert isinstance(verdict, Rejected)
            assert f"signed 301 s {says} our clock" in verdict.reason

    @pytest.mark.parametrize(
        ("header", "says"),
        [
            ("v1={v1}", "must have one time stamp t=, not 0"),
            ("t={at},t={at},v1={v1}", "must have one time stamp t=, not 2"),
            ("t=,v1={v1}", "the time stamp t is not written as unix"),
            ("t={at}", "has no signature of the form"),
            ("t={at},v1=", "has no signature of the form"),
            ("t={at},v0={v1}", "has no signature of the form"),
            ("t={at},v1=é", "characters outside ASCII"),
        ],
    )
    def test_what_is_odd_is_refused_with_its_reason(self, header: str, says: str) -> None:
        written = header.format(at=AT, v1=self._v1)
        verdict = self.speaker.verify({"Paybase-Signature": written}, BODY, (SECRET,), NOW)
        assert isinstance(verdict, Rejected)
        assert says in verdict.reason


class TestHexWithPrefix(SpeakerContract):
    """`sha256=<hex>` over the body alone, without a time."""

    speaker = speaker(
        mapping(signature="{scheme: hmac, algorithm: sha1, header: X-Hub, encoding: hex, prefix: 'sha1='}")
    )
    genuine = (Delivery({"X-Hub": "sha1=" + signed_by(SECRET.encode(), BODY, hashlib.sha1).hex()}, BODY, (SECRET,)),)

    def test_without_the_prefix_it_is_no_signature(self) -> None:
        one = self.genuine[0]
        bare = {"X-Hub": one.headers["X-Hub"].removeprefix("sha1=")}
        assert isinstance(self.speaker.verify(bare, one.body, one.secrets, NOW), Rejected)


class TestBase64WithHeadersAndAKeyInHex(SpeakerContract):
    """Milliseconds in a header of their own, another header signed as well, several signatures in a row."""

    speaker = speaker(
        mapping(
            signature="{scheme: hmac, algorithm: sha512, header: X-Signature, encoding: base64, separator: ' ', "
            "timestamp: {header: X-Time, as: unix_ms}, signed: '{header:X-Login}|{timestamp}|{body}', "
            "secret: hex, tolerance: 1m}"
        )
    )
    _key = "00ff" * 8
    _signature = base64.b64encode(
        signed_by(bytes.fromhex(_key), f"shop|{AT}000|".encode() + BODY, hashlib.sha512)
    ).decode()
    genuine = (Delivery({"X-Signature": f"AAAA {_signature}", "X-Time": f"{AT}000", "x-login": "shop"}, BODY, (_key,)),)

    def test_the_tolerance_is_its_own(self) -> None:
        one = self.genuine[0]
        late = self.speaker.verify(one.headers, one.body, one.secrets, NOW + timedelta(seconds=61))
        assert isinstance(late, Rejected)
        assert "at most 60 s" in late.reason

    def test_other_headers_are_signed_too(self) -> None:
        one = self.genuine[0]
        for headers in ({**one.headers, "x-login": "other"}, {**one.headers, "X-Time": f"{AT}001"}):
            assert isinstance(self.speaker.verify(headers, one.body, one.secrets, NOW), Rejected)

    def test_a_secret_that_is_no_hex_is_told(self) -> None:
        assert "not written in hex" in (self.speaker.complaint_about("xyz") or "")
        assert self.speaker.complaint_about(self._key) is None
        assert self.speaker.complaint_about(" ") == "it is empty"


class TestIsoTimeInAHeader(SpeakerContract):
    """A time in ISO 8601, a scheme before the signature, a key in base64."""

    speaker = speaker(
        mapping(
            signature="{scheme: hmac, algorithm: sha256, header: Authorization, encoding: hex, "
            "prefix: 'V2-HMAC-SHA256, Signature: ', timestamp: {header: X-Date, as: iso8601}, "
            "signed: '{header:X-Login}{timestamp}{body}', secret: base64}"
        )
    )
    _key = base64.b64encode(b"a key of bytes\x00\xff").decode()
    _signature = signed_by(base64.b64decode(_key), b"shop2026-03-02T10:00:00.000Z" + BODY).hex()
    genuine = (
        Delivery(
            {
                "Authorization": f"V2-HMAC-SHA256, Signature: {_signature}",
                "X-Date": "2026-03-02T10:00:00.000Z",
                "X-Login": "shop",
            },
            BODY,
            (_key,),
        ),
    )

    def another(self, secret: str) -> str:
        return base64.b64encode(b"another key").decode()

    @pytest.mark.parametrize("date", ["soon", "2026-03-02", "0001-01-01T00:00:00+14:00", "9" * 5000])
    def test_another_time_is_refused(self, date: str) -> None:
        one = self.genuine[0]
        assert isinstance(self.speaker.verify({**one.headers, "X-Date": date}, one.body, one.secrets, NOW), Rejected)


class TestStandardWebhooks(SpeakerContract):
    """Their library signs, we verify."""

    speaker = speaker(mapping(signature="{scheme: standard_webhooks}"))
    _secret = "whsec_" + base64.b64encode(bytes(range(32))).decode()
    _signature = Webhook(_secret).sign("msg_1", NOW.replace(tzinfo=UTC), BODY.decode())
    genuine = (
        Delivery(
            {"webhook-id": "msg_1", "webhook-timestamp": str(AT), "webhook-signature": _signature}, BODY, (_secret,)
        ),
    )

    def another(self, secret: str) -> str:
        return "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()


class TestSvix(TestStandardWebhooks):
    speaker = speaker(mapping(signature="{scheme: standard_webhooks, prefix: svix}"))
    genuine = tuple(
        Delivery({name.replace("webhook", "svix"): value for name, value in one.headers.items()}, one.body, one.secrets)
        for one in TestStandardWebhooks.genuine
    )


class _SecretInTheHeader(SpeakerContract):
    """What proves the sender is the secret itself, so it must not lie in the inbox."""

    def test_the_headers_that_are_read_are_kept(self) -> None:
        assert self.speaker.kept_headers == ()


class TestBasicAuth(_SecretInTheHeader):
    speaker = speaker(mapping(signature="{scheme: basic_auth}"))
    genuine = (
        Delivery({"Authorization": "basic " + base64.b64encode(b"shop:secret").decode()}, BODY, ("shop:secret",)),
    )

    def test_a_secret_without_a_name_is_told(self) -> None:
        assert "user:password" in (self.speaker.complaint_about("secret") or "")


class TestBearer(_SecretInTheHeader):
    speaker = speaker(mapping(signature="{scheme: bearer}"))
    genuine = (Delivery({"authorization": f"BEARER  {SECRET}"}, BODY, (SECRET,)),)

    def test_another_scheme_is_refused(self) -> None:
        for value in (SECRET, f"Basic {SECRET}", "Bearer", "Bearer "):
            assert isinstance(self.speaker.verify({"Authorization": value}, BODY, (SECRET,), NOW), Rejected)


class TestSharedToken(_SecretInTheHeader):
    speaker = speaker(mapping())
    genuine = (Delivery({"x-token": SECRET}, BODY, (SECRET,)), Delivery({"X-Token": "two words"}, BODY, ("two words",)))

    def test_a_secret_that_no_header_can_hold_is_told_and_never_counts(self) -> None:
        assert "outside ASCII" in (self.speaker.complaint_about("schlüssel") or "")
        assert isinstance(self.speaker.verify({"X-Token": "schlüssel"}, BODY, ("schlüssel",), NOW), Rejected)


# --- published vectors of others, by mappings -------------------------------------------------------------------------

SCHEMES = {
    "stripe": "{scheme: hmac, algorithm: sha256, header: Stripe-Signature, encoding: hex, part: v1, "
    "timestamp: {part: t}, signed: '{timestamp}.{body}'}",
    "paddle-billing": "{scheme: hmac, algorithm: sha256, header: Paddle-Signature, encoding: hex, part: h1, "
    "separator: ';', timestamp: {part: ts}, signed: '{timestamp}:{body}'}",
    "gocardless": "{scheme: hmac, algorithm: sha256, header: Webhook-Signature, encoding: hex}",
    "adyen-payload-hmac": "{scheme: hmac, algorithm: sha256, header: HmacSignature, encoding: base64, secret: hex}",
}


def stamp_of(vector: dict[str, Any]) -> datetime:
    """When its receiver looked at the clock: at the moment it was signed, where it says one."""
    parts = [part.partition("=") for value in vector["headers"].values() for part in value.replace(";", ",").split(",")]
    stamps = [text for name, _, text in parts if name in ("t", "ts") and text.isdigit()]
    return datetime.fromtimestamp(int(stamps[0]), UTC) if stamps else NOW


@pytest.mark.parametrize("scheme", SCHEMES)
def test_published_vectors_of_a_scheme_are_answered_rightly_by_a_mapping_of_it(scheme: str) -> None:
    made = speaker(mapping(signature=SCHEMES[scheme]))
    published = [vector for vector in vectors(scheme) if isinstance(vector["body"], str)]
    assert published
    for vector in published:
        body, secrets, now = vector["body"].encode(), (vector["secret"],), stamp_of(vector)
        verdict = made.verify(vector["headers"], body, secrets, now)
        assert isinstance(verdict, Verified) is vector["verifies"], (vector, verdict)
        if vector["verifies"]:
            for changed in one_byte_changed(body)[:400]:
                assert isinstance(made.verify(vector["headers"], changed, secrets, now), Rejected)


HOSTILE: list[Callable[[str], str]] = [
    lambda value: value + "\x00",
    lambda value: "\ud800" + value,
    lambda value: value * 50,
    lambda value: value[::-1],
    lambda value: value.replace("=", ""),
    lambda value: "",
]


@pytest.mark.parametrize(
    "contract",
    [TestCompoundHeader, TestBase64WithHeadersAndAKeyInHex, TestIsoTimeInAHeader, TestSharedToken, TestBearer],
)
def test_no_header_makes_it_raise(contract: type[SpeakerContract]) -> None:
    for one in contract.genuine:
        for name in one.headers:
            for spoil in HOSTILE:
                headers = {**one.headers, name: spoil(one.headers[name])}
                verdict = contract.speaker.verify(headers, one.body, one.secrets, one.now)
                assert isinstance(verdict, Verified | Rejected)
                assert not any(secret in str(verdict) for secret in one.secrets)
