"""The gateway: collects an invoice from a card, once per idempotency key, and remembers every attempt.

Refusals that record nothing: 400 bad input, 404 no such invoice or card, 409 `key_reused` (same key, other body),
409 `already_paid` or `not_open`, 422 `more_than_owed`, `wrong_currency` or `wrong_customer`; during an outage 503 with
`{"accepted": false}`, which says that the request certainly had no effect.
"""

import asyncio
import json
from datetime import datetime
from typing import Any

from aiohttp import web

from policies.base import Identifier, Request, UtcTime
from policies.invoices import InvoiceStatus
from policies.money import Currency
from workers.sandbox.cards import Wire, answer_of, behaviour_of
from workers.sandbox.database import Database, DatabasePool, Record
from workers.sandbox.faults import Drop, Fault, count_dropped_after, draw_fault
from workers.sandbox.http import AmountMinor, CardToken, Refused, body_of, hang_up, id_in_path, now_of
from workers.sandbox.ids import new_id
from workers.sandbox.invoices import OWED, Invoice, mark_paid, read_invoice

GATEWAY = "sandbox"
"""The gateway account that is meant when none is named."""


class ChargeRequest(Request):
    """`gateway`: several gateway accounts live in one sandbox. `collects_invoice` false: the money is taken from the
    card and the invoice is left alone; its owner learns of it by `POST /source/invoices/{id}/payments`. `keep` false:
    the customer's default card stays what it is."""

    idempotency_key: Identifier
    invoice_id: Identifier
    credential_id: CardToken
    amount_minor: AmountMinor
    currency: Currency
    gateway: Identifier = GATEWAY
    collects_invoice: bool = True
    keep: bool = True


class OutageRequest(Request):
    """That gateway accepts no charge from `begins_at` until just before `ends_at`; the others do."""

    begins_at: UtcTime
    ends_at: UtcTime
    gateway: Identifier = GATEWAY


class Gateway:
    def __init__(self, pool: DatabasePool) -> None:
        self._pool = pool

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/gateway/charges", self.charge),
            web.get("/gateway/charges/{key}", self.look_up),
            web.get("/world/ledger", self.ledger),
            web.post("/world/outages", self.announce_outage),
        ]

    async def charge(self, request: web.Request) -> web.StreamResponse:
        ask, now = await body_of(request, ChargeRequest), now_of(request)
        fault = await draw_fault(self._pool, ask.gateway, ask.idempotency_key)
        if fault.drop is Drop.BEFORE:
            return hang_up(request)
        answer = await self._charge(request, ask, now, fault)
        await asyncio.sleep(fault.slow_seconds)
        return answer

    async def _charge(
        self, request: web.Request, ask: ChargeRequest, now: datetime, fault: Fault
    ) -> web.StreamResponse:
        async with self._pool.acquire() as database, database.transaction():
            if await _is_out(database, ask.gateway, now):
                return web.json_response({"error": "the gateway is out of order", "accepted": False}, status=503)
            # Two calls with one key must not both find it unused.
            await database.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", ask.idempotency_key)
            row = await _row_of(database, ask.idempotency_key)
            wire = Wire.ANSWERED
            if row is None:
                row, wire = await _attempt(database, ask, now)
            elif not _is_same(row, ask):
                raise Refused(409, "key_reused", "idempotency_key: was used for another charge")
            if fault.drop is Drop.AFTER:
                await count_dropped_after(database, ask.gateway, ask.idempotency_key)
                wire = Wire.SILENT
        if row is None or wire is not Wire.ANSWERED:
            return hang_up(request)
        return web.json_response(_answer(row))

    async def look_up(self, request: web.Request) -> web.Response:
        row = await _row_of(self._pool, id_in_path(request, "key"))
        if row is None:
            raise Refused(404, "no_such_charge", "no charge with this key has arrived")
        return web.json_response(_answer(row))

    async def ledger(self, request: web.Request) -> web.Response:
        invoice_id = request.query.get("invoice")
        rows = await self._pool.fetch(
            "select * from charges where $1::text is null or invoice_id = $1 order by position",
            invoice_id.replace("\x00", "") if invoice_id else None,
        )
        return web.json_response({"charges": [ledger_line(row) for row in rows]})

    async def announce_outage(self, request: web.Request) -> web.Response:
        outage = await body_of(request, OutageRequest)
        await self._pool.execute(
            "insert into gateway_outages (begins_at, ends_at, gateway) values ($1, $2, $3)",
            outage.begins_at,
            outage.ends_at,
            outage.gateway,
        )
        return web.json_response({})


