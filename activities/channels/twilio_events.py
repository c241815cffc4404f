"""What Twilio tells: what became of a text message, and what people answer. Both are forms, one event in each.

The case is found by Twilio's own id of the message (`MessageSid`). Nothing in a form says when it happened.

Sources (some codes are general knowledge, not read there):
www.twilio.com/docs/usage/security (the signature), /docs/messaging/guides/
track-outbound-message-status and webhook-request (fields), /docs/messaging/tutorials/advanced-opt-out (OptOutType),
/docs/api/errors/30003 to 30006; RequestValidator of the SDK, 9.13 (duplicate fields, ports).
"""

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from pydantic import ValidationError

from activities.channels.news import MessageNews, What
from activities.channels.sms_keywords import Meaning, is_cancel, meaning_of
from activities.sources.contract import REQUESTED_ADDRESS, Item, Malformed, Rejected, Speaker, Verified
from activities.sources.form_reading import pairs_of
from activities.sources.reading import NO_TIME, SHOWN_MAX, Node, Wrong, not_dunning, unknown_type
from activities.sources.signatures import any_matches, header_values, usable_secrets
from policies.events import Ignored, Unreadable

SIGNATURE_HEADER = "X-Twilio-Signature"
BODY_HASH = "bodySHA256"
ADDRESS_MAX = 4_000

UNDER_WAY = {"accepted", "scheduled", "queued", "sending", "sent"}
STATUSES: dict[str, What] = {
    "delivered": "delivered",
    "read": "opened",
    "undelivered": "undelivered",
    "failed": "undelivered",
    "canceled": "undelivered",
}
INBOUND = {"received", "receiving"}

GONE = {"21211", "21614", "21635", "30005", "30006"}
"""No number, no mobile one, a handset that nobody knows, a landline. Not 30003: a telephone that is switched off; nor
30004: blocked, by the network or the person, who may unblock it."""

SHORT_CODE_ONLY = {"30006"}
"""Of a short code it may mean that the network takes no messages from it."""

OPT_OUT_TYPES: dict[str, Meaning] = {"STOP": "opted_out", "START": "opted_in", "HELP": "asked_help"}
"""Twilio's own reading of an answer (Advanced Opt-Out), which knows words that its user has added."""

NOTHING = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


class TwilioSpeaker(Speaker):
    """`brand`, `support`: what a person who asks for help is told. Secrets are auth tokens of the account."""

    name = "twilio"
    kept_headers = (SIGNATURE_HEADER.lower(), REQUESTED_ADDRESS)
    answers_in = "text/xml"

    def __init__(self, brand: str, support: str) -> None:
        help_text = f"{brand}: payment messages. Help: {support}. Reply STOP to opt out."
        self._help = NOTHING.replace("<Response/>", f"<Response><Message>{escape(help_text)}</Message></Response>")

    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected:
        """`X-Twilio-Signature`: base64 of an HMAC-SHA1 over the address that was asked and the sorted fields. No time
        is signed, so a replay is caught by the inbox alone."""
        keys = usable_secrets(secrets)
        if not keys:
            return Rejected(reason="no auth token is configured for this endpoint")
        values, asked = header_values(headers, SIGNATURE_HEADER), header_values(headers, REQUESTED_ADDRESS)
        if len(values) != 1:
            return Rejected(reason=f"the header {SIGNATURE_HEADER} must be given once, not {len(values)} times")
        if len(asked) != 1 or len(asked[0]) > ADDRESS_MAX:
            return Rejected(reason="the address that was asked is not known, and it is part of what is signed")
        messages = tuple(_signed(asked[0], body))
        expected = (
            base64.b64encode(hmac.digest(key, message, hashlib.sha1)).decode() for key in keys for message in messages
        )
        if not any_matches(expected, values):
            return Rejected(
                reason=f"the signature of {SIGNATURE_HEADER} does not belong to this body, this address and our tokens"
            )
        return Verified()

    def complaint_about(self, secret: str) -> str | None:
        if secret.startswith(("AC", "SK", "MG")) and len(secret) == 34:
            return "it is the id of an account, key or service; write the account's auth token instead"
        return super().complaint_about(secret)

    def split(self, body: bytes) -> tuple[Item, ...] | Malformed:
        try:
            form = _form(body)
            sid, status = _sid(form), _status(form)
        except Wrong as wrong:
            return Malformed(reason=wrong.reason)
        key = sid if status is None or status in INBOUND else f"{sid}/{status}"
        return (Item(event_key=key, body=body),)

    def normalise(self, body: bytes, event_id: str) -> MessageNews | Ignored | Unreadable:
        try:
            form = _form(body)
            status = _status(form)
            return _answered(form) if status is None or status in INBOUND else _became(form, status)
        except Wrong as wrong:
            return Unreadable(field=wrong.field, reason=wrong.reason)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            return Unreadable(field=".".join(map(str, first["loc"])), reason=first["msg"][:SHOWN_MAX])

    def answer_to(self, body: bytes) -> str | None:
        """TwiML. Where Twilio recognised the word itself (OptOutType) it has answered by itself."""
        try:
            form = _form(body)
            asks = _is_inbound(form) and form.optional_text("OptOutType") is None
            return self._help if asks and meaning_of(_text(form)) == "asked_help" else NOTHING
        except Wrong:
            return NOTHING


