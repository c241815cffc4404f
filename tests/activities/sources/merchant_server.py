"""A billing system of a merchant's own that keeps the contract of docs/sources/merchant.md, in memory.

It books money once per key, ends invoices once, pages its events and answers in the contract's words. It is no billing
system: it makes no invoices, charges nobody and sends no webhooks; tests arrange what it knows.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.fixtures.sandbox import START

TOKEN = "a-token-made-up-for-tests"
PAGE = 2
Fields = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class MerchantServer:
    """`keeps_events` false: it has no list. `answers`: what it says instead, by path."""

    def __init__(self) -> None:
        self.url = ""
        self.keeps_events = True
        self.invoices: dict[str, Fields] = {}
        self.customers: dict[str, Fields] = {}
        self.payments: dict[str, Fields] = {}
        self.events: list[Any] = []
        self.booked: dict[str, Fields] = {}
        self.ended: dict[str, Fields] = {}
        self.answers: dict[str, Fields] = {}
        self.asked: list[str] = []

    def failed_invoice(self, **fields: Any) -> str:
        number = len(self.invoices) + 1
        decline = {"gateway": "adyen", "code": "12", "network_code": "51", "network": "visa"}
        amount = {"amount_minor": 2900, "currency": "EUR"}
        attempt = {
            "reference": f"psp-{number}",
            "credential_id": f"card-{number}",
            "amount": amount,
            "at": START.isoformat(),
            "decline": decline,
        }
        invoice = {
            "id": f"inv-{number}",
            "status": "open",
            "due": dict(amount),
            "customer_id": f"cust-{number}",
            "credential_id": f"card-{number}",
            "gateway": "adyen",
            "subscription_id": f"sub-{number}",
            "failed_at": START.isoformat(),
            "last_decline": decline,
            "attempts": [attempt],
            **fields,
        }
        self.invoices[invoice["id"]] = invoice
        self.payments[f"psp-{number}"] = {"invoice_id": invoice["id"]}
        self.customers[f"cust-{number}"] = {
            "name": "Ada Test",
            "email": {"address": "ada@shop.example"},
            "locale": "de",
        }
        return f"inv-{number}"

    def end(self, invoice_id: str, status: str) -> None:
        self.invoices[invoice_id]["status"] = status
        self.invoices[invoice_id]["due"] = {"amount_minor": 0, "currency": "EUR"}

    # The contract

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._at_the_door])
        app.add_routes(
            [
                web.get("/billing/invoices/{id}", self._invoice),
                web.get("/billing/customers/{id}", self._customer),
                web.get("/billing/payments/{id}", self._payment),
                web.post("/billing/invoices/{id}/payments", self._book),
                web.post("/billing/invoices/{id}/close", self._close),
                web.get("/billing/events", self._events),
            ]
        )
        return app

    @web.middleware
    async def _at_the_door(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _no(401, "unauthorised")
        self.asked.append(request.raw_path)
        if request.path in self.answers:
            return web.json_response(self.answers[request.path])
        return await handler(request)

    async def _invoice(self, request: web.Request) -> web.Response:
        found = self.invoices.get(request.match_info["id"])
        return web.json_response(found) if found else _no(404, "no_such_invoice")

    async def _customer(self, request: web.Request) -> web.Response:
        found = self.customers.get(request.match_info["id"])
        return web.json_response(found) if found else _no(404, "no_such_customer")

    async def _payment(self, request: web.Request) -> web.Response:
        found = self.payments.get(request.match_info["id"])
        return web.json_response(found) if found else _no(404, "no_such_payment")

    async def _book(self, request: web.Request) -> web.Response:
        body, invoice = await request.json(), self.invoices.get(request.match_info["id"])
        if invoice is None:
            return _no(404, "no_such_invoice")
        known = self.booked.get(body["key"])
        if known not in (None, body) or request.headers["Idempotency-Key"] != body["key"]:
            return _no(409, "key_reused")
        if known is None:
            self.booked[body["key"]] = body
            invoice["due"]["amount_minor"] -= body["amount"]["amount_minor"]
            invoice["status"] = "open" if invoice["due"]["amount_minor"] else "paid"
        return web.Response(status=204)

    async def _close(self, request: web.Request) -> web.Response:
        body, invoice_id = await request.json(), request.match_info["id"]
        if invoice_id not in self.invoices:
            return _no(404, "no_such_invoice")
        if self.invoices[invoice_id]["status"] == "open":
            self.ended[body["key"]] = body
            self.end(invoice_id, "cancelled" if body["how"] == "cancel_subscription" else "uncollectible")
        return web.json_response({})

    async def _events(self, request: web.Request) -> web.Response:
        if not self.keeps_events:
            return _no(404, "no_event_list")
        since, start = request.query["since"], int(request.query.get("after", 0))
        told = [event for event in self.events if not isinstance(event, dict) or event.get("time", since) >= since]
        more = start + PAGE < len(told)
        return web.json_response({"events": told[start : start + PAGE], "next": str(start + PAGE) if more else None})


def _no(status: int, code: str) -> web.Response:
    return web.json_response({"code": code, "message": "Ada Test is for people only"}, status=status)


@asynccontextmanager
async def running_merchant() -> AsyncIterator[MerchantServer]:
    server = MerchantServer()
    runner = web.AppRunner(server.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/billing"
    try:
        yield server
    finally:
        await runner.cleanup()
