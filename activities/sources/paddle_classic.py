"""Alerts of Paddle Classic: a form, signed by a field of it. All values are texts; amounts are decimals, times have no
zone and are UTC. Sources: developer.paddle.com/classic/webhook-reference (verifying webhooks, each alert).
"""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_der_public_key

from activities.sources.contract import UNRESOLVED, Addressed, Lookup, Rejected, Verified
from activities.sources.customer_events import customer_changed
from activities.sources.customer_news import CustomerNews, customer_news
from activities.sources.form_reading import pairs_of
from activities.sources.reading import Node, Wrong, not_dunning, unknown_type
from policies.events import (
    DisputeClosed,
    DisputeOpened,
    Ignored,
    PaymentFailed,
    PaymentSucceeded,
    SubscriptionCancelled,
)
from policies.money import Money

SIGNATURE_FIELD = "p_signature"
_ARMOUR = re.compile(r"-----(?:BEGIN|END) PUBLIC KEY-----|\\n|\\r|\s")


# The signature


def verify(body: bytes, secrets: Sequence[str]) -> Verified | Rejected:
    """`p_signature`: an RSA signature (PKCS #1 v1.5 over SHA-1, Paddle's choice) of all other fields, sorted by name
    and written as PHP's serialize() writes an array of texts. There is no time stamp: the inbox catches a replay."""
    keys = [key for secret in secrets if (key := public_key_of(secret))]
    if not keys:
        return Rejected(reason="no public key of Paddle Classic is configured for this endpoint")
    try:
        fields = dict(pairs_of(body))
    except Wrong as wrong:
        return Rejected(reason=wrong.reason)
    signature = _of_base64(fields.pop(SIGNATURE_FIELD, ""))
    if signature is None:
        return Rejected(reason=f"the field {SIGNATURE_FIELD} is not base64")
    message = _php_serialised(fields)
    if any(_is_signed(key, signature, message) for key in keys):
        return Verified()
    return Rejected(reason=f"{SIGNATURE_FIELD} does not belong to these fields and our public key")


def _of_base64(text: str) -> bytes | None:
    """Only as everybody writes it: some last letters of base64 carry bits that nobody reads."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return raw if base64.b64encode(raw).decode() == text else None


def _is_signed(key: RSAPublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message, PKCS1v15(), SHA1())  # noqa: S303 - what Paddle Classic signs with
    except InvalidSignature:
        return False
    return True


def _php_serialised(fields: Mapping[str, str]) -> bytes:
    parts = [_php_text(name) + _php_text(fields[name]) for name in sorted(fields)]
    return b"a:%d:{%s}" % (len(parts), b"".join(parts))


def _php_text(text: str) -> bytes:
    raw = text.encode()
    return b's:%d:"%s";' % (len(raw), raw)


@lru_cache(maxsize=64)
def public_key_of(secret: str) -> RSAPublicKey | None:
    """A PEM, whose line breaks may be written as \\n or be gone, as in an environment; None when it is none."""
    try:
        key = load_der_public_key(base64.b64decode(_ARMOUR.sub("", secret), validate=True))
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPublicKey) else None


# From alert to fact


@dataclass(frozen=True)
class _Alert:
    event_id: str
    happened_at: datetime
    form: Node


def said(form: Node, event_id: str) -> Addressed | Ignored:
    kind = form.text("alert_name")
    handler = ALERTS.get(kind)
    if handler is None:
        return unknown_type(kind)
    return handler(_Alert(event_id, form.moment_of_text("event_time"), form))


def _payment_failed(alert: _Alert) -> Addressed | Ignored:
    """`next_retry_date` is empty once Paddle has given up."""
    amount = _money(alert.form, "amount")
    if amount and amount.amount_minor <= 0:
        return not_dunning("nothing is owed (amount is 0)")
    return Addressed(
        event=PaymentFailed(
            event_id=alert.event_id,
            happened_at=alert.happened_at,
            invoice_id=alert.form.id("subscription_payment_id"),
            customer_id=alert.form.optional_id("user_id"),
            subscription_id=alert.form.id_or_none("subscription_id"),
            amount=amount,
            retries_at=alert.form.optional_moment_of_text("next_retry_date"),
        ),
        customer=_news(alert.form),
    )


def _payment_succeeded(alert: _Alert) -> Addressed:
    return Addressed(
        event=PaymentSucceeded(
            event_id=alert.event_id,
            happened_at=alert.happened_at,
            invoice_id=alert.form.id("subscription_payment_id"),
            customer_id=alert.form.optional_id("user_id"),
            paid=_money(alert.form, "sale_gross"),
        ),
        customer=_news(alert.form),
    )


def _refunded(alert: _Alert) -> Ignored:
    return not_dunning("money that was paid was given back")


def _subscription_cancelled(alert: _Alert) -> Addressed:
    """Nothing is tried again from then on, whatever the day on which service ends."""
    return Addressed(
        event=SubscriptionCancelled(
            event_id=alert.event_id,
            happened_at=alert.happened_at,
            invoice_id=UNRESOLVED,
            customer_id=alert.form.optional_id("user_id"),
        ),
        lookup=Lookup(subscription_id=alert.form.id("subscription_id")),
        customer=_news(alert.form),
    )


def _subscription_told(alert: _Alert) -> Addressed:
    """A plan, a price or a date: no news of a payment, and the only word of who the customer is."""
    customer_id = alert.form.id("user_id")
    return customer_changed(alert, customer_id, _news(alert.form))


def _dispute_created(alert: _Alert) -> Addressed:
    """A dispute names the order that was paid, and has no id of its own."""
    order_id = alert.form.id("order_id")
    return Addressed(
        event=DisputeOpened(
            event_id=alert.event_id, happened_at=alert.happened_at, invoice_id=UNRESOLVED, dispute_id=order_id
        ),
        lookup=Lookup(payment_id=order_id),
    )


def _dispute_closed(alert: _Alert) -> Addressed:
    """Sent when Paddle has won; of a lost dispute it says nothing."""
    order_id = alert.form.id("order_id")
    return Addressed(
        event=DisputeClosed(
            event_id=alert.event_id,
            happened_at=alert.happened_at,
            invoice_id=UNRESOLVED,
            dispute_id=order_id,
            won=True,
        ),
        lookup=Lookup(payment_id=order_id),
    )


def _under_review(alert: _Alert) -> Ignored:
    return not_dunning("a checkout that Paddle looks at before it takes the money")


def _money(form: Node, name: str) -> Money | None:
    return form.major_money(name, form.optional_text("currency") or "")


def _news(form: Node) -> CustomerNews | None:
    return customer_news(
        form.optional_id("user_id"),
        email=form.optional_text("email"),
        name=form.optional_text("customer_name"),
        country=form.optional_text("country"),
    )


ALERTS: dict[str, Callable[[_Alert], Addressed | Ignored]] = {
    "subscription_payment_failed": _payment_failed,
    "subscription_payment_succeeded": _payment_succeeded,
    "subscription_payment_refunded": _refunded,
    "subscription_created": _subscription_told,
    "subscription_updated": _subscription_told,
    "subscription_cancelled": _subscription_cancelled,
    "payment_dispute_created": _dispute_created,
    "payment_dispute_closed": _dispute_closed,
    "high_risk_transaction_created": _under_review,
    "high_risk_transaction_updated": _under_review,
}
