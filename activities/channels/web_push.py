"""Web push without a network: what a browser's push service is sent, and how it is sealed so that only the browser
reads it.

Sealing: RFC 8291 over RFC 8188 (aes128gcm). Who we are: RFC 8292 (VAPID, a JWT with ES256). Headers: RFC 8030. All
read 2026-11. The sending itself stands in `push.py`.
"""

import base64
import binascii
import hashlib
import json
import os
from datetime import datetime, timedelta

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from activities.channels.contract import Letter

RECORD_BYTES = 4096
PAYLOAD_BYTES_MAX = 3993
"""What fits into one record of 4096 beside header (86), mark of the end (1) and tag (16); push services must take no
more than that (RFC 8291, section 4)."""

TITLE_BYTES_MAX, TEXT_BYTES_MAX, LINK_BYTES_MAX = 400, 2_000, 1_000
"""A lock screen shows some hundred characters. Together with the names around them they stay below 3993, and below the
4096 of FCM."""

TTL_SECONDS = 4 * 3_600
"""How long a push service may keep it for a device that is off. Short: whether the customer may be disturbed, and
whether the invoice is still open, was asked for now."""

VAPID_LIFETIME = timedelta(hours=12)
"""At most 24 hours (RFC 8292, section 2)."""

_RAW_KEY_BYTES, _POINT_BYTES, _SECRET_BYTES, _SALT_BYTES = 32, 65, 16, 16
_LAST_RECORD = b"\x02"


class VapidKey:
    """Our key towards push services. `text`: PEM, or base64url of the 32 bytes. Raises ValueError for anything else,
    without repeating it."""

    def __init__(self, text: str) -> None:
        self._private = _private_key(text.strip())
        self.public = _base64url(_point(self._private.public_key()))

    def authorization(self, origin: str, contact: str, now: datetime) -> str:
        """The header for one push service. `origin`: scheme, host and port of its address; `contact`: a mailto: or
        https: address of ours."""
        claims = {"aud": origin, "exp": int((now + VAPID_LIFETIME).timestamp()), "sub": contact}
        return f"vapid t={jwt.encode(claims, self._private, algorithm='ES256')}, k={self.public}"


def new_vapid_key() -> tuple[str, str]:
    """Private and public key, both base64url without padding: the first for the settings, the second for browsers."""
    private = ec.generate_private_key(ec.SECP256R1())
    raw = private.private_numbers().private_value.to_bytes(_RAW_KEY_BYTES, "big")
    return _base64url(raw), _base64url(_point(private.public_key()))


def public_key_of(private: str) -> str:
    """What browsers are told (`applicationServerKey`). Raises ValueError, see VapidKey."""
    return VapidKey(private).public


def payload_of(letter: Letter) -> bytes:
    """What our service worker reads (api/static/service-worker.js): at most 3993 bytes of JSON."""
    shown = {
        "title": short(letter.subject, TITLE_BYTES_MAX),
        "body": short(letter.text, TEXT_BYTES_MAX),
        "link": link_of(letter),
        "lang": letter.locale.replace("_", "-"),
        "dir": letter.direction,
        "tag": topic_of(letter),
    }
    return json.dumps(shown, ensure_ascii=False).encode("utf-8", "replace")


def link_of(letter: Letter) -> str | None:
    """None when it is too long to go along: half an address leads nowhere."""
    return letter.link if letter.link and _size(letter.link) <= LINK_BYTES_MAX else None


def topic_of(letter: Letter) -> str:
    """The same for all messages of a case, so that a newer one replaces the one before it, on the way and on the
    screen. At most 32 characters (RFC 8030, section 5.4), and tells nothing of the case."""
    return _base64url(hashlib.sha256(letter.case_id.encode()).digest())[:32]


def short(text: str, bytes_max: int) -> str:
    """As much of it as fits when written as JSON, with an ellipsis where something is missing."""
    if _size(text) <= bytes_max:
        return text
    kept, used = [], _size("…")
    for character in text:
        used += _size(character)
        if used > bytes_max:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "…"


def headers_of(letter: Letter, authorization: str) -> dict[str, str]:
    return {
        "Authorization": authorization,
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(TTL_SECONDS),
        "Topic": topic_of(letter),
        "Urgency": "normal",
    }


def sealed(
    payload: bytes,
    p256dh: str,
    auth: str,
    salt: bytes | None = None,
    sender: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """The body of the request: only the browser with this key and secret reads it. `salt` and `sender` (a key for this
    message alone) are drawn unless given. Raises ValueError for a key that is none or a payload that is too long."""
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise ValueError(f"a push message holds at most {PAYLOAD_BYTES_MAX} bytes")
    browser, secret = browser_keys(p256dh, auth)
    sender = sender or ec.generate_private_key(ec.SECP256R1())
    salt = salt or os.urandom(_SALT_BYTES)
    ours, theirs = _point(sender.public_key()), _point(browser)
    shared = _derived(sender.exchange(ec.ECDH(), browser), secret, b"WebPush: info\0" + theirs + ours, 32)
    key = _derived(shared, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(shared, salt, b"Content-Encoding: nonce\0", 12)
    header = salt + RECORD_BYTES.to_bytes(4, "big") + bytes([len(ours)]) + ours
    return header + AESGCM(key).encrypt(nonce, payload + _LAST_RECORD, None)


def browser_keys(p256dh: str, auth: str) -> tuple[ec.EllipticCurvePublicKey, bytes]:
    """The browser's public key and its secret, as PushSubscription.toJSON() writes them. Raises ValueError."""
    point, secret = _bytes_of(p256dh), _bytes_of(auth)
    if len(point) != _POINT_BYTES or len(secret) != _SECRET_BYTES:
        raise ValueError("not the keys of a push subscription: 65 and 16 bytes in base64url")
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point), secret


def _private_key(text: str) -> ec.EllipticCurvePrivateKey:
    key: object = None
    try:
        if text.startswith("-----BEGIN"):
            key = load_pem_private_key(text.encode(), password=None)
        else:
            raw = _bytes_of(text)
            number = int.from_bytes(raw, "big") if len(raw) == _RAW_KEY_BYTES else 0
            key = ec.derive_private_key(number, ec.SECP256R1())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        pass
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("the VAPID key is neither PEM nor base64url of a P-256 key; make one: recoup messages vapid")
    return key


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _size(text: str) -> int:
    """Bytes in JSON, without the quotes around it."""
    return len(json.dumps(text, ensure_ascii=False).encode("utf-8", "replace")) - 2


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes_of(text: str) -> bytes:
    bare = text.rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars="-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64url") from None
