"""A browser as far as web push goes: it has keys, and opens what was sealed for it (RFC 8291, the receiver's side,
written with HMAC as the RFC spells it out, so that it shares nothing with what it tests)."""

import base64
import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def raw_bytes(base64url: str) -> bytes:
    return base64.urlsafe_b64decode(base64url + "=" * (-len(base64url) % 4))


class Browser:
    def __init__(self, private: ec.EllipticCurvePrivateKey | None = None, secret: bytes | None = None) -> None:
        self._private = private or ec.generate_private_key(ec.SECP256R1())
        self._secret = secret or os.urandom(16)
        self._public = self._private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.p256dh = base64.urlsafe_b64encode(self._public).rstrip(b"=").decode()
        self.auth = base64.urlsafe_b64encode(self._secret).rstrip(b"=").decode()

    def subscription(self, endpoint: str) -> dict[str, object]:
        return {"endpoint": endpoint, "keys": {"p256dh": self.p256dh, "auth": self.auth}}

    def opened(self, body: bytes) -> bytes:
        """Raises ValueError when it is not for this browser or broken."""
        salt, record_size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        sender, content = body[21 : 21 + length], body[21 + length :]
        if len(content) > record_size:
            raise ValueError("more than one record")
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        mixed = _hmac(self._secret, self._private.exchange(ec.ECDH(), point))
        shared = _hmac(mixed, b"WebPush: info\0" + self._public + sender + b"\x01")
        drawn = _hmac(salt, shared)
        key = _hmac(drawn, b"Content-Encoding: aes128gcm\0\x01")[:16]
        nonce = _hmac(drawn, b"Content-Encoding: nonce\0\x01")[:12]
        try:
            padded = AESGCM(key).decrypt(nonce, content, None)
        except InvalidTag:
            raise ValueError("not for this browser") from None
        bare = padded.rstrip(b"\0")
        if not bare.endswith(b"\x02"):
            raise ValueError("not the last record")
        return bare[:-1]


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, hashlib.sha256)
