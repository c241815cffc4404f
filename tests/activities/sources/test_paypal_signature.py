"""Transmission headers, PayPal's certificates, and where they may come from."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from activities.sources.contract import Rejected, Unproven, Verified
from activities.sources.paypal import PayPalSpeaker
from activities.sources.paypal_signature import (
    PAYPALS_ADDRESSES,
    CertificateAddresses,
    Certificates,
    SigningCertificate,
    Transmission,
)
from activities.sources.reading import Wrong
from tests.activities.sources.paypal_signing import (
    BODY,
    KEY,
    PEM,
    certificates,
    headers_of,
    pem_of,
    reason,
    verify,
)
from tests.activities.sources.speaking import NOW, one_byte_changed, vectors


def test_the_time_of_the_transmission_is_the_time_of_signing() -> None:
    assert verify(headers_of(BODY)) == Verified(signed_at=NOW)


def test_another_key_another_body_and_another_time_do_not_verify() -> None:
    other = rsa.generate_private_key(65537, 2048)
    assert "does not belong" in reason(verify(headers_of(BODY, key=other)))
    assert "does not belong" in reason(verify(headers_of(BODY), BODY + b" "))
    later = headers_of(BODY) | {"Paypal-Transmission-Time": "2026-03-02T10:00:01Z"}
    assert "does not belong" in reason(verify(later))


@pytest.mark.parametrize(
    ("away", "holds"),
    [
        (timedelta(seconds=-301), False),
        (timedelta(seconds=-300), True),
        (timedelta(days=3), True),
        (timedelta(days=3, hours=1), True),
        (timedelta(days=3, hours=1, seconds=1), False),
    ],
)
def test_a_delivery_may_be_repeated_for_three_days_and_come_five_minutes_early(away: timedelta, holds: bool) -> None:
    assert isinstance(verify(headers_of(BODY), now=NOW + away), Verified) is holds
    assert isinstance(verify(headers_of(BODY), now=NOW + away, speaker=PayPalSpeaker()), Unproven) is holds


def test_a_naive_clock_is_utc() -> None:
    assert isinstance(verify(headers_of(BODY), now=NOW.replace(tzinfo=None)), Verified)


@pytest.mark.parametrize("name", sorted(headers_of(BODY)))
def test_every_header_must_be_there_once_and_plain(name: str) -> None:
    good = headers_of(BODY)
    assert "not 0 times" in reason(verify({key: value for key, value in good.items() if key != name}))
    assert "not 2 times" in reason(verify(good | {name.upper(): good[name]}))
    for odd in ("", "é", "a\nb", "x" * 3000, "\ud800"):
        assert isinstance(verify(good | {name: odd}), Rejected)


@pytest.mark.parametrize("algorithm", ["SHA1withRSA", "sha256withrsa", "none", "SHA256withECDSA"])
def test_only_one_algorithm_counts(algorithm: str) -> None:
    assert "SHA256withRSA" in reason(verify(headers_of(BODY) | {"Paypal-Auth-Algo": algorithm}))


@pytest.mark.parametrize("signature", ["AAAA", "%%%%", "=", "AA"])
def test_a_signature_of_the_wrong_form_or_length_is_refused(signature: str) -> None:
    assert isinstance(verify(headers_of(BODY) | {"Paypal-Transmission-Sig": signature}), Rejected)


@pytest.mark.parametrize("stamp", ["yesterday", "1764547200", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_is_none_is_refused(stamp: str) -> None:
    assert isinstance(verify(headers_of(BODY) | {"Paypal-Transmission-Time": stamp}), Rejected)


@pytest.mark.parametrize(
    "address",
    [
        "http://api.paypal.com/v1/notifications/certs/CERT-1",
        "HTTPS://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://API.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
        "https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1",
        "https://me:pw@api.paypal.com/v1/notifications/certs/CERT-1",
        "https://evil.example/https://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://evil.example#https://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:443/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
        "https://api.paypal.com./v1/notifications/certs/CERT-1",
        "https://www.paypal.com/v1/notifications/certs/CERT-1",
        "https://api-m.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/notifications/test",
        "https://api.paypal.com/v1/notifications/certs/",
        "https://api.paypal.com/v1/notifications/certs/../../oauth2/token",
        "https://api.paypal.com/v1/notifications/certs/%2e%2e/x",
        "https://api.paypal.com/v1/notifications/certs/CERT-1/more",
        "https://api.paypal.com/v1/notifications/certs/CERT-1?next=x",
        "https://api.paypal.com/v1/notifications/certs/CERT-1#x",
        "https://api.paypal.com/v1/notifications/certs/CERT-1 ",
        "https://api.paypal.com/v1/notifications/certs/CERT.1",
        "https://api.paypal.com//v1/notifications/certs/CERT-1",
        "https://api.paypal.com\\@evil.example/v1/notifications/certs/CERT-1",
        "//api.paypal.com/v1/notifications/certs/CERT-1",
        "file:///etc/passwd",
    ],
)
def test_a_certificate_from_anywhere_else_is_refused(address: str) -> None:
    assert not PAYPALS_ADDRESSES.allow(address)
    assert "where PayPal keeps" in reason(verify(headers_of(BODY, address=address)))


@pytest.mark.parametrize("host", ["api.paypal.com", "api.sandbox.paypal.com"])
def test_paypals_own_addresses_are_allowed(host: str) -> None:
    assert PAYPALS_ADDRESSES.allow(f"https://{host}/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77")


@pytest.mark.parametrize(
    ("not_before", "not_after"),
    [(NOW + timedelta(days=1), NOW + timedelta(days=2)), (NOW - timedelta(days=2), NOW - timedelta(days=1))],
)
def test_a_certificate_counts_while_it_is_valid(not_before: datetime, not_after: datetime) -> None:
    speaker = PayPalSpeaker(certificates(pem=pem_of(KEY, not_before, not_after)))
    assert "not valid at this time" in reason(verify(headers_of(BODY), speaker=speaker))


def test_a_weak_key_or_one_that_is_not_rsa_is_no_certificate_for_us() -> None:
    weak = rsa.generate_private_key(65537, 1024)
    for pem in (pem_of(weak), pem_of(ec.generate_private_key(ec.SECP256R1()))):
        with pytest.raises(Wrong, match="not RSA of at least 2048 bits"):
            SigningCertificate.of_pem(pem)
    for garbage in (b"", b"\x00", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", PEM[:-60]):
        with pytest.raises(Wrong, match="no certificate"):
            SigningCertificate.of_pem(garbage)


def test_the_certificate_used_longest_ago_makes_room() -> None:
    kept = Certificates(most=2)
    one = SigningCertificate.of_pem(PEM)
    kept.put("a", one)
    kept.put("b", one)
    assert kept.get("a") is one
    kept.put("c", one)
    assert (len(kept), kept.get("a"), kept.get("b")) == (2, one, None)


TEST_ADDRESSES = CertificateAddresses(folder="/v1/notifications/")
SIGNED_AT = datetime(2017, 3, 30, 20, 4, 5, tzinfo=UTC)


def verify_vector(vector: Any, body: bytes) -> Any:
    kept = certificates(vector["headers"]["PAYPAL-CERT-URL"], vector["secret"].encode())
    speaker = PayPalSpeaker(kept, TEST_ADDRESSES)
    return speaker.verify(vector["headers"], body, [vector["options"]["webhook_id"]], SIGNED_AT)


def test_published_signatures_verify_exactly_when_they_should() -> None:
    assert len(vectors("paypal-rsa")) >= 3
    for vector in vectors("paypal-rsa"):
        assert isinstance(verify_vector(vector, vector["body"].encode()), Verified) is vector["verifies"]


def test_changing_any_one_byte_of_a_published_body_breaks_its_signature() -> None:
    for vector in vectors("paypal-rsa"):
        for changed in one_byte_changed(vector["body"].encode()) if vector["verifies"] else ():
            assert isinstance(verify_vector(vector, changed), Rejected)


def test_the_published_certificate_has_run_out_since() -> None:
    vector = next(vector for vector in vectors("paypal-rsa") if vector["verifies"])
    certificate = SigningCertificate.of_pem(vector["secret"].encode())
    transmission = Transmission.of(vector["headers"], SIGNED_AT, TEST_ADDRESSES)
    ids = [vector["options"]["webhook_id"]]
    assert isinstance(transmission.checked_with(certificate, vector["body"].encode(), ids, SIGNED_AT), Verified)
    assert "not valid" in reason(transmission.checked_with(certificate, vector["body"].encode(), ids, NOW))


def test_the_published_signed_text_is_ours() -> None:
    assert vectors("paypal-signed-message-only")
    for vector in vectors("paypal-signed-message-only"):
        sent = {name.lower(): value for name, value in vector["headers"].items()}
        stamp = sent["paypal-transmission-time"]
        transmission = Transmission(
            sent["paypal-transmission-id"], stamp, datetime.fromisoformat(stamp), address_of_nobody, b""
        )
        body, expected = vector["body"].encode(), vector["options"]["expected_message"]
        assert transmission.signed_text(vector["options"]["webhook_id"], body) == expected
        for changed in one_byte_changed(body):
            assert transmission.signed_text(vector["options"]["webhook_id"], changed) != expected


address_of_nobody = "https://api.sandbox.paypal.com/v1/notifications/certs/unknown"
