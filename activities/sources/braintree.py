"""Braintree's webhooks: whether they are genuine, and what they hold. What each kind becomes: `braintree_kinds.py`.

A delivery is a form of two fields: `bt_payload` is base64 of `<notification>` with `kind`, `timestamp` and `subject`,
`bt_signature` signs it. Amounts are decimal texts. Sources: developer.paypal.com/braintree/docs, guides/webhooks/parse
(resends), reference/general/webhooks (kinds), reference/response/subscription and /transaction, read 2026-11-25.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from activities.sources.braintree_kinds import HANDLERS, NOT_DUNNING, Notification
from activities.sources.contract import Addressed, Item, Rejected, Verified
from activities.sources.form_reading import pairs_of
from activities.sources.reading import Node, ReadingSpeaker, Wrong, key_by_hash, not_dunning, shown, unknown_type
from activities.sources.signatures import any_matches, outside_tolerance, usable_secrets
from activities.sources.xml_reading import xml_of
from policies.events import Ignored

AHEAD = timedelta(seconds=300)
RESENT_FOR = timedelta(hours=25)
"""Braintree repeats a delivery hourly for 24 hours, and its time stamp stays that of the event."""

# Nothing that is base64 of XML looks like this, so answering a challenge signs no delivery.
_CHALLENGE = re.compile(r"[a-f0-9]{20,32}")


class BraintreeSpeaker(ReadingSpeaker):
    """Stateless; secrets and the clock are handed in. A secret is `public_key:private_key`."""

    name = "braintree"

    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected:
        """`bt_signature`: `public_key|hex` pairs joined by `&`, one per key of the account; any that is ours counts."""
        keys = list(_keys(secrets))
        if not keys:
            return Rejected(reason="no public_key:private_key is configured for this endpoint")
        try:
            signature, payload = (_only(body, name) for name in ("bt_signature", "bt_payload"))
            pairs = [pair.partition("|") for pair in signature.split("&")]
            if not any(
                _signed(key, payload, [given for public, _, given in pairs if public == key[0]]) for key in keys
            ):
                return Rejected(reason="no signature in bt_signature belongs to this bt_payload and our keys")
            signed_at = _notification(payload).moment_of_text("timestamp")
        except Wrong as wrong:
            return Rejected(reason=wrong.reason)
        if late := outside_tolerance(signed_at.timestamp(), now, AHEAD, RESENT_FOR):
            return Rejected(reason=late)
        return Verified(signed_at=signed_at)

    def complaint_about(self, secret: str) -> str | None:
        if not secret.strip():
            return "it is empty"
        public, _, private = secret.partition(":")
        if not public.strip() or not private.strip():
            return "it is no pair of keys; write public_key:private_key, both from Braintree's page of API keys"
        return None

    def answer_to_challenge(self, query: Mapping[str, str], secrets: Sequence[str]) -> str | None:
        """Asked when the address is entered in the control panel; the newest pair of keys answers."""
        challenge = query.get("bt_challenge", "")
        newest = next(_keys(secrets), None)
        if newest is None or not _CHALLENGE.fullmatch(challenge):
            return None
        public, private = newest
        return f"{public}|{_hmac_sha1(private, challenge)}"

    def _items(self, body: bytes) -> Iterable[Item]:
        """The form as it was sent. Notifications have no id; the same XML is the same notification, however its form
        was written."""
        payload = _only(body, "bt_payload")
        _notification(payload).text("kind")
        return (Item(event_key=key_by_hash(_decoded(payload)), body=body),)

    def _said(self, body: bytes, event_id: str) -> Addressed | Ignored:
        notification = _notification(_only(body, "bt_payload"))
        kind = notification.text("kind")
        if kind in NOT_DUNNING:
            return not_dunning(NOT_DUNNING[kind])
        handler = HANDLERS.get(kind)
        if handler is None:
            return unknown_type(kind)
        subject = notification.node("subject")
        if subject is None:
            raise notification.wrong("subject", "what the notification is about")
        return handler(Notification(event_id, notification.moment_of_text("timestamp"), subject))


# Form, signature, XML


def _keys(secrets: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for secret in usable_secrets(secrets):
        public, _, private = secret.partition(b":")
        if public.strip() and private.strip():
            yield public.decode("utf-8", "replace"), private


def _only(body: bytes, name: str) -> str:
    values = [value for field, value in pairs_of(body) if field == name]
    if len(values) != 1:
        raise Wrong(name, f"the form must have one field {name}, not {len(values)}")
    if not values[0].isascii():
        raise Wrong(name, f"{name} contains characters outside ASCII")
    return values[0]


def _signed(key: tuple[str, bytes], payload: str, given: Sequence[str]) -> bool:
    """Braintree signs the base64 text with its line breaks; of the last one forms on the way may have lost sight."""
    _, private = key
    return any_matches([_hmac_sha1(private, payload), _hmac_sha1(private, payload + "\n")], given)


def _hmac_sha1(private: bytes, text: str) -> str:
    """Braintree's scheme: keyed with the binary SHA-1 of the private key."""
    key = hashlib.sha1(private, usedforsecurity=False).digest()
    return hmac.digest(key, text.encode(), "sha1").hex()


def _decoded(payload: str) -> bytes:
    try:
        return base64.b64decode("".join(payload.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Wrong("bt_payload", "bt_payload is not base64") from None


def _notification(payload: str) -> Node:
    root, notification = xml_of(_decoded(payload))
    if root != "notification":
        raise Wrong("bt_payload", f"bt_payload holds {shown(root)}, expected a notification")
    return notification
