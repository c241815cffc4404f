"""What Recurly says, in our words: who sent a delivery, and whether it is XML (`recurly_xml.py`) or JSON
(`recurly_json.py`). An endpoint sends one of the two, as it is set at Recurly.

Sources (2026-11): docs.recurly.com, "Overview: Webhooks" and "Signature verification"; Recurly's own library for Ruby
checks the same way. To understand one more kind of notification, see the two files.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from activities.sources.contract import Addressed, Item, Rejected, Verified
from activities.sources.reading import ReadingSpeaker, key_by_hash, object_of
from activities.sources.recurly_json import kind_of, said_in_json
from activities.sources.recurly_xml import WITHOUT_TIME, notification_of, said_in_xml
from activities.sources.signatures import (
    any_matches,
    basic_auth_complaint,
    basic_auth_matches,
    header_values,
    hmac_sha256,
    outside_tolerance,
    usable_secrets,
)
from policies.events import Ignored

SIGNATURE_HEADER = "recurly-signature"
TOLERANCE = timedelta(seconds=300)
"""As in Recurly's own libraries."""

# Recurly's text says milliseconds and its example has seconds; no moment of these centuries is both.
_UNIX_TIME = re.compile(r"[0-9]{10}([0-9]{3})?")


class RecurlySpeaker(ReadingSpeaker):
    """Of the two headers that `verify` reads only the signature is kept: the other one is the password itself."""

    name = "recurly"
    kept_headers = (SIGNATURE_HEADER,)

    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected:
        """A secret with a colon is a `user:password`, any other the key of an endpoint that sends JSON. One that
        matches is enough, so an endpoint can be moved from one to the other."""
        pairs = [secret for secret in secrets if ":" in secret]
        keys = usable_secrets([secret for secret in secrets if ":" not in secret])
        if not keys:
            return basic_auth_matches(headers, pairs)
        signed = _signature_holds(headers, body, keys, now)
        if isinstance(signed, Verified) or not pairs:
            return signed
        named = basic_auth_matches(headers, pairs)
        return signed if isinstance(named, Rejected) and header_values(headers, SIGNATURE_HEADER) else named

    def complaint_about(self, secret: str) -> str | None:
        if ":" in secret:
            return basic_auth_complaint(secret)
        if secret.strip() and re.search(r"\s", secret.strip()):
            return "write the endpoint's key without spaces, or user:password"
        return super().complaint_about(secret)

    def _items(self, body: bytes) -> Iterable[Item]:
        """JSON has an `id`, but it is the object's: a subscription is created and cancelled under one. So the bytes are
        the key; a delivery that Recurly repeats has the same."""
        kind = kind_of(object_of(body)) if _is_json(body) else notification_of(body)[0]
        return (Item(event_key=key_by_hash(body), body=body, nameless=kind in WITHOUT_TIME),)

    def _said(self, body: bytes, event_id: str) -> Addressed | Ignored:
        return said_in_json(object_of(body), event_id) if _is_json(body) else said_in_xml(body, event_id)


def _signature_holds(
    headers: Mapping[str, str], body: bytes, keys: Sequence[bytes], now: datetime
) -> Verified | Rejected:
    """`recurly-signature: <unix time>,<hex>[,<hex>]`, each an HMAC-SHA256 of `<unix time>.<body>`. For a day after a
    key was made anew Recurly signs with both."""
    values = header_values(headers, SIGNATURE_HEADER)
    if len(values) != 1:
        return Rejected(
            reason=f"the header {SIGNATURE_HEADER} must be given once, not {len(values)} times "
            "(Recurly signs JSON only; XML needs HTTP basic auth)"
        )
    stamp, *signatures = (part.strip() for part in values[0].split(","))
    if not _UNIX_TIME.fullmatch(stamp):
        return Rejected(reason=f"{SIGNATURE_HEADER} does not begin with a unix time in milliseconds")
    signed = stamp.encode() + b"." + body
    if not any_matches((hmac_sha256(key, signed).hex() for key in keys), signatures):
        return Rejected(reason=f"no signature of {SIGNATURE_HEADER} belongs to this body and our keys")
    signed_at = int(stamp[:10])
    if late := outside_tolerance(signed_at, now, TOLERANCE):
        return Rejected(reason=late)
    return Verified(signed_at=datetime.fromtimestamp(signed_at, UTC))


def _is_json(body: bytes) -> bool:
    return body.lstrip()[:1] in (b"{", b"[")
