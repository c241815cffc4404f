"""The sandbox's billing owner. Its events come in Stripe's shape and are read by that source's Speaker, so this file
has an Owner only."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from activities.customers import ContactPoint, Customer
from activities.errors import NotFound, Unavailable
from activities.sandbox_client import Answer, NoAnswer, SandboxClient, Shape, in_path
from activities.sources.contract import CloseOut, Item, OwnerCapabilities, PaymentElsewhere
from policies.base import Record, UtcTime
from policies.declines import classify
from policies.invoices import InvoiceNow, InvoiceStatus, SeenAttempt
from policies.money import Money

SPOKEN_LIKE = "stripe"
"""Whose events the sandbox's look like."""


class _Attempt(Record):
    """`made_by`: `owner` for the owner's own attempt, `caller` for one that came through the gateway port."""

    made_by: str
    key: str
    credential_id: str
    amount_minor: int
    currency: str
    at: UtcTime
    code: str | None = None


class _Invoice(Record):
    status: InvoiceStatus
    due_minor: int
    currency: str
    customer_id: str
    subscription_id: str
    credential_id: str
    gateway: str
    failed_at: UtcTime
    changed_at: UtcTime
    first_payment: bool
    collected_manually: bool
    dispute_open: bool
    last_decline_code: str
    attempts: tuple[_Attempt, ...]
    retries_at: UtcTime | None = None


class _Customer(Record):
    name: str
    segment: str
    email: str


class _Payment(Record):
    invoice_id: str


class _Standing(Record):
    """How an invoice stands after its owner was told something."""

    status: InvoiceStatus


class _Event(Record):
    event_id: str
    body: str
    position: int


class _Events(Record):
    events: tuple[_Event, ...]
    has_more: bool


class SandboxOwner:
    name = "sandbox"
    capabilities = OwnerCapabilities(
        books_payments=True, closes_out=("mark_uncollectible", "cancel_subscription"), lists_events=True
    )

    def __init__(self, client: SandboxClient) -> None:
        self._client = client

    async def invoice_now(self, invoice_id: str, now: datetime) -> InvoiceNow:
        answer = await self._client.get(f"/source/invoices/{in_path(invoice_id)}", now)
        if answer.code == "no_such_invoice":
            raise NotFound(f"the sandbox owns no invoice {invoice_id}")
        return self._invoice_now(_read(answer, _Invoice), now)

    async def customer(self, customer_id: str) -> Customer | None:
        answer = await self._client.get(f"/source/customers/{in_path(customer_id)}")
        if answer.code == "no_such_customer":
            return None
        known = _read(answer, _Customer)
        return Customer(name=known.name, segment=known.segment, email=ContactPoint(address=known.email))

    async def invoice_of_payment(self, payment_id: str) -> str | None:
        answer = await self._client.get(f"/source/payments/{in_path(payment_id)}")
        return None if answer.code == "no_such_payment" else _read(answer, _Payment).invoice_id

    async def record_payment(self, payment: PaymentElsewhere) -> None:
        body = {
            "key": payment.key,
            "amount_minor": payment.amount.amount_minor,
            "currency": payment.amount.currency,
            "gateway": payment.gateway.replace("/", ":"),
            "reference": payment.reference,
        }
        await self._tell(payment.invoice_id, "payments", body, payment.at)

    async def close_out(self, ending: CloseOut) -> None:
        await self._tell(ending.invoice_id, "close", {"key": ending.key, "how": ending.how}, ending.at)

    async def _tell(self, invoice_id: str, what: str, body: dict[str, Any], at: datetime) -> None:
        """Telling it again is harmless, so silence is Unavailable and Temporal tells it again."""
        try:
            answer = await self._client.post(f"/source/invoices/{in_path(invoice_id)}/{what}", body, at)
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from silence
        if answer.code == "no_such_invoice":
            raise NotFound(f"the sandbox owns no invoice {invoice_id}")
        _read(answer, _Standing)

    def events_since(self, source: str, since: datetime) -> AsyncIterator[Item] | None:
        return self._told_since(since) if source == SPOKEN_LIKE else None

    async def _told_since(self, since: datetime) -> AsyncIterator[Item]:
        after, page = 0, None
        while page is None or page.has_more:
            answer = await self._client.get(f"/source/events?since={in_path(since.isoformat())}&after={after}")
            page = _read(answer, _Events)
            for told in page.events:
                yield Item(event_key=told.event_id, body=told.body.encode())
                after = told.position

    def _invoice_now(self, invoice: _Invoice, now: datetime) -> InvoiceNow:
        return InvoiceNow(
            status=invoice.status,
            due=Money(amount_minor=invoice.due_minor, currency=invoice.currency),
            customer_id=invoice.customer_id,
            credential_id=invoice.credential_id,
            gateway=invoice.gateway,
            as_of=now,
            subscription_id=invoice.subscription_id,
            failed_at=invoice.failed_at,
            changed_at=invoice.changed_at,
            first_payment=invoice.first_payment,
            collected_manually=invoice.collected_manually,
            dispute_open=invoice.dispute_open,
            last_decline=classify(self.name, invoice.last_decline_code),
            retries_at=invoice.retries_at,
            attempts=tuple(self._seen(a) for a in invoice.attempts if a.made_by == "owner"),
        )

    def _seen(self, attempt: _Attempt) -> SeenAttempt:
        """Only others' attempts: ours stand in the attempt ledger under their own keys and would count twice."""
        return SeenAttempt(
            key=attempt.key,
            credential_id=attempt.credential_id,
            amount=Money(amount_minor=attempt.amount_minor, currency=attempt.currency),
            at=attempt.at,
            decline=classify(self.name, attempt.code) if attempt.code else None,
        )


def _read(answer: Answer, shape: type[Shape]) -> Shape:
    if answer.status != 200:
        raise answer.misconfigured()
    try:
        return answer.read_as(shape)
    except NoAnswer as silence:
        raise Unavailable(str(silence)) from silence
