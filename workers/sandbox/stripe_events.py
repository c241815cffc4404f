"""Webhook events in Stripe's shape, built from the sandbox's invoice. Pure; written here, no recorded bodies.

Two shapes, by `api_version`: before 2025-03-31 an invoice carries `charge`, `payment_intent`, `subscription`, `paid`
and `paid_out_of_band`, and a payment intent names its `invoice`; from 2025-03-31 (basil) on none of these exist: the
subscription is at `parent.subscription_details.subscription`, and money taken outside shows as `amount_paid` 0 of a
paid invoice. In neither shape does the failed invoice carry the decline: it comes with the payment intent.
Stripe's own description: docs.stripe.com/changelog/basil.

`created` is the virtual time, the signature's time stamp the real one: a receiver checks signatures by its own clock.
"""

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

from policies.invoices import InvoiceStatus
from workers.sandbox.ids import new_id
from workers.sandbox.invoices import Invoice

BASIL = "2025-03-31.basil"
ACACIA = "2024-09-30.acacia"
Event = dict[str, Any]


def invoice_payment_failed(invoice: Invoice, at: datetime) -> Event:
    return _event("invoice.payment_failed", _invoice(invoice), invoice.api_version, at)


def payment_intent_payment_failed(invoice: Invoice, at: datetime) -> Event:
    """Carries the decline: `code` says card_declined wherever the code proper is the issuer's."""
    own_words = {"expired_card", "processing_error", "authentication_required"}
    error = {
        "type": "card_error",
        "code": invoice.first_code if invoice.first_code in own_words else "card_declined",
        "decline_code": invoice.first_code,
        "message": "Your card was declined.",
        "payment_method": {"id": invoice.first_credential_id, "object": "payment_method", "type": "card"},
    }
    intent: Event = {
        "id": invoice.payment_intent_id,
        "object": "payment_intent",
        "amount": invoice.amount_minor,
        "amount_received": 0,
        "created": _seconds(invoice.failed_at),
        "currency": invoice.currency.lower(),
        "customer": invoice.customer_id,
        "last_payment_error": error,
        "latest_charge": invoice.first_charge_id,
        "livemode": False,
        "metadata": {},
        "status": "requires_payment_method",
    }
    if not is_basil(invoice.api_version):
        intent["invoice"] = invoice.invoice_id
    return _event("payment_intent.payment_failed", intent, invoice.api_version, at)


def invoice_paid(invoice: Invoice, at: datetime, *, out_of_band: bool) -> Event:
    """Money taken outside of Stripe never counts as paid through it: `amount_paid` stays 0."""
    body = _invoice(invoice)
    body["amount_paid"] = 0 if out_of_band else invoice.paid_minor
    body["status_transitions"]["paid_at"] = _seconds(at)
    if not is_basil(invoice.api_version):
        body["paid_out_of_band"] = out_of_band
    return _event("invoice.paid", body, invoice.api_version, at)


def invoice_marked_uncollectible(invoice: Invoice, at: datetime) -> Event:
    body = _invoice(invoice)
    body["status_transitions"]["marked_uncollectible_at"] = _seconds(at)
    return _event("invoice.marked_uncollectible", body, invoice.api_version, at)


def invoice_voided(invoice: Invoice, at: datetime) -> Event:
    body = _invoice(invoice)
    body["status_transitions"]["voided_at"] = _seconds(at)
    return _event("invoice.voided", body, invoice.api_version, at)


def subscription_deleted(invoice: Invoice, at: datetime) -> Event:
    subscription = {
        "id": invoice.subscription_id,
        "object": "subscription",
        "cancel_at_period_end": False,
        "canceled_at": _seconds(at),
        "cancellation_details": {"comment": None, "feedback": None, "reason": "cancellation_requested"},
        "collection_method": _collection_method(invoice),
        "created": _seconds(invoice.failed_at),
        "currency": invoice.currency.lower(),
        "customer": invoice.customer_id,
        "ended_at": _seconds(at),
        "latest_invoice": invoice.invoice_id,
        "livemode": False,
        "metadata": {},
        "status": "canceled",
    }
    return _event("customer.subscription.deleted", subscription, invoice.api_version, at)


