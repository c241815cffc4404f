"""Sealed as RFC 8291 shows it, opened as a browser would, and signed so that a push service believes it."""

import base64
import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from activities.channels.web_push import (
    PAYLOAD_BYTES_MAX,
    VAPID_LIFETIME,
    VapidKey,
    headers_of,
    new_vapid_key,
    payload_of,
    public_key_of,
    sealed,
    short,
    topic_of,
)
from tests.activities.channels.browser import Browser, raw_bytes
from tests.activities.channels.contract import letter_to

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)

# RFC 8291, section 5 and appendix A.
PLAINTEXT = b"When I grow up, I want to be a watermelon"
SENDER_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
BROWSER_PRIVATE = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
BROWSER_PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
SECRET = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def private_key(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(raw_bytes(text), "big"), ec.SECP256R1())


def test_the_example_of_the_rfc_comes_out_byte_for_byte() -> None:
    body = sealed(PLAINTEXT, BROWSER_PUBLIC, SECRET, raw_bytes(SALT), private_key(SENDER_PRIVATE))
    assert base64.urlsafe_b64encode(body).rstrip(b"=").decode() == BODY


def test_the_browser_of_the_rfc_opens_its_example() -> None:
    """So that the browser of these tests is worth asking."""
    assert Browser(private_key(BROWSER_PRIVATE), raw_bytes(SECRET)).opened(raw_bytes(BODY)) == PLAINTEXT


@pytest.mark.parametrize("size", [0, 1, 100, PAYLOAD_BYTES_MAX])
def test_a_browser_opens_what_was_sealed_for_it(size: int) -> None:
    browser, other = Browser(), Browser()
    body = sealed(b"x" * size, browser.p256dh, browser.auth)
    assert len(body) <= 4096
    assert browser.opened(body) == b"x" * size
    with pytest.raises(ValueError, match="not for this browser"):
        other.opened(body)


def test_no_two_bodies_share_salt_or_key() -> None:
    browser = Browser()
    one, two = (sealed(b"the same", browser.p256dh, browser.auth) for _ in range(2))
    assert one[:16] != two[:16]
    assert one[21:86] != two[21:86]


def test_more_than_a_record_is_refused() -> None:
    browser = Browser()
    with pytest.raises(ValueError, match="3993"):
        sealed(b"x" * (PAYLOAD_BYTES_MAX + 1), browser.p256dh, browser.auth)


@pytest.mark.parametrize(
    ("p256dh", "auth"),
    [
        ("", SECRET),
        (BROWSER_PUBLIC, ""),
        (BROWSER_PUBLIC[:-4], SECRET),
        ("A" * 87, SECRET),  # no point of the curve
        ("BA" + "A" * 85, SECRET),
        (BROWSER_PUBLIC, SECRET + "AAAA"),
        ("é" * 87, SECRET),
        ("B*" + BROWSER_PUBLIC[2:], SECRET),
    ],
)
def test_keys_that_are_none_are_refused(p256dh: str, auth: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        sealed(PLAINTEXT, p256dh, auth)


def test_a_push_service_can_check_who_we_are() -> None:
    private, public = new_vapid_key()
    header = VapidKey(private).authorization("https://push.example:8443", "mailto:ops@example.com", NOW)
    kind, _, rest = header.partition(" ")
    token, key = (part.partition("=")[2] for part in rest.split(", "))
    assert (kind, key) == ("vapid", public)
    claims = jwt.decode(
        token,
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw_bytes(key)),
        algorithms=["ES256"],
        audience="https://push.example:8443",
        options={"verify_exp": False},
    )
    assert claims["sub"] == "mailto:ops@example.com"
    assert claims["exp"] == int((NOW + VAPID_LIFETIME).timestamp())
    assert timedelta(0) < VAPID_LIFETIME < timedelta(hours=24)


def test_new_keys_are_keys_and_new() -> None:
    (private, public), (other, _) = new_vapid_key(), new_vapid_key()
    assert private != other
    assert public_key_of(private) == public
    assert len(raw_bytes(private)) == 32
    assert len(raw_bytes(public)) == 65
    assert raw_bytes(public)[0] == 4


def test_a_key_may_also_be_pem() -> None:
    private, public = new_vapid_key()
    pem = private_key(private).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    assert public_key_of(pem) == public_key_of(f"\n{pem}\n") == public


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret-but-wrong",
        "A" * 43,  # nought is no private key
        "_" * 43,  # nor is more than the order of the curve
        "é" * 43,
        BROWSER_PUBLIC,
        "-----BEGIN PRIVATE KEY-----\nsecret-but-wrong\n-----END PRIVATE KEY-----",
        ec.generate_private_key(ec.SECP384R1())
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        .decode(),
    ],
)
def test_a_key_that_is_none_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="recoup messages vapid") as refused:
        VapidKey(text)
    assert "secret-but-wrong" not in str(refused.value)


def test_the_payload_says_what_the_service_worker_shows() -> None:
    letter = letter_to("cus_1").model_copy(
        update={"locale": "pt_BR", "direction": "rtl", "link": "https://pay.example/1"}
    )
    assert json.loads(payload_of(letter)) == {
        "title": letter.subject,
        "body": letter.text,
        "link": "https://pay.example/1",
        "lang": "pt-BR",
        "dir": "rtl",
        "tag": topic_of(letter),
    }


@pytest.mark.parametrize("character", ["a", "é", "😀", '"', "\x01", "\\", "\ud800", "ا"])
def test_however_long_a_letter_is_its_payload_fits(character: str) -> None:
    many = character * 5_000
    letter = letter_to("cus_1").model_copy(
        update={"subject": many, "text": many, "link": "https://pay.example/" + "x" * 5_000, "locale": "en" * 30}
    )
    payload = payload_of(letter)
    assert len(payload) <= PAYLOAD_BYTES_MAX
    shown = json.loads(payload)
    assert shown["title"].endswith("…")
    assert shown["link"] is None, "half an address leads nowhere"


def test_what_fits_is_not_shortened() -> None:
    assert short("Olá", 4) == "Olá"
    assert short("Olás", 4) == "O…"
    assert short("a b c d", 6) == "a b…"


def test_a_newer_message_of_a_case_replaces_the_one_on_its_way() -> None:
    first, second = letter_to("cus_1", "mes_1"), letter_to("cus_1", "mes_2")
    other = first.model_copy(update={"case_id": "stripe/acct/in_2"})
    assert topic_of(first) == topic_of(second) != topic_of(other)
    headers = headers_of(first, "vapid t=…")
    assert len(headers["Topic"]) <= 32
    assert headers["Topic"].replace("-", "").replace("_", "").isalnum()
    assert (headers["TTL"], headers["Urgency"], headers["Content-Encoding"]) == ("14400", "normal", "aes128gcm")
