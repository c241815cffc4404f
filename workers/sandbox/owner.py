"""What the billing owner is told and does itself: money taken elsewhere, how an invoice ends, its own retries."""

import json
from datetime import datetime
from typing import Any, Literal

from aiohttp import web

from policies.base import Identifier, Request, UtcTime
from policies.invoices import InvoiceStatus
from policies.money import Currency
from workers.sandbox import stripe_events as events
from workers.sandbox.cards import answer_of, behaviour_of
from workers.sandbox.database import Database, DatabasePool, Record
from workers.sandbox.gateway import ChargeRequest, ledger_line, record_charge
from workers.sandbox.http import AmountMinor, Refused, body_of, id_in_path, now_of
from workers.sandbox.ids import new_id
from workers.sandbox.invoices import OWED, Invoice, mark_paid, read_invoice
from workers.sandbox.telling import Teller


class PaymentRequest(Request):
    key: Identifier
    amount_minor: AmountMinor
    currency: Currency
    gateway: Identifier
    reference: Identifier


class EndingRequest(Request):
    key: Identifier
    how: Literal["mark_uncollectible", "cancel_subscription"]


class RetryTimeRequest(Request):
    """`at` null: the owner will not try again."""

    at: UtcTime | None


class OwnerRetryRequest(Request):
    """`next_at`: when the owner tries once more, if this fails."""

    next_at: UtcTime | None = None
    deliver: bool = True


class OwnerSide:
    def __init__(self, pool: DatabasePool, teller: Teller) -> None:
        self._pool = pool
        self._teller = teller

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/source/invoices/{invoice_id}/payments", self.record_payment),
            web.post("/source/invoices/{invoice_id}/close", self.close),
            web.post("/world/invoices/{invoice_id}/retries_at", self.set_retries_at),
            web.post("/world/invoices/{invoice_id}/owner_retry", self.retry),
        ]

    async def record_payment(self, request: web.Request) -> web.Response:
        ask, now = await body_of(request, PaymentRequest), now_of(request)
        async with self._pool.acquire() as database, database.transaction():
            invoice = await read_invoice(database, id_in_path(request, "invoice_id"), lock=True)
            known = await _known(database, "select * from payments where key = $1", ask.key)
            if known is not None:
                _check_same(known, {**ask.model_dump(), "invoice_id": invoice.invoice_id})
                return _stand(invoice)
            invoice = await _booked(database, invoice, ask, now)
        if invoice.status is InvoiceStatus.PAID:
            await self._teller.tell(events.invoice_paid(invoice, now, out_of_band=True))
        return _stand(invoice)

    async def close(self, request: web.Request) -> web.Response:
        """Harmless to an invoice that has ended otherwise."""
        ask, now = await body_of(request, EndingRequest), now_of(request)
        async with self._pool.acquire() as database, database.transaction():
            invoice = await read_invoice(database, id_in_path(request, "invoice_id"), lock=True)
            known = await _known(database, "select * from endings where key = $1", ask.key)
            if known is not None:
                _check_same(known, {**ask.model_dump(), "invoice_id": invoice.invoice_id})
                return _stand(invoice)
            await database.execute(
                "insert into endings (key, invoice_id, how, at) values ($1, $2, $3, $4)",
                ask.key,
                invoice.invoice_id,
                ask.how,
                now,
            )
            if invoice.status not in OWED:
                return _stand(invoice)
            invoice = await _ended(database, invoice, ask, now)
        told = (
            events.subscription_deleted(invoice, now)
            if ask.how == "cancel_subscription"
            else events.invoice_marked_uncollectible(invoice, now)
        )
        await self._teller.tell(told)
        return _stand(invoice)

    async def set_retries_at(self, request: web.Request) -> web.Response:
        ask = await body_of(request, RetryTimeRequest)
        async with self._pool.acquire() as database, database.transaction():
            invoice = await read_invoice(database, id_in_path(request, "invoice_id"), lock=True)
            invoice = await _tries_again(database, invoice, ask.at, invoice.attempt_count)
        return _stand(invoice)

    async def retry(self, request: web.Request) -> web.Response:
        ask, now = await body_of(request, OwnerRetryRequest), now_of(request)
        async with self._pool.acquire() as database, database.transaction():
            invoice = await read_invoice(database, id_in_path(request, "invoice_id"), lock=True)
            attempt = await _owner_attempt(database, invoice, now)
            if attempt["status"] == "succeeded":
                invoice = await _tries_again(database, invoice, None, invoice.attempt_count + 1)
                invoice = await mark_paid(database, invoice, attempt["amount_minor"], now)
                event = events.invoice_paid(invoice, now, out_of_band=False)
            else:
                invoice = await _tries_again(database, invoice, ask.next_at, invoice.attempt_count + 1)
                event = events.invoice_payment_failed(invoice, now)
        delivered = await self._teller.tell(event, ask.deliver)
        told = {"attempt": ledger_line(attempt), "event": event, "delivered": delivered}
        return web.json_response({**_stands(invoice), **told})


