"""What Paddle says, in our words: Paddle Billing, and Paddle Classic for accounts that are still on it.

Billing posts JSON signed in a header (developer.paddle.com/webhooks/signature-verification), Classic posts a form with
an RSA signature among its fields. Which of the two came is told by the body, and each has its own kind of secret. To
understand one more type: a row in HANDLERS of `paddle_billing.py` or in ALERTS of `paddle_classic.py`. Read in November
2026.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from activities.sources import paddle_billing, paddle_classic
from activities.sources.contract import Addressed, Item, Rejected, Verified
from activities.sources.form_reading import form_of
from activities.sources.reading import ReadingSpeaker, object_of
from activities.sources.signatures import (
    any_matches,
    header_values,
    hmac_sha256,
    outside_tolerance,
    unix_seconds,
    usable_secrets,
)
from policies.events import Ignored

SIGNATURE_HEADER = "Paddle-Signature"
KEY_PREFIX = "pdl_ntf"
"""How every secret key of Paddle Billing starts. Nothing else signs there: a public key of Classic that was pasted in
quotes, cut, or in another armour is still known to everybody."""

TOLERANCE = timedelta(seconds=300)
"""Paddle's own libraries allow 5 s, which a queue in front of us would use up."""


class PaddleSpeaker(ReadingSpeaker):
    """Stateless; secrets and the clock are handed in. `key_prefix`: how a secret key of Billing starts."""

    name = "paddle"
    kept_headers = ("paddle-signature",)

    def __init__(self, key_prefix: str = KEY_PREFIX) -> None:
        self._key_prefix = key_prefix

    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected:
        if _is_classic(body):
            return paddle_classic.verify(body, secrets)
        keys = usable_secrets([secret for secret in secrets if self._is_secret_key(secret)])
        return _verify_billing(headers, body, keys, now)

    def _items(self, body: bytes) -> Iterable[Item]:
        key = form_of(body).id("alert_id") if _is_classic(body) else object_of(body).id("event_id")
        return (Item(event_key=key, body=body),)

    def _said(self, body: bytes, event_id: str) -> Addressed | Ignored:
        if _is_classic(body):
            return paddle_classic.said(form_of(body), event_id)
        return paddle_billing.said(object_of(body), event_id)

    def complaint_about(self, secret: str) -> str | None:
        if paddle_classic.public_key_of(secret) or self._is_secret_key(secret):
            return None
        return (
            "it is neither a secret key of Paddle Billing (pdl_ntf…) nor an RSA public key of Paddle Classic in PEM; "
            "write one of them without quotes or spaces around it"
        )

    def _is_secret_key(self, secret: str) -> bool:
        return secret.startswith(self._key_prefix)


def _is_classic(body: bytes) -> bool:
    return body.lstrip()[:1] not in (b"{", b"[") and b"p_signature=" in body


def _verify_billing(
    headers: Mapping[str, str], body: bytes, keys: Sequence[bytes], now: datetime
) -> Verified | Rejected:
    """`Paddle-Signature: ts=<unix seconds>;h1=<hex>[;h1=<hex>]`, each h1 an HMAC-SHA256 of `<ts>:<body>`; several while
    a secret is changed."""
    if not keys:
        return Rejected(reason="no secret key of Paddle Billing is configured for this endpoint")
    values = header_values(headers, SIGNATURE_HEADER)
    if len(values) != 1:
        return Rejected(reason=f"the header {SIGNATURE_HEADER} must be given once, not {len(values)} times")
    if not values[0].isascii():
        return Rejected(reason=f"{SIGNATURE_HEADER} contains characters outside ASCII")
    pairs = [part.strip().partition("=") for part in values[0].split(";")]
    stamps = [value for key, _, value in pairs if key == "ts"]
    signatures = [value for key, _, value in pairs if key == "h1" and value]
    if len(stamps) != 1:
        return Rejected(reason=f"{SIGNATURE_HEADER} must have one time stamp ts=, not {len(stamps)}")
    signed_at = unix_seconds(stamps[0])
    if signed_at is None:
        return Rejected(reason=f"the time stamp ts= of {SIGNATURE_HEADER} is no number of seconds since 1970")
    signed = stamps[0].encode() + b":" + body
    if not any_matches((hmac_sha256(key, signed).hex() for key in keys), signatures):
        return Rejected(reason=f"no h1 signature of {SIGNATURE_HEADER} belongs to this body and our secrets")
    if late := outside_tolerance(signed_at, now, TOLERANCE):
        return Rejected(reason=late)
    return Verified(signed_at=datetime.fromtimestamp(signed_at, UTC))
