"""How each source sends: what it tells, and how it signs it. What is sent here was signed by its source, however
damaged it is, so that it gets past the signature. A new source is a line in SENDERS."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from Adyen.util import generate_notification_sig

from activities.sources.contract import Rejected, Speaker, Verified
from activities.sources.paypal import PayPalSpeaker
from tests.activities.sources import adyen_shapes, braintree_signing, paddle_classic_forms, paypal_signing
from tests.activities.sources.test_chargebee import SECRET as CHARGEBEE
from tests.activities.sources.test_generic import SECRET as GENERIC
from tests.activities.sources.test_gocardless import SECRET as GOCARDLESS
from tests.activities.sources.test_gocardless import batch
from tests.activities.sources.test_killbill import SECRET as KILLBILL
from tests.activities.sources.test_paddle import SECRET as PADDLE
from tests.activities.sources.test_recurly import PAIR as RECURLY
from workers.sandbox.stripe_events import sign as stripe_signature
from workers.wiring import SPEAKERS

FIXTURES = Path(__file__).parents[1] / "activities" / "sources" / "fixtures"
STRIPE = "whsec_of_the_hostile_tests"
IPN = "ipn:billing@recoup.example"

Sent = tuple[Mapping[str, str], bytes]


@dataclass(frozen=True)
class Sender:
    """`told`: what it has to say, before it is damaged. `sent`: headers and body as they go out at that moment. `ids`:
    what all its ids have in common; they are others when something is put behind it."""

    source: str
    secret: str
    told: tuple[bytes, ...]
    sent: Callable[[bytes, datetime], Sent]
    ids: bytes


def _files(source: str, pattern: str = "*.json") -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in sorted((FIXTURES / source).glob(pattern)))


def _hex(secret: str, *parts: bytes) -> str:
    return hmac.new(secret.encode(), b"".join(parts), hashlib.sha256).hexdigest()


def _basic(secret: str) -> Callable[[bytes, datetime], Sent]:
    header = {"Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}
    return lambda body, now: (header, body)


def _stripe(body: bytes, now: datetime) -> Sent:
    return {"Stripe-Signature": stripe_signature(body, STRIPE, now)}, body


def _gocardless(body: bytes, now: datetime) -> Sent:
    return {"Webhook-Signature": _hex(GOCARDLESS, body)}, body


def _generic(body: bytes, now: datetime) -> Sent:
    stamp, key = str(int(now.timestamp())), base64.b64decode(GENERIC.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.new(key, f"msg_1.{stamp}.".encode() + body, hashlib.sha256).digest()).decode()
    return {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}, body


def _paddle(body: bytes, now: datetime) -> Sent:
    stamp = int(now.timestamp())
    return {"Paddle-Signature": f"ts={stamp};h1={_hex(PADDLE, b'%d:' % stamp, body)}"}, body


def _paddle_classic(body: bytes, now: datetime) -> Sent:
    """Fields that are damaged are signed as they are; what is no form of texts goes out unsigned."""
    fields = _object(body)
    if not all(isinstance(value, str) for value in fields.values()):
        return {}, body
    try:
        return {}, paddle_classic_forms.signed_form(fields)
    except UnicodeEncodeError:
        return {}, body


def _adyen(body: bytes, now: datetime) -> Sent:
    """Each item is signed by what is left of it; one that cannot be goes out unsigned."""
    told = _object(body)
    items = told.get("notificationItems")
    for wrapped in items if isinstance(items, list) else ():
        if isinstance(wrapped, dict) and isinstance(item := wrapped.get("NotificationRequestItem"), dict):
            wrapped["NotificationRequestItem"] = _signed_item(item)
    return {}, json.dumps(told).encode() if told else body


def _signed_item(item: dict[str, Any]) -> dict[str, Any]:
    more = item.get("additionalData")
    bare = {name: value for name, value in item.items() if name != "additionalData"}
    try:
        signature = generate_notification_sig(bare, adyen_shapes.KEY).decode()
    except (AttributeError, KeyError, TypeError, ValueError):
        return item
    return {**item, "additionalData": {**(more if isinstance(more, dict) else {}), "hmacSignature": signature}}


def _object(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _braintree(xml: bytes, now: datetime) -> Sent:
    """The moment of sending stands in the body."""
    of_now = f"{now:%Y-%m-%dT%H:%M:%SZ}".encode()
    payload = base64.encodebytes(re.sub(rb'(<timestamp type="datetime">)[^<]*', rb"\g<1>" + of_now, xml)).decode()
    signed = braintree_signing.Crypto.sha1_hmac_hash(braintree_signing.PRIVATE, payload)
    signature = f"{braintree_signing.PUBLIC}|{signed}"
    return {}, urlencode({"bt_signature": signature, "bt_payload": payload}).encode()


def _paypal(body: bytes, now: datetime) -> Sent:
    return paypal_signing.headers_of(body, now), body


def _paypal_message(body: bytes, now: datetime) -> Sent:
    """Signed by nobody: PayPal is asked about it later."""
    fields = {name: value for name, value in _object(body).items() if isinstance(value, str)}
    return {}, urlencode(fields, errors="replace").encode() if fields else body


def _messages() -> tuple[bytes, ...]:
    told = json.loads((FIXTURES / "paypal" / "ipn.json").read_bytes())
    return tuple(json.dumps(message).encode() for message in told.values())


_ADYEN, _BRAINTREE, _CLASSIC = adyen_shapes, braintree_signing, paddle_classic_forms
_GOCARDLESS = tuple(batch(json.loads(told)) for told in _files("gocardless"))
_PAYPAL = _files("paypal", "[!i]*.json")

SENDERS = {
    "stripe": Sender("stripe", STRIPE, _files("stripe"), _stripe, b"1Rcp"),
    "adyen": Sender("adyen", _ADYEN.KEY, (_ADYEN.BATCH,), _adyen, b"LNRK82"),
    "braintree": Sender("braintree", _BRAINTREE.SECRET, _files("braintree", "*.xml"), _braintree, b"rcp"),
    "paypal": Sender("paypal", paypal_signing.WEBHOOK_ID, _PAYPAL, _paypal, b"RCP00"),
    "paypal by IPN": Sender("paypal", IPN, _messages(), _paypal_message, b"RCPTXN"),
    "gocardless": Sender("gocardless", GOCARDLESS, _GOCARDLESS, _gocardless, b"01RECOUP"),
    "chargebee": Sender("chargebee", CHARGEBEE, _files("chargebee"), _basic(CHARGEBEE), b"made_up_"),
    "recurly": Sender("recurly", RECURLY, _files("recurly", "*.xml"), _basic(RECURLY), b"acct-7"),
    "paddle": Sender("paddle", PADDLE, _files("paddle", "[!c]*.json"), _paddle, b'": "evt_'),
    "paddle classic": Sender("paddle", _CLASSIC.KEY_PEM, _files("paddle", "classic_*.json"), _paddle_classic, b"4811"),
    "killbill": Sender("killbill", KILLBILL, _files("killbill"), _basic(KILLBILL), b"1a2b3c"),
    "generic": Sender("generic", GENERIC, _files("generic"), _generic, b'"evt-'),
}


@cache
def speakers() -> Mapping[str, Speaker]:
    """The real ones; PayPal's knows a certificate that is valid today."""
    now = datetime.now(UTC)
    pem = paypal_signing.pem_of(not_before=now - timedelta(days=1), not_after=now + timedelta(days=1))
    return {**SPEAKERS, "paypal": PayPalSpeaker(paypal_signing.certificates(pem=pem))}


class Gullible:
    """Stands for PayPal, which says of every second message that it is its own."""

    def __init__(self) -> None:
        self._asked = 0

    async def prove(self, *about: object) -> Verified | Rejected:
        self._asked += 1
        return Verified() if self._asked % 2 else Rejected(reason="PayPal does not know it")