async def _known(database: Database, query: str, key: str) -> Record | None:
    """Two requests with one key must not both find it unused."""
    await database.execute("select pg_advisory_xact_lock(hashtextextended($1, 1))", key)
    return await database.fetchrow(query, key)


def _check_same(known: Record, asked: dict[str, Any]) -> None:
    if any(known[name] != value for name, value in asked.items()):
        raise Refused(409, "key_reused", "key: was used for something else")


async def _booked(database: Database, invoice: Invoice, ask: PaymentRequest, now: datetime) -> Invoice:
    if invoice.status not in OWED:
        raise Refused(409, "not_open", f"the invoice is {invoice.status.value}; nothing was booked")
    if ask.currency != invoice.currency:
        raise Refused(422, "wrong_currency", f"currency: the invoice is in {invoice.currency}")
    if ask.amount_minor > invoice.unpaid_minor:
        raise Refused(422, "more_than_owed", "amount_minor: is more than what is still owed")
    await database.execute(
        """insert into payments (key, invoice_id, amount_minor, currency, gateway, reference, at)
           values ($1, $2, $3, $4, $5, $6, $7)""",
        ask.key,
        invoice.invoice_id,
        ask.amount_minor,
        ask.currency,
        ask.gateway,
        ask.reference,
        now,
    )
    return await mark_paid(database, invoice, ask.amount_minor, now)


async def _ended(database: Database, invoice: Invoice, ask: EndingRequest, now: datetime) -> Invoice:
    cancels = ask.how == "cancel_subscription"
    status = InvoiceStatus.CANCELLED if cancels else InvoiceStatus.UNCOLLECTIBLE
    await database.execute(
        "update invoices set status = $2, changed_at = $3, retries_at = null where invoice_id = $1",
        invoice.invoice_id,
        status.value,
        now,
    )
    return invoice.model_copy(update={"status": status, "changed_at": now, "retries_at": None})


async def _tries_again(database: Database, invoice: Invoice, at: datetime | None, attempts: int) -> Invoice:
    await database.execute(
        "update invoices set retries_at = $2, attempt_count = $3 where invoice_id = $1",
        invoice.invoice_id,
        at,
        attempts,
    )
    return invoice.model_copy(update={"retries_at": at, "attempt_count": attempts})


async def _owner_attempt(database: Database, invoice: Invoice, now: datetime) -> Record:
    """On the customer's default card; the owner always hears the answer."""
    if invoice.status is not InvoiceStatus.OPEN:
        raise Refused(409, "not_open", f"the invoice is {invoice.status.value}; its owner does not try again")
    card = await database.fetchrow(
        """select card_id, kind, params::text as params from cards where card_id =
           coalesce((select default_card from customers where customer_id = $1), $2)""",
        invoice.customer_id,
        invoice.first_credential_id,
    )
    if card is None:
        raise Refused(404, "no_such_card", "the customer has no card")
    answer = answer_of(behaviour_of(card["kind"], json.loads(card["params"])), now, True)
    if answer.status == "pending":
        raise Refused(409, "settles_later", "the owner's own retries are made of cards that answer at once")
    ask = ChargeRequest(
        idempotency_key=f"owner:{new_id('try')}",
        invoice_id=invoice.invoice_id,
        credential_id=card["card_id"],
        amount_minor=invoice.due_minor,
        currency=invoice.currency,
    )
    return await record_charge(database, ask, now, answer.status, answer.code, made_by="owner")


def _stands(invoice: Invoice) -> dict[str, Any]:
    return {
        "invoice_id": invoice.invoice_id,
        "status": invoice.status.value,
        "due_minor": invoice.due_minor,
        "retries_at": invoice.retries_at.isoformat() if invoice.retries_at else None,
    }


def _stand(invoice: Invoice) -> web.Response:
    return web.json_response(_stands(invoice))