# The signature


def _signed(asked: str, body: bytes) -> Iterator[bytes]:
    """Everything that Twilio may have signed: with and without the port, and, where the query names the hash of the
    body, the address alone."""
    addresses = [each.encode("utf-8", "surrogatepass") for each in _with_and_without_port(asked)]
    fields = _sorted_fields(body)
    if fields is not None:
        yield from (address + fields for address in addresses)
    if _names_hash_of(asked, body):
        yield from addresses


def _with_and_without_port(asked: str) -> tuple[str, ...]:
    """The password of an address stays: it is part of what is signed."""
    try:
        split = urlsplit(asked)
        port = split.port
    except ValueError:
        return (asked,)
    if port is None:
        other = f"{split.netloc}:{443 if split.scheme == 'https' else 80}"
    else:
        other = split.netloc.rpartition(":")[0]
    return asked, asked.replace(f"//{split.netloc}", f"//{other}", 1)


def _sorted_fields(body: bytes) -> bytes | None:
    """Names with values, each pair once, as they were before they were encoded, whatever the encoding. None: no form.
    An empty body has no fields."""
    if not body:
        return b""
    try:
        pairs = set(pairs_of(body, "latin-1"))
    except Wrong:
        return None
    return "".join(name + value for name, value in sorted(pairs)).encode("latin-1")


def _names_hash_of(asked: str, body: bytes) -> bool:
    try:
        told = parse_qs(urlsplit(asked).query, max_num_fields=100).get(BODY_HASH, [])
    except ValueError:
        return False
    return any_matches([hashlib.sha256(body).hexdigest()], told)


# The form


def _form(body: bytes) -> Node:
    """Every value is a text. What is not UTF-8 is read as far as it goes: a STOP must not be lost for it."""
    fields: dict[str, object] = {
        name.encode("latin-1").decode("utf-8", "replace").strip(): value.encode("latin-1")
        .decode("utf-8", "replace")
        .strip()
        for name, value in pairs_of(body, "latin-1")
    }
    return Node("", fields)


def _sid(form: Node) -> str:
    return form.id("MessageSid" if form.fields.get("MessageSid") else "SmsSid")


def _status(form: Node) -> str | None:
    """In lower case, at most as long as a code may be."""
    status = form.code("MessageStatus") or form.code("SmsStatus")
    return status.lower() if status else None


def _is_inbound(form: Node) -> bool:
    status = _status(form)
    return status is None or status in INBOUND


def _text(form: Node) -> str:
    return form.optional_text("Body") or ""


def _is_of_another_channel(address: str | None) -> bool:
    """`whatsapp:+49...`, `messenger:...`"""
    return address is not None and ":" in address


def _became(form: Node, status: str) -> MessageNews | Ignored:
    sid, to = _sid(form), form.optional_text("To")
    if _is_of_another_channel(to):
        return not_dunning("a message of another channel than text messages")
    if status in UNDER_WAY:
        return not_dunning("the message is under way; what becomes of it is told later")
    if status not in STATUSES:
        return unknown_type(status)
    what = STATUSES[status]
    error = form.code("ErrorCode") if what == "undelivered" else None
    return _news(
        what=what,
        key=form.id_or_none("key"),
        reference=sid,
        detail=f"Twilio error {error}" if error else None,
        gone=error in GONE and not (error in SHORT_CODE_ONLY and _is_short_code(form.optional_text("From"))),
    )


def _answered(form: Node) -> MessageNews | Ignored:
    """Somebody wrote to our number."""
    _sid(form)
    address = form.text("From")
    if _is_of_another_channel(address):
        return not_dunning("a message of another channel than text messages")
    meaning = OPT_OUT_TYPES.get((form.optional_text("OptOutType") or "").upper()) or meaning_of(_text(form))
    if meaning is None:
        return not_dunning("a person wrote; nobody reads it here")
    return _news(what=meaning, address=address, cancels=meaning == "opted_out" and is_cancel(_text(form)))


def _news(**fields: Any) -> MessageNews:
    return MessageNews(channel="sms", happened_at=NO_TIME, undated=True, **fields)


def _is_short_code(sender: str | None) -> bool:
    return sender is not None and sender.isdecimal() and len(sender) <= 6
