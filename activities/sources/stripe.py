"""What Stripe says, in our words. Decides nothing about a case; leaves finding an unnamed invoice to the relay.

Events: `{"id", "type", "created": unix seconds, "data": {"object": {...}}}`; amounts are integers in Stripe's smallest
unit (`money_from_stripe`). Sources: docs.stripe.com/webhooks, /api/events, /declines and the changelog of 2025-03-31
(basil): invoices lost `charge`, `payment_intent`, `paid`, `paid_out_of_band`; payments lost `invoice`.
To understand one more type: a function from `StripeEvent`, a row in HANDLERS, a row in the table of the test. Parts
that its objects share: `stripe_reading.py`; customers and their ways to pay: `stripe_customers.py`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from activities.sources.contract import UNRESOLVED, Addressed, Item, Lookup, Rejected, Verified
from activities.sources.reading import (
    Node,
    ReadingSpeaker,
    Wrong,
    event_key,
    items_of,
    not_dunning,
    object_of,
    parsed,
    shown,
    unknown_type,
)
from activities.sources.signatures import (
    any_matches,
    header_values,
    hmac_sha256,
    outside_tolerance,
    unix_seconds,
    usable_secrets,
)
from activities.sources.stripe_customers import CUSTOMER_HANDLERS, news_of_invoice
from activities.sources.stripe_reading import (
    ATTEMPT_MARK,
    StripeEvent,
    credential_of_invoice,
    credential_of_payment,
    decline_of_charge,
    decline_of_error,
    decline_of_invoice,
    money_of,
    optional_money,
    subscription_of,
)
from policies.declines import Decline
from policies.events import (
    ActionRequired,
    DisputeClosed,
    DisputeOpened,
    FraudWarning,
    Ignored,
    InvoiceVoided,
    PaymentFailed,
    PaymentSucceeded,
    SubscriptionCancelled,
)

SIGNATURE_HEADER = "Stripe-Signature"
TOLERANCE = timedelta(seconds=300)
"""As in Stripe's own libraries, which look at the past only."""


