"""Forms as Paddle Classic posts them, signed with a key made for the tests. The signing is written anew here, by the
rules of PHP's serialize(), so that it checks ours."""

import base64
from functools import cache
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


@cache
def _key(number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _public_pem(key: rsa.RSAPrivateKey) -> str:
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, spki).decode()


KEY_PEM = _public_pem(_key(1))
PRIVATE_PEM = (
    _key(1)
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    .decode()
)


def other_key_pem() -> str:
    return _public_pem(_key(2))


def form(fields: dict[str, str]) -> bytes:
    return urlencode(fields).encode()


def signed_form(fields: dict[str, str]) -> bytes:
    pieces = [text for name in sorted(fields) for text in (name, fields[name])]
    texts = "".join(f's:{len(piece.encode())}:"{piece}";' for piece in pieces)
    message = f"a:{len(fields)}:{{{texts}}}".encode()
    signature = _key(1).sign(message, padding.PKCS1v15(), hashes.SHA1())
    return form({**fields, "p_signature": base64.b64encode(signature).decode()})
