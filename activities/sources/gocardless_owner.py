"""GoCardless as the owner of its payments: asked before anything is done about one that failed.

The claim is the payment. It is paid by itself, or by payments that our gateway created in its place on another mandate
(`recoup_invoice` in their metadata). GoCardless keeps no books: money from elsewhere cannot be entered, and a failed
payment cannot be written off; nothing collects it any more unless somebody retries it.
Sources (November 2026): developer.gocardless.com/api-reference (payments, mandates, subscriptions, customers, events).
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, time

from activities.customers import Customer
from activities.errors import Misconfigured, NotFound, Unavailable
from activities.gateways.accounts import GoCardlessAccount
from activities.gocardless_client import GoCardlessClient, NoAnswer, Refused, stamp
from activities.gocardless_payments import (
    COLLECTED,
    UNDER_WAY,
    BankAccount,
    Event,
    Mandate,
    Payment,
    Try,
    events_read,
    instrument_of,
    payments_read,
    tries_of,
)
from activities.sources.contract import CloseOut, Item, OwnerCapabilities, PaymentElsewhere
from activities.sources.customer_news import customer_news, full_name
from activities.sources.gocardless import FIRST_PAYMENT
from activities.threads import Threads
from policies.base import Record, UtcTime
from policies.invoices import InvoiceNow, InvoiceStatus, SeenAttempt
from policies.money import Money

ENDING_MARK = "recoup_ending"
"""In the metadata of a cancellation that a case asked for."""

INTERVALS = {"weekly": "week", "monthly": "month", "yearly": "year"}


class _Subscription(Record):
    id: str
    status: str
    interval_unit: str | None = None


class _Customer(Record):
    id: str
    given_name: str | None = None
    family_name: str | None = None
    company_name: str | None = None
    email: str | None = None
    phone_number: str | None = None
    country_code: str | None = None
    region: str | None = None
    postal_code: str | None = None
    language: str | None = None
    created_at: UtcTime | None = None


class _Read(Record):
    """What must be known of a claim, read at one time. `in_its_place`: the payments that our gateway created for it."""

    payment: Payment
    events: tuple[Event, ...] = ()
    mandate: Mandate | None = None
    account: BankAccount | None = None
    subscription: _Subscription | None = None
    was_ended: bool = False
    in_its_place: tuple[Payment, ...] = ()


class GoCardlessOwner:
    name = "gocardless"
    capabilities = OwnerCapabilities(books_payments=False, closes_out=("cancel_subscription",), lists_events=True)

    def __init__(self, account: GoCardlessAccount, threads: Threads) -> None:
        self._client = GoCardlessClient(account, threads)

    async def invoice_now(self, invoice_id: str, now: datetime) -> InvoiceNow:
        return _invoice_now(await self._read(await self._payment(invoice_id)), now)

    async def customer(self, customer_id: str) -> Customer | None:
        known = await self._client.read("customers", customer_id, _Customer)
        if known is None:
            return None
        news = customer_news(
            customer_id,
            name=full_name(known.given_name, known.family_name) or known.company_name,
            email=known.email,
            phone=known.phone_number,
            country=known.country_code,
            subdivision=known.region,
            postal_code=known.postal_code,
            locale=known.language,
            since=known.created_at,
        )
        return news.said if news else None

    async def invoice_of_payment(self, payment_id: str) -> str | None:
        """The payment is the claim, unless it was created in the place of one."""
        payment = await self._client.read("payments", payment_id, Payment)
        return (payment.pays_for or payment.id) if payment else None

    async def record_payment(self, payment: PaymentElsewhere) -> None:
        raise Misconfigured(f"GoCardless keeps no books: money from {payment.gateway} cannot be entered there")

    async def close_out(self, ending: CloseOut) -> None:
        if ending.how == "cancel_subscription":
            await self._cancel_subscription(ending)
            return
        payment = await self._payment(ending.invoice_id)
        if payment.status == "pending_submission":
            await self._cancel("payments", payment.id, ending.key)
        elif payment.status not in COLLECTED | {"cancelled"}:
            raise Misconfigured(f"{payment.id} is {payment.status}: GoCardless knows no way to write it off")

    def events_since(self, source: str, since: datetime) -> AsyncIterator[Item] | None:
        return self._told_since(since) if source == self.name else None

    async def _told_since(self, since: datetime) -> AsyncIterator[Item]:
        """GoCardless lists the newest first, so all are read before the oldest is told."""
        for told in reversed(await self._client.listed("events", {"created_at[gte]": stamp(since)})):
            event_key = told.get("id")
            if not isinstance(event_key, str):
                raise Unavailable("GoCardless lists an event without an id")
            yield Item(event_key=event_key, body=json.dumps(told, separators=(",", ":")).encode())

    # Ending

    async def _cancel_subscription(self, ending: CloseOut) -> None:
        subscription_id = ending.subscription_id or (await self._payment(ending.invoice_id)).links.subscription
        if subscription_id is None:
            raise Misconfigured(f"{ending.invoice_id} belongs to no subscription")
        subscription = await self._client.read("subscriptions", subscription_id, _Subscription)
        if subscription is None:
            raise NotFound(f"GoCardless has no subscription {subscription_id}")
        if subscription.status not in ("cancelled", "finished"):
            await self._cancel("subscriptions", subscription_id, ending.key)

    async def _cancel(self, resource: str, identity: str, key: str) -> None:
        """Harmless to repeat, so silence is Unavailable. What cannot be cancelled any more has ended otherwise."""
        try:
            await self._client.act(resource, "cancel", identity, {ENDING_MARK: key}, key)
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from None
        except Refused as refused:
            if "cancellation_failed" not in refused.reasons:
                raise refused.misconfigured() from None

    # Reading

    async def _payment(self, payment_id: str) -> Payment:
        payment = await self._client.read("payments", payment_id, Payment)
        if payment is None:
            raise NotFound(f"GoCardless has no payment {payment_id}")
        return payment

    async def _read(self, payment: Payment) -> _Read:
        told, (mandate, account, others), (subscription, was_ended) = await asyncio.gather(
            self._client.listed("events", {"payment": payment.id}),
            self._payer(payment),
            self._subscription(payment.links.subscription),
        )
        return _Read(
            payment=payment,
            events=events_read(told),
            mandate=mandate,
            account=account,
            subscription=subscription,
            was_ended=was_ended,
            in_its_place=tuple(each for each in others if each.pays_for == payment.id),
        )

    async def _payer(self, payment: Payment) -> tuple[Mandate | None, BankAccount | None, tuple[Payment, ...]]:
        """The mandate, the bank account, and what the customer was charged since."""
        mandate = await self._client.read("mandates", payment.links.mandate, Mandate) if payment.links.mandate else None
        if mandate is None or mandate.links.customer is None:
            return mandate, None, ()
        since = {"customer": mandate.links.customer, "created_at[gte]": stamp(payment.created_at)}
        account_id = mandate.links.customer_bank_account
        account = await self._client.read("customer_bank_accounts", account_id, BankAccount) if account_id else None
        return mandate, account, payments_read(await self._client.listed("payments", since))

    async def _subscription(self, subscription_id: str | None) -> tuple[_Subscription | None, bool]:
        """And whether somebody ended it; one that ended with its mandate leaves its payments owed."""
        if subscription_id is None:
            return None, False
        subscription = await self._client.read("subscriptions", subscription_id, _Subscription)
        if subscription is None or subscription.status != "cancelled":
            return subscription, False
        told = await self._client.listed("events", {"subscription": subscription_id, "action": "cancelled"})
        return subscription, any(event.was_meant for event in events_read(told))


# From what was read to the invoice


def _invoice_now(read: _Read, now: datetime) -> InvoiceNow:
    payment, tries = read.payment, tries_of(read.payment, read.events)
    status = _status(read)
    failures = [each.said_no for each in tries if each.said_no]
    return InvoiceNow(
        status=status,
        due=_due(read, status),
        customer_id=(read.mandate.links.customer if read.mandate else None) or "",
        credential_id=payment.links.mandate or "",
        gateway="gocardless",
        as_of=now,
        subscription_id=payment.links.subscription,
        failed_at=failures[0].created_at if failures else None,
        changed_at=read.events[-1].created_at if read.events else None,
        first_payment=any(event.details.cause == FIRST_PAYMENT for event in read.events),
        dispute_open=any(each.status == "charged_back" for each in (payment, *read.in_its_place)),
        last_decline=failures[-1].decline if failures else None,
        attempts=_others_attempts(payment, tries),
        instrument=instrument_of(payment.scheme or (read.mandate.scheme if read.mandate else None), read.account),
        plan_interval=INTERVALS.get((read.subscription.interval_unit if read.subscription else None) or ""),
        retries_at=None if tries[-1].is_ours else _collected_at(payment),
        retries_itself=payment.status == "failed" and _will_retry(tries[-1]),
    )


def _status(read: _Read) -> InvoiceStatus:
    payment = read.payment
    paying = [each for each in (payment, *read.in_its_place) if each.status in COLLECTED]
    if sum(each.amount for each in paying) >= payment.amount:
        return InvoiceStatus.REFUNDED if all(each.is_refunded for each in paying) else InvoiceStatus.PAID
    cancelled = [event for event in read.events if event.action == "cancelled"]
    if payment.status == "cancelled" and cancelled and cancelled[-1].was_meant:
        return InvoiceStatus.CANCELLED if ENDING_MARK in cancelled[-1].metadata else InvoiceStatus.VOID
    if read.was_ended and payment.status not in UNDER_WAY:
        return InvoiceStatus.CANCELLED
    return InvoiceStatus.OPEN


def _due(read: _Read, status: InvoiceStatus) -> Money:
    collected = sum(each.amount for each in read.in_its_place if each.status in COLLECTED)
    owed = max(read.payment.amount - collected, 0) if status is InvoiceStatus.OPEN else 0
    return Money(amount_minor=owed, currency=read.payment.currency)


def _collected_at(payment: Payment) -> datetime | None:
    """When a payment that is under way is due; GoCardless tells the day."""
    if payment.status not in UNDER_WAY or payment.charge_date is None:
        return None
    return datetime.combine(payment.charge_date, time(), UTC)


def _will_retry(last: Try) -> bool:
    return bool(last.said_no and last.said_no.details.will_attempt_retry)


def _others_attempts(payment: Payment, tries: Sequence[Try]) -> tuple[SeenAttempt, ...]:
    """What GoCardless, the merchant's staff and other programs tried; what is under way has no outcome to tell yet."""
    return tuple(
        SeenAttempt(
            key=each.ended.id,
            credential_id=payment.links.mandate or "",
            amount=payment.money,
            at=each.ended.created_at,
            decline=each.ended.decline if each.said_no else None,
            actor=each.actor,
        )
        for each in tries
        if each.ended and not each.is_ours
    )