class StripeSpeaker(ReadingSpeaker):
    """Stateless; secrets and the clock are handed in."""

    name = "stripe"
    kept_headers = ("stripe-signature",)

    def verify(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> Verified | Rejected:
        """`Stripe-Signature: t=<unix seconds>,v1=<hex>[,v1=<hex>]`, each v1 an HMAC-SHA256 of `<t>.<body>`.

        While a secret is rolled Stripe signs with both, and so may we know both: any match counts.
        """
        keys = usable_secrets(secrets)
        if not keys:
            return Rejected(reason="no signing secret is configured for this endpoint")
        values = header_values(headers, SIGNATURE_HEADER)
        if len(values) != 1:
            return Rejected(reason=f"the header {SIGNATURE_HEADER} must be given once, not {len(values)} times")
        parts = _signature_parts(values[0])
        if isinstance(parts, Rejected):
            return parts
        stamp, signed_at, signatures = parts
        signed = stamp.encode() + b"." + body
        if not any_matches((hmac_sha256(key, signed).hex() for key in keys), signatures):
            return Rejected(reason=f"no v1 signature of {SIGNATURE_HEADER} belongs to this body and our secrets")
        if late := outside_tolerance(signed_at, now, TOLERANCE):
            return Rejected(reason=late)
        return Verified(signed_at=datetime.fromtimestamp(signed_at, UTC))

    def _items(self, body: bytes) -> Iterable[Item]:
        """One event as it was sent, or each element of a list of events, byte for byte."""
        text, value = parsed(body)
        if isinstance(value, list):
            return items_of(text, value)
        return (Item(event_key=event_key(value), body=body),)

    def _said(self, body: bytes, event_id: str) -> Addressed | Ignored:
        envelope = object_of(body)
        kind = envelope.text("type")
        handler = HANDLERS.get(kind)
        if handler is None:
            return unknown_type(kind)
        data = envelope.part("data")
        about = data.node("object")
        if about is None:
            raise Wrong("data.object", "data.object is missing, expected the object that the event is about")
        return handler(StripeEvent(event_id, envelope.moment("created"), about, data.part("previous_attributes")))

    def complaint_about(self, secret: str) -> str | None:
        if secret.strip().startswith("whsec_"):
            return None
        return "it does not start with whsec_; write the endpoint's signing secret, not an API key"


# The signature header


def _signature_parts(header: str) -> tuple[str, int, tuple[str, ...]] | Rejected:
    """The time stamp as text (it is signed as text) and as number, and the v1 signatures."""
    if not header.isascii():
        return Rejected(reason=f"{SIGNATURE_HEADER} contains characters outside ASCII")
    pairs = [part.strip().partition("=") for part in header.split(",")]
    stamps = [value for key, _, value in pairs if key == "t"]
    signatures = tuple(value for key, _, value in pairs if key == "v1" and value)
    if len(stamps) != 1:
        return Rejected(reason=f"{SIGNATURE_HEADER} must have one time stamp t=, not {len(stamps)}")
    signed_at = unix_seconds(stamps[0])
    if signed_at is None:
        return Rejected(reason=f"the time stamp t= of {SIGNATURE_HEADER} is no number of seconds since 1970")
    if not signatures:
        return Rejected(reason=f"{SIGNATURE_HEADER} has no v1 signature; no other scheme is accepted")
    return stamps[0], signed_at, signatures


# From event to fact


def _invoice_failed(event: StripeEvent) -> Addressed | Ignored:
    if why := _not_dunning(event.about):
        return why
    charge = event.about.node("charge")
    return Addressed(
        event=PaymentFailed(**_unpaid_invoice(event), decline=decline_of_invoice(event.about)),
        customer=news_of_invoice(event.about),
        # A mere id would not say on which way to pay the attempt was made.
        reference=_of_another(charge, charge.id_or_none("id")) if charge else None,
    )


def _invoice_needs_action(event: StripeEvent) -> Addressed | Ignored:
    if why := _not_dunning(event.about):
        return why
    return Addressed(event=ActionRequired(**_unpaid_invoice(event)), customer=news_of_invoice(event.about))


def _unpaid_invoice(event: StripeEvent) -> dict[str, Any]:
    """What both opening events say. `next_payment_attempt` is null once Stripe has given up."""
    invoice = event.about
    return {
        "event_id": event.event_id,
        "happened_at": event.happened_at,
        "invoice_id": invoice.id("id"),
        "customer_id": invoice.optional_id("customer"),
        "subscription_id": subscription_of(invoice),
        "credential_id": credential_of_invoice(invoice),
        "amount": optional_money(invoice, "amount_remaining", "amount_due"),
        "retries_at": invoice.optional_moment("next_payment_attempt"),
    }


def _invoice_paid(event: StripeEvent) -> Addressed:
    """`paid` is all that was paid on the invoice, not this payment alone. From 2025-03-31 on Stripe counts money that
    came in another way into `amount_paid` and no longer says so in the event."""
    out_of_band = event.about.fields.get("paid_out_of_band") is True
    amount = event.about.minor("amount_paid")
    if out_of_band and amount == 0:
        amount = event.about.minor("amount_due")
    return Addressed(
        event=PaymentSucceeded(
            event_id=event.event_id,
            happened_at=event.happened_at,
            invoice_id=event.about.id("id"),
            customer_id=event.about.optional_id("customer"),
            paid=money_of(event.about, amount),
            out_of_band=out_of_band,
        ),
        customer=news_of_invoice(event.about),
    )


def _invoice_given_up(event: StripeEvent) -> Addressed:
    return Addressed(
        event=InvoiceVoided(
            event_id=event.event_id,
            happened_at=event.happened_at,
            invoice_id=event.about.id("id"),
            customer_id=event.about.optional_id("customer"),
        ),
        customer=news_of_invoice(event.about),
    )


def _subscription_deleted(event: StripeEvent) -> Addressed:
    return Addressed(
        event=SubscriptionCancelled(
            event_id=event.event_id,
            happened_at=event.happened_at,
            invoice_id=UNRESOLVED,
            customer_id=event.about.optional_id("customer"),
        ),
        lookup=Lookup(subscription_id=event.about.id("id")),
    )


def _dispute_created(event: StripeEvent) -> Addressed | Ignored:
    status = event.about.text("status")
    if status.startswith("warning_"):
        return not_dunning(f"the dispute is only an inquiry ({shown(status)}): no money was taken back")
    return Addressed(
        event=DisputeOpened(
            event_id=event.event_id,
            happened_at=event.happened_at,
            invoice_id=UNRESOLVED,
            dispute_id=event.about.id("id"),
        ),
        lookup=Lookup(payment_id=_payment_of(event.about, "charge")),
    )


def _dispute_closed(event: StripeEvent) -> Addressed:
    return Addressed(
        event=DisputeClosed(
            event_id=event.event_id,
            happened_at=event.happened_at,
            invoice_id=UNRESOLVED,
            dispute_id=event.about.id("id"),
            won=event.about.text("status") in {"won", "warning_closed"},
        ),
        lookup=Lookup(payment_id=_payment_of(event.about, "charge")),
    )


def _dispute_money_moved(event: StripeEvent) -> Ignored:
    return not_dunning("money of a dispute was moved; that it was opened or closed comes as an event of its own")


def _fraud_warned(event: StripeEvent) -> Addressed:
    return Addressed(
        event=FraudWarning(
            event_id=event.event_id,
            happened_at=event.happened_at,
            invoice_id=UNRESOLVED,
            signal=event.about.code("fraud_type") or "early_fraud_warning",
        ),
        lookup=Lookup(payment_id=_payment_of(event.about, "charge")),
    )


def _intent_failed(event: StripeEvent) -> Addressed:
    """The error names the charge that was refused. Without one none was made, and `latest_charge` is an earlier one."""
    error = event.about.node("last_payment_error")
    charge_id, decline = (error.id_or_none("charge"), decline_of_error(error)) if error else (None, None)
    return _payment_failed(event, event.about.id("id"), charge_id, decline)


def _intent_needs_action(event: StripeEvent) -> Ignored:
    """Sent of every payment, also while a customer stands at the checkout, and silent on which of the two it is."""
    return not_dunning("an invoice that waits for its customer comes as invoice.payment_action_required")


def _charge_failed(event: StripeEvent) -> Addressed:
    decline = decline_of_charge(event.about)
    return _payment_failed(event, _payment_of(event.about, "id"), event.about.id("id"), decline)


def _payment_failed(event: StripeEvent, payment_id: str, charge_id: str | None, decline: Decline | None) -> Addressed:
    """Payments name their invoice up to 2025-03-31 only; later the relay asks whose payment it is."""
    invoice_id = event.about.optional_id("invoice")
    return Addressed(
        event=PaymentFailed(
            event_id=event.event_id,
            happened_at=event.happened_at,
            invoice_id=invoice_id or UNRESOLVED,
            customer_id=event.about.optional_id("customer"),
            credential_id=credential_of_payment(event.about),
            amount=optional_money(event.about, "amount"),
            decline=decline,
        ),
        lookup=None if invoice_id else Lookup(payment_id=payment_id),
        reference=_of_another(event.about, charge_id),
    )


def _of_another(payment: Node, charge_id: str | None) -> str | None:
    """The charge, as the owner names it among the attempts of others. None when the payment bears our mark: it may be
    an attempt of ours that has no answer yet, and would count twice; the owner tells which of its charges is ours."""
    mark = payment.part("metadata").fields.get(ATTEMPT_MARK)
    return None if mark else charge_id


HANDLERS: dict[str, Callable[[StripeEvent], Addressed | Ignored]] = {
    "invoice.payment_failed": _invoice_failed,
    "invoice.payment_action_required": _invoice_needs_action,
    "invoice.paid": _invoice_paid,
    "invoice.payment_succeeded": _invoice_paid,
    "invoice.voided": _invoice_given_up,
    "invoice.marked_uncollectible": _invoice_given_up,
    "customer.subscription.deleted": _subscription_deleted,
    "charge.dispute.created": _dispute_created,
    "charge.dispute.closed": _dispute_closed,
    "charge.dispute.funds_reinstated": _dispute_money_moved,
    "charge.dispute.funds_withdrawn": _dispute_money_moved,
    "radar.early_fraud_warning.created": _fraud_warned,
    "payment_intent.payment_failed": _intent_failed,
    "payment_intent.requires_action": _intent_needs_action,
    "charge.failed": _charge_failed,
    **CUSTOMER_HANDLERS,
}


# Parts that several events share


def _not_dunning(invoice: Node) -> Ignored | None:
    """Invoices whose failure opens no case. Before 2019 `collection_method` was called `billing`."""
    if invoice.fields.get("billing_reason") == "subscription_create":
        return not_dunning("first payment of a new subscription")
    if "send_invoice" in (invoice.fields.get("collection_method"), invoice.fields.get("billing")):
        return not_dunning("the invoice is sent for manual payment (send_invoice)")
    for name in ("amount_remaining", "amount_due"):
        if invoice.optional_minor(name) == 0:
            return not_dunning(f"nothing is owed ({name} is 0)")
    return None


def _payment_of(node: Node, otherwise: str) -> str:
    return node.optional_id("payment_intent") or node.id(otherwise)
