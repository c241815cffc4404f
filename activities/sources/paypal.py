"""What PayPal sends: signed REST webhooks (JSON), and the older IPN messages (forms, unsigned). Both may come to one
address.

Here: which of the two it is, and whether it is genuine as far as that can be told without asking PayPal. What a webhook
says is in `paypal_events.py`, what an IPN message says in `paypal_ipn.py`; `paypal_proof.py` asks PayPal. Sources:
developer.paypal.com/api/rest/webhooks/rest and /event-names, /api/nvp-soap/ipn/IPNIntro, read 2026-11-25.
To understand one more type: a row in HANDLERS of one of the two files.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from activities.sources.contract import Addressed, Item, Rejected, Unproven, Verified
from activities.sources.paypal_events import said_by_webhook
from activities.sources.paypal_ipn import is_ipn, message_of, said_by_ipn
from activities.sources.paypal_signature import (
    PAYPALS_ADDRESSES,
    TRANSMISSION_HEADERS,
    CertificateAddresses,
    Certificates,
    Transmission,
)
from activities.sources.reading import ReadingSpeaker, Wrong, key_by_hash, object_of
from activities.sources.signatures import header_values
from policies.events import Ignored

IPN = "ipn:"
"""A secret that starts so names whom IPN messages must be about: our merchant id or our e-mail address at PayPal."""

NAMES_NO_RECEIVER = frozenset({"new_case", "adjustment", "mp_cancel"})
"""IPN messages that may leave out whose account they are about; they say nothing of money that was paid."""

_WEBHOOK_ID = re.compile(r"[A-Za-z0-9-]{10,60}")


class PayPalSpeaker(ReadingSpeaker):
    """The secrets are webhook ids and, for IPN, `ipn:` and the receiver. `certificates` is shared with the prover,
    which fetches what is missing."""

    name = "paypal"
    kept_headers = TRANSMISSION_HEADERS

    def __init__(
        self, certificates: Certificates | None = None, addresses: CertificateAddresses = PAYPALS_ADDRESSES
    ) -> None:
        self._certificates = Certificates() if certificates is None else certificates
        self._addresses = addresses

    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected | Unproven:
        usable = [secret for secret in secrets if secret.strip()]
        if not usable:
            return Rejected(reason="no webhook id and no IPN receiver is configured for this endpoint")
        try:
            if not is_signed(headers):
                return _ipn_verdict(body, receivers_of(usable))
            transmission = Transmission.of(headers, now, self._addresses)
        except Wrong as wrong:
            return Rejected(reason=wrong.reason)
        certificate = self._certificates.get(transmission.certificate_address)
        if certificate is None:
            return Unproven(reason="the certificate of this signature has not been fetched yet")
        return transmission.checked_with(certificate, body, webhook_ids_of(usable), now)

    def complaint_about(self, secret: str) -> str | None:
        if not secret.strip():
            return "it is empty"
        if secret.startswith(IPN):
            return None if secret.removeprefix(IPN).strip() else "it names no receiver; write ipn: and your merchant id"
        if _WEBHOOK_ID.fullmatch(secret):
            return None
        return "it is no webhook id (letters and digits); write the webhook's id, or for IPN ipn: and your merchant id"

    def _items(self, body: bytes) -> Iterable[Item]:
        """A webhook has an id. An IPN message has none of its own: one payment tells of itself several times."""
        if _is_json(body):
            event = object_of(body)
            event.text("event_type")
            return (Item(event_key=event.id("id"), body=body),)
        if not is_ipn(message_of(body)):
            raise Wrong("body", "the body is neither a webhook event nor an IPN message")
        return (Item(event_key=key_by_hash(body), body=body),)

    def _said(self, body: bytes, event_id: str) -> Addressed | Ignored:
        if _is_json(body):
            return said_by_webhook(object_of(body), event_id)
        return said_by_ipn(message_of(body), event_id)


def is_signed(headers: Mapping[str, str]) -> bool:
    """Whether it claims to be a webhook; an IPN message has none of these headers."""
    return any(header_values(headers, name) for name in TRANSMISSION_HEADERS)


def webhook_ids_of(secrets: Sequence[str]) -> list[str]:
    return [secret.strip() for secret in secrets if secret.strip() and not secret.startswith(IPN)]


def receivers_of(secrets: Sequence[str]) -> set[str]:
    names = (secret.removeprefix(IPN).strip().lower() for secret in secrets if secret.startswith(IPN))
    return {name for name in names if name}


def _ipn_verdict(body: bytes, receivers: set[str]) -> Rejected | Unproven:
    """PayPal confirms every message it sent, also one about a stranger's account with our address in it; so whom the
    money went to must be us. `receiver_id` is set by PayPal, the addresses may be the sender's words."""
    message = message_of(body)
    if _is_json(body) or not is_ipn(message):
        return Rejected(reason="it has neither the headers of a signed webhook nor the fields of an IPN message")
    if not receivers:
        return Rejected(reason="IPN messages are not accepted here: no secret ipn: names their receiver")
    named = {name: message.optional_text(name) for name in ("receiver_id", "receiver_email", "business")}
    if named["receiver_id"] and any("@" not in receiver for receiver in receivers):
        named = {"receiver_id": named["receiver_id"]}
    given = {value.lower() for value in named.values() if value}
    if given and receivers.isdisjoint(given):
        return Rejected(reason="the IPN message is about an account that is not ours")
    if not given and message.optional_text("txn_type") not in NAMES_NO_RECEIVER:
        return Rejected(reason="the IPN message does not say about whose account it is")
    return Unproven(reason="IPN messages carry no signature: PayPal is asked whether it sent this one")


def _is_json(body: bytes) -> bool:
    return body.lstrip().startswith(b"{")
