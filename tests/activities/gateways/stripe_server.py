"""A local Stripe: speaks the documented HTTP API so far as the adapters use it, to the vendor's own client.

Covered: bearer keys and the version header; form bodies; 4 levels of `expand`; lists with cursors and filters; keys of
idempotency (a replay, another body, one in use); declines, debits that settle later, 3-D Secure on and off session;
invoices paid, marked, paid from outside; setups of new ways to pay (stripe_setup_server.py); a network that fails
before or after the money moved. Not covered: what Stripe decides by itself (retries, fraud rules, account updater,
credit balances), permissions of restricted keys, test clocks, the v2 API, the expiry of keys, request limits, and every
field nobody reads. It was written from Stripe's reference of 2026-11; it is no proof of what the real one does.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from copy import deepcopy
from typing import Any

from aiohttp import web
from pydantic import SecretStr

from activities.gateways.accounts import StripeAccount
from activities.stripe_client import API_VERSION
from tests.activities.gateways.stripe_setup_server import Refusal, answer, form, setup_routes
from tests.activities.gateways.stripe_world import StripeWorld, Thing
from tests.fixtures.troubled import Trouble

KEY = "sk_test_local"
REFERENCES = {"customer", "payment_intent", "payment_record", "subscription", "latest_charge", "invoice"}
_WORDS: dict[Trouble, tuple[int, bytes, dict[str, str]]] = {
    Trouble.BREAKS: (500, b"broken", {}),
    Trouble.NOT_ACCEPTED: (503, b"{}", {}),
    Trouble.OVERLOADED: (503, b"{}", {}),
    Trouble.GATEWAY_TIMEOUT: (504, b"<html>timeout</html>", {}),
    Trouble.NONSENSE: (200, b"OK", {}),
    Trouble.SLOW_DOWN: (
        429,
        b'{"error": {"type": "invalid_request_error", "code": "rate_limit"}}',
        {"Retry-After": "7"},
    ),
    Trouble.STRANGER: (404, b"Not Found", {}),
}


class LocalStripe:
    """`trouble` hits what moves money; `money_moves_first`: after it moved. `in_use`: keys that another request has.
    `hides`: what the error of an invoice's payment leaves out."""

    def __init__(self) -> None:
        self.world = StripeWorld()
        self.url = ""
        self.trouble: Trouble | None = None
        self.money_moves_first = False
        self.in_use: set[str] = set()
        self.hides: set[str] = set()
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self._remembered: dict[str, tuple[str, int, bytes]] = {}

    def account(self, timeout_seconds: float = 20.0, key: str = KEY) -> StripeAccount:
        return StripeAccount(api_key=SecretStr(key), base_url=self.url, timeout_seconds=timeout_seconds)

    def forget_keys(self) -> None:
        """As after a day."""
        self._remembered.clear()

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._door])
        app.add_routes(
            [
                web.get("/v1/invoices/{id}", self._one),
                web.post("/v1/invoices/{id}/pay", self._pay),
                web.post("/v1/invoices/{id}/mark_uncollectible", self._give_up),
                web.post("/v1/invoices/{id}/attach_payment", self._attach),
                web.post("/v1/payment_records/report_payment", self._report),
                web.post("/v1/payment_intents", self._take),
                web.post("/v1/payment_intents/{id}", self._mark),
                web.get("/v1/payment_intents/{id}", self._one),
                *setup_routes(self.world),
                web.delete("/v1/subscriptions/{id}", self._cancel),
                web.get("/v1/customers/{customer}/payment_methods", self._list),
                web.get("/v1/{kind:customers|payment_methods|charges|subscriptions}/{id}", self._one),
                web.get("/v1/{kind:payment_intents|charges|disputes|events|invoice_payments}", self._list),
            ]
        )
        return app

    # At the door

    @web.middleware
    async def _door(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.asked.append((request.method, request.path, dict(request.headers)))
        try:
            if request.headers.get("Authorization") != f"Bearer {KEY}":
                raise Refusal(401)
            if request.headers.get("Stripe-Version") != API_VERSION:
                raise Refusal(400, code="invalid_version")
            moves_money = request.method == "POST" and request.path.endswith(("/pay", "/v1/payment_intents"))
            if self.trouble and moves_money:
                if self.money_moves_first:
                    await self._once(request, handler)
                return await _troubled(request, self.trouble)
            return await self._once(request, handler)
        except Refusal as refusal:
            return answer(refusal.status, {"error": refusal.error})

    async def _once(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        key = request.headers.get("Idempotency-Key")
        if request.method != "POST" or not key:
            return await handler(request)
        if key in self.in_use:
            raise Refusal(409, "idempotency_error", code="idempotency_key_in_use")
        asked = f"{request.path}?{await request.text()}"
        if known := self._remembered.get(key):
            if known[0] != asked:
                raise Refusal(400, "idempotency_error")
            return web.Response(status=known[1], body=known[2], content_type="application/json")
        try:
            answered = await handler(request)
        except Refusal as refusal:
            if refusal.status != 402:  # a request that was not begun is not remembered
                raise
            answered = answer(402, {"error": refusal.error})
        assert isinstance(answered, web.Response)
        assert isinstance(answered.body, bytes)
        self._remembered[key] = (asked, answered.status, answered.body)
        return answered

    # Readings

    async def _one(self, request: web.Request) -> web.Response:
        return self._shown(self._found(request.match_info["id"]), form(request.query_string))

    def _found(self, thing_id: str) -> Thing:
        if thing_id not in self.world.things:
            raise Refusal(404, code="resource_missing", param="id")
        return self.world.things[thing_id]

    async def _list(self, request: web.Request) -> web.Response:
        asked = form(request.query_string)
        if customer := request.match_info.get("customer"):
            self._found(customer)
            asked["customer"] = customer
        kind = request.match_info.get("kind", "payment_methods").removesuffix("s")
        things = [thing for thing in self.world.all(kind) if _is_asked_for(thing, asked)]
        if after := asked.get("starting_after"):
            things = things[[thing["id"] for thing in things].index(after) + 1 :]
        limit = int(asked.get("limit", 10))
        return answer(200, {"object": "list", "has_more": len(things) > limit, "data": things[:limit]})

    def _shown(self, thing: Thing, asked: Thing) -> web.Response:
        shown = deepcopy(thing)
        for path in asked.get("expand", {}).values():
            parts = path.split(".")
            if len(parts) > 4:
                raise Refusal(400, param="expand")
            if parts[0] == "payments" and "payments" not in shown:
                shown["payments"] = deepcopy(self.world.payments_of(thing))
            self._expand(shown, parts)
        return answer(200, shown)

    def _expand(self, inside: Any, parts: list[str]) -> None:
        if isinstance(inside, list):
            for each in inside:
                self._expand(each, parts)
        elif parts and isinstance(inside, dict) and inside.get(parts[0]) is not None:
            if parts[0] in REFERENCES and isinstance(inside[parts[0]], str):
                inside[parts[0]] = deepcopy(self.world.things[inside[parts[0]]])
            self._expand(inside[parts[0]], parts[1:])

    # Changes

    async def _pay(self, request: web.Request) -> web.Response:
        asked, invoice = form(await request.text()), self._found(request.match_info["id"])
        if invoice["status"] not in ("open", "uncollectible"):
            raise Refusal(400)
        if asked.get("paid_out_of_band") == "true":
            self.world.settle(invoice)
            return self._shown(invoice, asked)
        method = self._method(asked, invoice["customer"])
        if error := self.world.pay(invoice, method, asked.get("off_session", "true") == "true"):
            hidden = {"type", *self.hides}
            raise Refusal(402, "card_error", **{name: value for name, value in error.items() if name not in hidden})
        if self.world.intent_of(invoice)["status"] == "requires_action":
            raise Refusal(402, "card_error", code="invoice_payment_intent_requires_action")
        return self._shown(invoice, asked)

    def _method(self, asked: Thing, customer_id: str) -> Thing:
        method = self._found(asked.get("payment_method") or asked.get("source") or "")
        if method["customer"] != customer_id:
            raise Refusal(400, code="payment_method_customer_mismatch", param="payment_method")
        return method

    async def _give_up(self, request: web.Request) -> web.Response:
        invoice = self._found(request.match_info["id"])
        if invoice["status"] != "open":
            raise Refusal(400)
        self.world.end(invoice, "uncollectible")
        return answer(200, invoice)

    async def _report(self, request: web.Request) -> web.Response:
        asked = form(await request.text())
        if missing := {"amount_requested", "initiated_at", "payment_method_details"} - asked.keys():
            raise Refusal(400, code="parameter_missing", param=min(missing))
        return answer(200, self.world.add("pr", "payment_record", **asked))

    async def _attach(self, request: web.Request) -> web.Response:
        asked, invoice = form(await request.text()), self._found(request.match_info["id"])
        record = self._found(asked["payment_record"])
        self.world.attach(invoice, record)
        return self._shown(invoice, asked)

    async def _take(self, request: web.Request) -> web.Response:
        asked = form(await request.text())
        method = self._method(asked, asked["customer"])
        intent = self.world.intent(int(asked["amount"]), asked["currency"], asked["customer"])
        intent["metadata"] = asked.get("metadata", {})
        needs_no_action = asked.get("off_session") == "true" or asked.get("error_on_requires_action") == "true"
        if error := self.world.attempt(intent, method, needs_no_action):
            raise Refusal(402, "card_error", **{name: value for name, value in error.items() if name != "type"})
        return answer(200, intent)

    async def _mark(self, request: web.Request) -> web.Response:
        intent = self._found(request.match_info["id"])
        intent["metadata"] |= form(await request.text()).get("metadata", {})
        return answer(200, intent)

    async def _cancel(self, request: web.Request) -> web.Response:
        subscription = self._found(request.match_info["id"])
        if subscription["status"] == "canceled":
            raise Refusal(404, code="resource_missing", param="id")
        subscription["status"] = "canceled"
        return answer(200, subscription)


def _is_asked_for(thing: Thing, asked: Thing) -> bool:
    bounds = asked.get("created", {})
    within = int(bounds.get("gte", 0)) <= thing["created"] <= int(bounds.get("lte", 2**40))
    before = thing["created"] < int(bounds.get("lt", 2**40))
    same = all(thing.get(name) == asked[name] for name in ("customer", "payment_intent") if name in asked)
    paid_by = asked.get("payment", {}).get("payment_intent")
    of_type = not (types := asked.get("types")) or thing["type"] in types.values()
    return within and before and same and of_type and (not paid_by or thing["payment"]["payment_intent"] == paid_by)


async def _troubled(request: web.Request, trouble: Trouble) -> web.StreamResponse:
    if trouble is Trouble.HANGS:
        await asyncio.sleep(600)  # until the caller gives up: the handler is cancelled then
    transport = request.transport
    assert transport is not None
    if trouble in _WORDS:
        status, body, headers = _WORDS[trouble]
        return web.Response(status=status, body=body, headers=headers)
    if trouble is Trouble.CUTS_SHORT:
        transport.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"status": "pa')
    transport.close()
    return web.Response()


@asynccontextmanager
async def local_stripe() -> AsyncIterator[LocalStripe]:
    stripe = LocalStripe()
    runner = web.AppRunner(stripe.app(), handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    stripe.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield stripe
    finally:
        await runner.cleanup()