def ledger_line(row: Record) -> dict[str, Any]:
    """One attempt as JSON: key, invoice, card, money, time, outcome."""
    names = "idempotency_key invoice_id credential_id amount_minor currency status code reference gateway".split()
    names += ["collects_invoice", "made_by"]
    return {**{name: row[name] for name in names}, "at": row["at"].isoformat()}


async def record_charge(
    database: Database,
    ask: ChargeRequest,
    at: datetime,
    status: str,
    code: str | None = None,
    made_by: str = "caller",
) -> Record:
    row: Record | None = await database.fetchrow(
        """insert into charges (idempotency_key, invoice_id, credential_id, amount_minor, currency, at, status, code,
                                reference, gateway, collects_invoice, made_by, keep)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) returning *""",
        ask.idempotency_key,
        ask.invoice_id,
        ask.credential_id,
        ask.amount_minor,
        ask.currency,
        at,
        status,
        code,
        new_id("ch"),
        ask.gateway,
        ask.collects_invoice,
        made_by,
        ask.keep,
    )
    assert row is not None  # noqa: S101  insert ... returning always returns its row
    return row


async def _attempt(database: Database, ask: ChargeRequest, now: datetime) -> tuple[Record | None, Wire]:
    """The new ledger row (None: the request was lost before it arrived) and whether the caller hears of it."""
    invoice = await read_invoice(database, ask.invoice_id, lock=True)
    card = await _card_of(database, ask, invoice)
    answer = answer_of(behaviour_of(card["kind"], json.loads(card["params"])), now, card["first_call_lost"])
    if answer.wire is Wire.LOST:
        await database.execute("update cards set first_call_lost = true where card_id = $1", ask.credential_id)
        return None, answer.wire
    if ask.collects_invoice:
        await _check_owed(database, ask, invoice)
    row = await record_charge(database, ask, now, answer.status, answer.code)
    if answer.status == "succeeded" and ask.collects_invoice:
        await mark_paid(database, invoice, ask.amount_minor, now)
        if ask.keep:
            await keep_card(database, invoice.customer_id, ask.credential_id)
    return row, answer.wire


async def _card_of(database: Database, ask: ChargeRequest, invoice: Invoice) -> Record:
    card: Record | None = await database.fetchrow(
        "select customer_id, kind, params::text as params, first_call_lost from cards where card_id = $1",
        ask.credential_id,
    )
    if card is None:
        raise Refused(404, "no_such_card", "credential_id: there is no such card")
    if card["customer_id"] != invoice.customer_id:
        raise Refused(422, "wrong_customer", "credential_id: belongs to another customer")
    return card


async def _check_owed(database: Database, ask: ChargeRequest, invoice: Invoice) -> None:
    if invoice.status is InvoiceStatus.PAID:
        raise Refused(409, "already_paid", "the invoice is paid; nothing was charged")
    if invoice.status not in OWED:
        raise Refused(409, "not_open", f"the invoice is {invoice.status.value}; nothing was charged")
    if ask.currency != invoice.currency:
        raise Refused(422, "wrong_currency", f"currency: the invoice is in {invoice.currency}")
    under_way = await database.fetchval(
        "select coalesce(sum(amount_minor), 0)::bigint from charges where invoice_id = $1 and collects_invoice"
        " and status = 'pending'",
        ask.invoice_id,
    )
    if ask.amount_minor > invoice.unpaid_minor - under_way:
        raise Refused(422, "more_than_owed", "amount_minor: is more than what is still owed")


async def keep_card(database: Database, customer_id: str, card_id: str) -> None:
    """The card that paid is the one the owner charges next time."""
    await database.execute("update customers set default_card = $2 where customer_id = $1", customer_id, card_id)


async def _is_out(database: Database, gateway: str, now: datetime) -> bool:
    query = "select exists (select from gateway_outages where gateway = $2 and begins_at <= $1 and $1 < ends_at)"
    return bool(await database.fetchval(query, now, gateway))


async def _row_of(database: Database | DatabasePool, key: str) -> Record | None:
    return await database.fetchrow("select * from charges where idempotency_key = $1", key)


def _is_same(row: Record, ask: ChargeRequest) -> bool:
    return all(row[name] == value for name, value in ask.model_dump().items())


def _answer(row: Record) -> dict[str, Any]:
    return {"status": row["status"], "code": row["code"], "reference": row["reference"]}