def dispute_created(invoice: Invoice, at: datetime) -> Event:
    return _event("charge.dispute.created", _dispute(invoice, "needs_response", at), invoice.api_version, at)


def dispute_closed(invoice: Invoice, at: datetime, *, won: bool) -> Event:
    event = _event("charge.dispute.closed", _dispute(invoice, "won" if won else "lost", at), invoice.api_version, at)
    event["data"]["previous_attributes"] = {"status": "under_review"}
    return event


def body_of_event(event: Event) -> bytes:
    return json.dumps(event, indent=2).encode()


def sign(body: bytes, secret: str, at: datetime) -> str:
    """The value of the `Stripe-Signature` header: HMAC-SHA256 over the time stamp, a dot and the raw body."""
    stamp = _seconds(at)
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


def is_basil(api_version: str) -> bool:
    """Versions start with their date, so they compare as text."""
    return api_version >= "2025-03-31"


def _event(kind: str, subject: Event, api_version: str, at: datetime) -> Event:
    return {
        "id": new_id("evt"),
        "object": "event",
        "api_version": api_version,
        "created": _seconds(at),
        "data": {"object": subject},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }


def _invoice(invoice: Invoice) -> Event:
    """What both shapes share, then what the shape of its version adds."""
    body: Event = {
        "id": invoice.invoice_id,
        "object": "invoice",
        "amount_due": invoice.amount_minor,
        "amount_paid": invoice.paid_minor,
        "amount_remaining": invoice.amount_minor - invoice.paid_minor,
        "attempt_count": invoice.attempt_count,
        "attempted": True,
        "auto_advance": False,
        "billing_reason": "subscription_create" if invoice.first_payment else "subscription_cycle",
        "collection_method": _collection_method(invoice),
        "created": _seconds(invoice.failed_at),
        "currency": invoice.currency.lower(),
        "customer": invoice.customer_id,
        "customer_email": None,
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": _next_attempt(invoice),
        "number": None,
        "status": invoice.status.value,
        "status_transitions": {
            "finalized_at": _seconds(invoice.failed_at),
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "total": invoice.amount_minor,
    }
    return body | (_since_basil(invoice) if is_basil(invoice.api_version) else _before_basil(invoice))


def _before_basil(invoice: Invoice) -> Event:
    return {
        "charge": invoice.first_charge_id,
        "paid": invoice.status is InvoiceStatus.PAID,
        "paid_out_of_band": False,
        "payment_intent": invoice.payment_intent_id,
        "subscription": invoice.subscription_id,
    }


def _since_basil(invoice: Invoice) -> Event:
    details = {"metadata": {}, "subscription": invoice.subscription_id}
    parent = {"type": "subscription_details", "quote_details": None, "subscription_details": details}
    return {"amount_overpaid": 0, "parent": parent}


def _dispute(invoice: Invoice, status: str, at: datetime) -> Event:
    return {
        "id": invoice.dispute_id,
        "object": "dispute",
        "amount": invoice.amount_minor,
        "charge": invoice.first_charge_id,
        "created": _seconds(at),
        "currency": invoice.currency.lower(),
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": invoice.payment_intent_id,
        "reason": "general",
        "status": status,
    }


def _next_attempt(invoice: Invoice) -> int | None:
    """When the owner itself tries again; nothing is tried once the invoice is settled."""
    is_due = invoice.retries_at is not None and invoice.status is InvoiceStatus.OPEN
    return _seconds(invoice.retries_at) if is_due and invoice.retries_at else None


def _collection_method(invoice: Invoice) -> str:
    return "send_invoice" if invoice.collected_manually else "charge_automatically"


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
