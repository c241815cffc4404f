"""What a PayPal subscription owes and what was tried for it, from the subscription and its transactions. Pure, but for
one reading that asks why a payment was refused. Facts: docs/sources/paypal.md."""

from datetime import datetime, timedelta

from activities.errors import Misconfigured
from activities.paypal_client import PayPalClient
from activities.paypal_payments import (
    REFUSED,
    TAKEN,
    Capture,
    FailedPayment,
    Subscription,
    Transaction,
    capture,
    decline_of,
)
from policies.base import Record
from policies.declines import Decline
from policies.invoices import InvoiceNow, InvoiceStatus, SeenAttempt
from policies.money import Money

SAME_PAYMENT_WITHIN = timedelta(minutes=10)
"""A refused transaction and the subscription's last failed payment are one when they are this close."""

RETRY_SHOWS_WITHIN = timedelta(days=2)
"""How long after its time a retry of PayPal's counts as still to come, while nothing tells how it ended."""

NOT_STARTED = frozenset({"APPROVAL_PENDING", "APPROVED"})


class Refusal(Record):
    """The last refused payment. `transaction_id` is None when only the subscription tells of it."""

    transaction_id: str | None
    at: datetime
    decline: Decline


async def why_refused(client: PayPalClient, owed: Subscription, listed: tuple[Transaction, ...]) -> Refusal | None:
    """The processor's answer stands at the payment, PayPal's own reason at the subscription."""
    failed = owed.billing_info.last_failed_payment
    last = next((each for each in reversed(listed) if each.status in REFUSED), None)
    instrument = owed.subscriber.payment_source.instrument
    if last and (failed is None or _is_one(last, failed)):
        payment = await _payment(client, last.id)
        reason = failed.reason_code if failed else last.status_details.reason if last.status_details else None
        return Refusal(transaction_id=last.id, at=last.time, decline=decline_of(payment, reason, instrument))
    if failed:
        return Refusal(transaction_id=None, at=failed.time, decline=decline_of(None, failed.reason_code, instrument))
    return None


async def _payment(client: PayPalClient, payment_id: str) -> Capture | None:
    """A key without the right to read payments must not hide what is owed."""
    try:
        return await capture(client, payment_id)
    except Misconfigured:
        return None


def due_of(owed: Subscription, now: datetime) -> tuple[InvoiceStatus, Money]:
    billing = owed.billing_info
    balance, failed, paid = billing.outstanding_balance, billing.last_failed_payment, billing.last_payment
    known = balance or (failed.amount if failed else paid.amount if paid else None)
    nothing = Money(amount_minor=0, currency=known.currency if known else "USD")
    if owed.status == "CANCELLED":
        return InvoiceStatus.CANCELLED, nothing
    if owed.status in NOT_STARTED:
        return InvoiceStatus.VOID, nothing
    if balance and balance.amount_minor > 0:
        return InvoiceStatus.OPEN, balance
    if failed is None or (paid and paid.time >= failed.time):
        return InvoiceStatus.PAID, nothing
    retry = failed.next_payment_retry_time
    if retry and retry > now - RETRY_SHOWS_WITHIN:
        return InvoiceStatus.OPEN, failed.amount
    return InvoiceStatus.VOID, nothing  # the balance was lowered without a payment


def invoice_of(
    owed: Subscription, listed: tuple[Transaction, ...], refusal: Refusal | None, now: datetime, *, dispute_open: bool
) -> InvoiceNow:
    status, due = due_of(owed, now)
    billing = owed.billing_info
    failed = billing.last_failed_payment
    retries_at = _retries_at(owed, now) if status is InvoiceStatus.OPEN else None
    return InvoiceNow(
        status=status,
        due=due,
        customer_id=owed.subscriber.payer_id or owed.id,
        credential_id=owed.id,
        gateway="paypal",
        as_of=now,
        subscription_id=owed.id,
        failed_at=failed.time if failed else refusal.at if refusal else None,
        changed_at=owed.update_time or owed.status_update_time,
        first_payment=_is_first(owed),
        dispute_open=dispute_open,
        last_decline=refusal.decline if refusal else None,
        attempts=tuple(_attempts(owed, listed, refusal)),
        instrument=owed.subscriber.payment_source.instrument,
        plan_interval=owed.plan.interval,
        retries_at=retries_at,
    )


def _retries_at(owed: Subscription, now: datetime) -> datetime | None:
    """PayPal tries a refused payment again by itself; later the balance goes with the next period's payment, unless the
    plan says otherwise. A suspended subscription is not billed."""
    failed, following = owed.billing_info.last_failed_payment, owed.billing_info.next_billing_time
    if owed.status != "ACTIVE":
        return None
    if failed and failed.next_payment_retry_time and failed.next_payment_retry_time > now:
        return failed.next_payment_retry_time
    return following if owed.plan.payment_preferences.auto_bill_outstanding else None


def _attempts(owed: Subscription, listed: tuple[Transaction, ...], refusal: Refusal | None) -> list[SeenAttempt]:
    """Transactions carry no mark of ours: all are told under PayPal's ids, by which the ledger knows ours.
    One that is still pending is no attempt with an end."""
    instrument = owed.subscriber.payment_source.instrument
    seen = []
    for each in (each for each in listed if each.status in TAKEN | REFUSED):
        decline = None
        if each.status in REFUSED:
            reason = each.status_details.reason if each.status_details else None
            is_last = refusal is not None and refusal.transaction_id == each.id
            decline = refusal.decline if refusal and is_last else decline_of(None, reason, instrument)
        seen.append(SeenAttempt(key=each.id, credential_id=owed.id, amount=each.amount, at=each.time, decline=decline))
    failed = owed.billing_info.last_failed_payment
    if refusal and refusal.transaction_id is None and failed:
        key = f"{owed.id}.{int(failed.time.timestamp())}"
        at, decline = failed.time, refusal.decline
        seen.append(SeenAttempt(key=key, credential_id=owed.id, amount=failed.amount, at=at, decline=decline))
    return seen


def _is_one(refused: Transaction, failed: FailedPayment) -> bool:
    return refused.amount == failed.amount and abs(refused.time - failed.time) <= SAME_PAYMENT_WITHIN


def _is_first(owed: Subscription) -> bool:
    """Nothing was ever paid, and no cycle is behind it."""
    cycles = owed.billing_info.cycle_executions
    return bool(cycles) and owed.billing_info.last_payment is None and all(c.cycles_completed == 0 for c in cycles)
