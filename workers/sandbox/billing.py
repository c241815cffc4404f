"""The billing owner: what an invoice's truth is now, and a page of the stand-in merchant that shows it."""

from html import escape
from typing import Any

from aiohttp import web

from policies.money import Money
from workers.sandbox.database import DatabasePool, Record
from workers.sandbox.http import Refused, html, id_in_path, number_in_query, time_in_query
from workers.sandbox.invoices import Invoice, read_invoice
from workers.sandbox.pages import page

PAGE = 100


class Billing:
    def __init__(self, pool: DatabasePool) -> None:
        self._pool = pool

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/source/invoices/{invoice_id}", self.invoice_now),
            web.get("/source/payments/{payment_id}", self.invoice_of_payment),
            web.get("/source/customers/{customer_id}", self.customer),
            web.get("/source/events", self.events_since),
            web.get("/billing/{invoice_id}", self.show),
        ]

    async def invoice_now(self, request: web.Request) -> web.Response:
        async with self._pool.acquire() as database, database.transaction(isolation="repeatable_read", readonly=True):
            invoice = await read_invoice(database, id_in_path(request, "invoice_id"))
            charges = await database.fetch(
                "select * from charges where invoice_id = $1 order by position", invoice.invoice_id
            )
            card = await database.fetchval(
                "select default_card from customers where customer_id = $1", invoice.customer_id
            )
        attempts = [_first_attempt(invoice), *(_attempt(row) for row in charges)]
        return web.json_response(_invoice(invoice, card, attempts))

    async def invoice_of_payment(self, request: web.Request) -> web.Response:
        """A payment is known by its intent or by one of its charges."""
        invoice_id = await self._pool.fetchval(
            """select invoice_id from invoices where payment_intent_id = $1 or first_charge_id = $1
               union all select invoice_id from charges where reference = $1 limit 1""",
            id_in_path(request, "payment_id"),
        )
        if invoice_id is None:
            raise Refused(404, "no_such_payment", "there is no such payment")
        return web.json_response({"invoice_id": invoice_id})

    async def customer(self, request: web.Request) -> web.Response:
        """Made-up people: a name and an address that say so."""
        customer_id = id_in_path(request, "customer_id")
        segment = await self._pool.fetchval("select segment from customers where customer_id = $1", customer_id)
        if segment is None:
            raise Refused(404, "no_such_customer", f"there is no customer {customer_id}")
        person = {"name": "Sandbox Customer", "segment": segment, "email": f"{customer_id}@customers.example"}
        return web.json_response(person)

    async def events_since(self, request: web.Request) -> web.Response:
        """Oldest first; those that were told at `since` or later, a page at a time."""
        since, after = time_in_query(request, "since"), number_in_query(request, "after")
        rows = await self._pool.fetch(
            "select * from events where told_at >= $1 and position > $2 order by position limit $3", since, after, PAGE
        )
        told = [{"event_id": r["event_id"], "body": r["body"], "position": r["position"]} for r in rows]
        return web.json_response({"events": told, "has_more": len(rows) == PAGE})

    async def show(self, request: web.Request) -> web.Response:
        async with self._pool.acquire() as database:
            invoice = await read_invoice(database, id_in_path(request, "invoice_id"))
        return html(page(f"Invoice {invoice.invoice_id}", _described(invoice)))


def _invoice(invoice: Invoice, default_card: str | None, attempts: list[dict[str, Any]]) -> dict[str, Any]:
    declined = [attempt["code"] for attempt in attempts if attempt["status"] == "declined"]
    return {
        "invoice_id": invoice.invoice_id,
        "status": invoice.status.value,
        "amount_minor": invoice.amount_minor,
        "due_minor": invoice.due_minor,
        "currency": invoice.currency,
        "customer_id": invoice.customer_id,
        "subscription_id": invoice.subscription_id,
        "credential_id": default_card or invoice.first_credential_id,
        "gateway": "sandbox",
        "failed_at": invoice.failed_at.isoformat(),
        "changed_at": invoice.changed_at.isoformat(),
        "first_payment": invoice.first_payment,
        "collected_manually": invoice.collected_manually,
        "dispute_open": invoice.dispute_open,
        "retries_at": invoice.retries_at.isoformat() if invoice.retries_at else None,
        "last_decline_code": declined[-1],
        "attempts": attempts,
    }


def _first_attempt(invoice: Invoice) -> dict[str, Any]:
    return {
        "made_by": "owner",
        "key": invoice.first_charge_id,
        "credential_id": invoice.first_credential_id,
        "amount_minor": invoice.amount_minor,
        "currency": invoice.currency,
        "at": invoice.failed_at.isoformat(),
        "status": "declined",
        "code": invoice.first_code,
    }


def _attempt(row: Record) -> dict[str, Any]:
    return {
        "made_by": row["made_by"],
        "key": row["reference"],
        "credential_id": row["credential_id"],
        "amount_minor": row["amount_minor"],
        "currency": row["currency"],
        "at": row["at"].isoformat(),
        "status": row["status"],
        "code": row["code"],
    }


def _described(invoice: Invoice) -> str:
    total = Money(amount_minor=invoice.amount_minor, currency=invoice.currency)
    due = Money(amount_minor=invoice.due_minor, currency=invoice.currency)
    lines = {
        "Status": invoice.status.value,
        "Amount": str(total),
        "Still owed": str(due),
        "Customer": invoice.customer_id,
        "Subscription": invoice.subscription_id,
        "Payment failed": f"{invoice.failed_at:%Y-%m-%d %H:%M} UTC",
        "Last change": f"{invoice.changed_at:%Y-%m-%d %H:%M} UTC",
        "Dispute": "open" if invoice.dispute_open else "none",
    }
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in lines.items())
    pay = _PAY.format(invoice_id=escape(invoice.invoice_id)) if invoice.unpaid_minor else ""
    return f"<p class=quiet>The stand-in merchant's view of this invoice.</p><dl>{rows}</dl>{pay}"


_PAY = '<form method="post" action="/billing/{invoice_id}/pay"><button>Pay it by bank transfer, now</button></form>'
