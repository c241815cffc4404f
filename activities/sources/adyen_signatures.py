"""How Adyen signs, in both of its ways, with one key: 64 hexadecimal digits, HMAC-SHA256, written as base64.

- Newer webhooks: the header HmacSignature signs the body, byte for byte.
- Standard webhooks: each item holds a signature of eight of its fields (docs.adyen.com, "Verify HMAC signatures"). The
  rest of the item (`reason`, `eventDate`, `paymentMethod`, all of `additionalData`) is not signed.

Adyen's own library looks at the first item only. Here every item must hold.
"""

import base64
import re
from collections.abc import Sequence

from activities.sources.reading import Node
from activities.sources.signatures import any_matches, hmac_sha256

SIGNATURE_HEADER = "HmacSignature"

KEY_LENGTH = 64
_KEY = re.compile(rf"[0-9A-Fa-f]{{{KEY_LENGTH}}}")
"""No shorter one: anybody guesses the key `00`."""


def usable_keys(secrets: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(secret.strip()) for secret in secrets if _KEY.fullmatch(secret.strip()))


def complaint_about(secret: str) -> str | None:
    """Why it cannot be an HMAC key."""
    key = secret.strip()
    if _KEY.fullmatch(key):
        return None
    return f"Adyen's HMAC keys are {KEY_LENGTH} hexadecimal digits; copy it from the webhook's page under Security"


def why_body_fails(keys: Sequence[bytes], signature: str, body: bytes) -> str | None:
    if any_matches((_signature(key, body) for key in keys), (signature.strip(),)):
        return None
    return f"the signature of {SIGNATURE_HEADER} does not belong to this body and our keys"


def why_items_fail(keys: Sequence[bytes], items: Sequence[Node]) -> str | None:
    """Names the first item that does not hold, counted from 1."""
    for place, item in enumerate(items, start=1):
        which = f"item {place} of {len(items)}"
        given = item.part("additionalData").fields.get("hmacSignature")
        if not isinstance(given, str) or not given:
            return f"{which} has no additionalData.hmacSignature"
        signed = _signed_text(item)
        if signed is None:
            return f"{which} has signed fields that are no texts, or a colon outside of merchantReference"
        message = signed.encode("utf-8", "surrogatepass")
        if not any_matches((_signature(key, message) for key in keys), (given,)):
            return f"the signature of {which} does not belong to its fields and our keys"
    return None


def _signature(key: bytes, message: bytes) -> str:
    return base64.b64encode(hmac_sha256(key, message)).decode()


def _signed_text(item: Node) -> str | None:
    """Nothing is escaped, and what is missing is empty. So only the merchant's own reference may hold colons: then the
    text can be cut into fields in one way only, and none can be passed off as another."""
    amount = item.part("amount").fields
    before = [item.fields.get(name) for name in ("pspReference", "originalReference", "merchantAccountCode")]
    after = [amount.get("value"), amount.get("currency"), item.fields.get("eventCode"), item.fields.get("success")]
    own, others = _as_signed(item.fields.get("merchantReference")), [_as_signed(value) for value in (*before, *after)]
    texts = [text for text in others if text is not None and ":" not in text]
    if own is None or len(texts) < len(others):
        return None
    return ":".join((*texts[: len(before)], own, *texts[len(before) :]))


def _as_signed(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else "" if value is None else None
