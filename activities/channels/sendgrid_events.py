"""What SendGrid tells of mails: a list of events in each delivery, signed as a whole.

The case is found by our own key, which SendGrid repeats (`recoup_key`). Mails that others send through the same account
are none of ours and are ignored.

Sources: docs.sendgrid.com, Event Webhook (types, reasons, security: ECDSA over time stamp and raw body); the verifier
of the SDK 6.12.5, which looks at no time (tried 2026-11-22).
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pydantic import ValidationError

from activities.channels.news import MessageNews, What
from activities.sources.contract import Item, Malformed, Rejected, Speaker, Verified
from activities.sources.reading import (
    SHOWN_MAX,
    Node,
    Wrong,
    elements_of,
    key_by_hash,
    not_dunning,
    object_of,
    parsed,
    place_of,
    unknown_type,
)
from activities.sources.signatures import header_values, outside_tolerance, unix_seconds
from policies.events import Ignored, Unreadable

SIGNATURE_HEADER = "X-Twilio-Email-Event-Webhook-Signature"
TIME_HEADER = "X-Twilio-Email-Event-Webhook-Timestamp"
KEY_FIELD = "recoup_key"

TOLERANCE = timedelta(minutes=10)
"""SendGrid gathers events before it signs them; a delivery that is repeated is signed anew."""

UNDER_WAY = {"processed", "deferred"}
TYPES: dict[str, What] = {
    "delivered": "delivered",
    "bounce": "undelivered",
    "dropped": "undelivered",
    "open": "opened",
    "click": "clicked",
    "spamreport": "complained",
    "unsubscribe": "opted_out",
    "group_unsubscribe": "opted_out",
    "group_resubscribe": "opted_in",
}
GONE = "bounce"
"""The `type` of a bounce that is for good; `blocked` may pass."""

DROPPED_FOR_GOOD = ("bounced address", "invalid", "unsubscribed address", "spam reporting address")
"""Reasons that SendGrid gives for not even trying, and that will be the same tomorrow."""


class SendGridSpeaker(Speaker):
    """Secrets are the verification keys that SendGrid shows: base64 of a public key on P-256."""

    name = "sendgrid"
    kept_headers = (SIGNATURE_HEADER.lower(), TIME_HEADER.lower())

    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected:
        keys = [key for key in map(_public_key, secrets) if key]
        if not keys:
            return Rejected(reason="no verification key is configured for this endpoint")
        signatures, times = header_values(headers, SIGNATURE_HEADER), header_values(headers, TIME_HEADER)
        if len(signatures) != 1 or len(times) != 1:
            return Rejected(reason=f"the headers {SIGNATURE_HEADER} and {TIME_HEADER} must be given once each")
        seconds = unix_seconds(times[0])
        if seconds is None:
            return Rejected(reason=f"the header {TIME_HEADER} is no time in seconds")
        signature = _decoded(signatures[0])
        if signature is None or not any(_signed_by(key, signature, times[0].encode() + body) for key in keys):
            return Rejected(reason=f"the signature of {SIGNATURE_HEADER} does not belong to this body and our keys")
        if stale := outside_tolerance(seconds, now, TOLERANCE):
            return Rejected(reason=stale)
        return Verified(signed_at=datetime.fromtimestamp(seconds, UTC))

    def complaint_about(self, secret: str) -> str | None:
        if _public_key(secret) is None:
            return "it is no verification key; copy it from Settings, Mail Settings, Event Webhook at SendGrid"
        return None

    def split(self, body: bytes) -> tuple[Item, ...] | Malformed:
        try:
            text, values = parsed(body)
        except Wrong as wrong:
            return Malformed(reason=wrong.reason)
        if isinstance(values, dict):
            # As one of them is kept.
            return (Item(event_key=_key_of(values, body), body=body),)
        if not isinstance(values, list) or not values:
            return Malformed(reason="the body is no list of events")
        parts = elements_of(text, place_of(text, ()), len(values))
        return tuple(Item(event_key=_key_of(value, part), body=part) for value, part in zip(values, parts, strict=True))

    def normalise(self, body: bytes, event_id: str) -> MessageNews | Ignored | Unreadable:
        try:
            return _said(object_of(body))
        except Wrong as wrong:
            return Unreadable(field=wrong.field, reason=wrong.reason)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            return Unreadable(field=".".join(map(str, first["loc"])), reason=first["msg"][:SHOWN_MAX])


def _key_of(value: object, part: bytes) -> str:
    """SendGrid's own id; a hash where it gives none that could be kept."""
    own = Node("", value).id_or_none("sg_event_id") if isinstance(value, dict) else None
    return own or key_by_hash(part)


def _said(event: Node) -> MessageNews | Ignored:
    kind = event.text("event")
    if kind in UNDER_WAY:
        return not_dunning("the mail is under way; what becomes of it is told later")
    if kind not in TYPES:
        return unknown_type(kind)
    key = event.id_or_none(KEY_FIELD)
    what = TYPES[kind]
    about_a_person = what in ("complained", "opted_out", "opted_in")
    if key is None and not about_a_person:
        return not_dunning("the mail is none of ours")
    return MessageNews(
        channel="email",
        what=what,
        happened_at=event.moment("timestamp"),
        key=key,
        address=_address(event) if about_a_person else None,
        detail=_why(event, kind),
        gone=_is_gone(event, kind),
    )


def _address(event: Node) -> str:
    address = event.text("email")
    if not address.isprintable():
        raise event.wrong("email", "an address")
    return address


def _why(event: Node, kind: str) -> str | None:
    """SendGrid's words may repeat the address, and so they are left out; the code does not."""
    if kind == "bounce":
        return f"bounce ({event.code('type') or 'of no type'}, {event.code('status') or 'no status'})"
    return kind if kind == "dropped" else None


def _is_gone(event: Node, kind: str) -> bool:
    if kind == "bounce":
        return event.optional_text("type") == GONE
    reason = (event.optional_text("reason") or "").lower()
    return kind == "dropped" and reason in DROPPED_FOR_GOOD


def _public_key(secret: str) -> ec.EllipticCurvePublicKey | None:
    der = _decoded(secret.strip())
    try:
        key: Any = load_der_public_key(der) if der else None
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1) else None


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        return None


def _signed_by(key: ec.EllipticCurvePublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
