"""A server that speaks the part of PayPal's REST API that Recoup uses, on a free port.

Covered: OAuth 2 client credentials (an expired token is 401), subscriptions (show, transactions in pages, capture,
patch of the balance, cancel), orders paid from the vault, captures and sales, transaction search in pages, the vault
(`paypal_vault_server.py`), disputes, webhook events in pages newest first; PayPal-Request-Id (same request, same
answer; another body under it is refused), PayPal's error bodies, 429, 500, and connections that die before or after
money moved.
Not covered: PayPal's validation of every field, 3-D Secure by the customer, currencies' limits, partial refunds, keys
that expire, and what real banks answer. Nothing here proves that PayPal itself behaves so; its published API
descriptions do.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiohttp import encode_basic_auth, web

from tests.activities.gateways.paypal_vault_server import NOT_FOUND, Vault, error
from tests.fixtures.sandbox import START, serving
from tests.fixtures.troubled import Trouble, troubled

__all__ = ["NOT_FOUND", "PayPalWorld", "error", "paypal_server"]

CLIENT_ID, CLIENT_SECRET = "recoup-client", "recoup-secret"
PAGE = 2
"""Small, so that every list of a test has several pages."""


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def money(value: str, currency: str = "EUR") -> dict[str, str]:
    return {"currency_code": currency, "value": value}


@dataclass
class PayPalWorld:
    """What PayPal has. `comes_to`: by subscription or vault id, how a charge ends: COMPLETED, PENDING, ACCEPTED (202),
    PAYER_ACTION_REQUIRED, `DECLINED:<processor's code>[:<advice>]`, or an issue of a 422. `fault`: of the next request
    that moves money: `before` or `after` it the connection dies, or a status that is answered instead."""

    now: datetime = START
    subscriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    listed: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    captures: dict[str, dict[str, Any]] = field(default_factory=dict)
    sales: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    vault: dict[str, dict[str, Any]] = field(default_factory=dict)
    setups: dict[str, dict[str, Any]] = field(default_factory=dict)
    disputes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    searched: list[dict[str, Any]] = field(default_factory=list)
    refreshed: datetime | None = None
    search_answers: tuple[int, dict[str, Any]] | None = None
    comes_to: dict[str, str] = field(default_factory=dict)
    fault: str | int | None = None
    tokens: set[str] = field(default_factory=set)
    logins: int = 0
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    answered: dict[str, tuple[bytes, tuple[int, Any]]] = field(default_factory=dict)
    made: int = 0

    def new_id(self, start: str) -> str:
        self.made += 1
        return f"{start}{self.made:04d}"

    def subscription(self, balance: str = "29.00", **changes: Any) -> str:
        made_id = self.new_id("I-BW45")
        billing = {"outstanding_balance": money(balance), "failed_payments_count": 1, "cycle_executions": []}
        billing.update(changes.pop("billing_info", {}))
        who = {"payer_id": f"PAYER{self.made}", "email_address": "ada@shop.example", "name": {"given_name": "Ada"}}
        plan = {"billing_cycles": [{"tenure_type": "REGULAR", "frequency": {"interval_unit": "MONTH"}}]}
        base = {"id": made_id, "status": "ACTIVE", "subscriber": who, "plan": plan, "billing_info": billing}
        self.subscriptions[made_id] = {**base, **changes}
        return made_id

    def pay(self, of: str, status: str, value: str, at: datetime, code: str = "", advice: str = "") -> dict[str, Any]:
        """One transaction of a subscription, readable as capture and as sale too."""
        payment_id = self.new_id("4FX")
        told: dict[str, Any] = {"id": payment_id, "status": status, "time": stamp(at)}
        told["amount_with_breakdown"] = {"gross_amount": money(value)}
        self.listed.setdefault(of, []).append(told)
        self.captures[payment_id] = {"id": payment_id, "status": status, "amount": money(value), **_said(code, advice)}
        self.sales[payment_id] = {"id": payment_id, "state": status.lower(), "billing_agreement_id": of}
        return told

    def fail(self, of: str, at: datetime, code: str, value: str = "29.00") -> None:
        """As when PayPal itself tried in vain."""
        self.pay(of, "DECLINED", value, at, code)
        failed = {"amount": money(value), "time": stamp(at), "reason_code": "PAYMENT_DENIED"}
        self.subscriptions[of]["billing_info"]["last_failed_payment"] = failed

    def settle(self, of: str, at: datetime) -> None:
        billing = self.subscriptions[of]["billing_info"]
        billing["outstanding_balance"] = money("0.00")
        billing["last_payment"] = {"amount": money("29.00"), "time": stamp(at)}


def _said(code: str, advice: str) -> dict[str, Any]:
    said = {"response_code": code, **({"payment_advice_code": advice} if advice else {})}
    return {"processor_response": said, "network_transaction_reference": {"network": "VISA"}} if code else {}


@asynccontextmanager
async def paypal_server(world: PayPalWorld) -> AsyncIterator[str]:
    app = web.Application(middlewares=[_guarded(world)])
    app.add_routes(_Api(world).routes())
    async with serving(app) as url:
        yield url


def _guarded(world: PayPalWorld) -> Any:
    @web.middleware
    async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
        raw = await request.read()
        if request.path == "/v1/oauth2/token":
            return _token(world, request, raw)
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in world.tokens:
            return _reply(401, {"error": "invalid_token", "error_description": "Token signature verification failed"})
        world.asked.append((request.method, request.path, json.loads(raw) if raw else None))
        if request.method == "GET":
            return _reply(*await handler(request))
        return await _once(world, request, raw, handler)

    return guard


async def _once(world: PayPalWorld, request: web.Request, raw: bytes, handler: Any) -> web.StreamResponse:
    fault, world.fault = world.fault, None
    if isinstance(fault, int):
        return _reply(*error(fault, "RATE_LIMIT_REACHED" if fault == 429 else "INTERNAL_SERVER_ERROR"))
    if fault == "before":
        return _cut(request)
    key = request.headers.get("PayPal-Request-Id", "")
    earlier = world.answered.get(key)
    if earlier and earlier[0] != raw:
        return _reply(*error(422, "UNPROCESSABLE_ENTITY", "DUPLICATE_REQUEST_ID"))
    answer: tuple[int, Any] = earlier[1] if earlier else await handler(request)
    if key:
        world.answered[key] = raw, answer
    return _cut(request) if fault == "after" else _reply(*answer)


def _cut(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


def _token(world: PayPalWorld, request: web.Request, raw: bytes) -> web.Response:
    if request.headers.get("Authorization") != encode_basic_auth(CLIENT_ID, CLIENT_SECRET):
        return _reply(401, {"error": "invalid_client", "error_description": "Client Authentication failed"})
    assert raw == b"grant_type=client_credentials"
    world.logins += 1
    token = f"A21AA{world.logins}"
    world.tokens.add(token)
    return _reply(200, {"access_token": token, "token_type": "Bearer", "expires_in": 32400})


def _reply(status: int, body: Any) -> web.Response:
    headers = {"Retry-After": "7"} if status == 429 else {}
    return (
        web.Response(status=status, headers=headers)
        if body is None
        else web.json_response(body, status=status, headers=headers)
    )


class _Api:
    def __init__(self, world: PayPalWorld) -> None:
        self.world = world

    def routes(self) -> list[web.RouteDef]:
        one = "/v1/billing/subscriptions/{id}"
        w = self.world
        return [
            web.get(one, _known(w.subscriptions)),
            web.patch(one, self._patch),
            web.get(one + "/transactions", self._transactions),
            web.post(one + "/capture", self._capture),
            web.post(one + "/cancel", self._cancel),
            web.post("/v2/checkout/orders", self._order),
            web.get("/v2/checkout/orders/{id}", _known(w.orders)),
            web.get("/v2/payments/captures/{id}", _known(w.captures)),
            web.get("/v1/payments/sale/{id}", _known(w.sales)),
            *Vault(w, PAGE).routes(),
            web.get("/v1/customer/disputes", self._disputes),
            web.get("/v1/reporting/transactions", self._search),
            web.get("/v1/notifications/webhooks-events", self._events),
        ]

    async def _transactions(self, request: web.Request) -> Any:
        of, query = request.match_info["id"], request.query
        if of not in self.world.subscriptions:
            return NOT_FOUND
        inside = [t for t in self.world.listed.get(of, []) if query["start_time"] <= t["time"] <= query["end_time"]]
        newest_first = sorted(inside, key=lambda t: str(t["time"]), reverse=True)
        page = int(query.get("page", "1"))
        pages = -(-len(inside) // PAGE)
        shown = newest_first[(page - 1) * PAGE : page * PAGE]
        return 200, {"transactions": shown, "total_items": len(inside), "total_pages": pages}

    async def _capture(self, request: web.Request) -> Any:
        of, body = request.match_info["id"], await request.json()
        owed = self.world.subscriptions.get(of)
        if owed is None:
            return NOT_FOUND
        assert body["capture_type"] == "OUTSTANDING_BALANCE"
        value, balance = body["amount"]["value"], owed["billing_info"]["outstanding_balance"]
        if float(balance["value"]) == 0:
            return error(422, "UNPROCESSABLE_ENTITY", "ZERO_OUTSTANDING_BALANCE")
        if body["amount"]["currency_code"] != balance["currency_code"]:
            return error(422, "UNPROCESSABLE_ENTITY", "CURRENCY_MISMATCH")
        comes_to, code, advice = _ending(self.world.comes_to.get(of, "COMPLETED"))
        if comes_to == "ACCEPTED":
            return 202, None
        if comes_to not in ("COMPLETED", "PENDING", "DECLINED"):
            return error(422, "UNPROCESSABLE_ENTITY", comes_to)
        told = self.world.pay(of, comes_to, value, self.world.now, code, advice)
        if comes_to == "COMPLETED":
            self.world.settle(of, self.world.now)
        return 200, told

    async def _patch(self, request: web.Request) -> Any:
        owed = self.world.subscriptions.get(request.match_info["id"])
        if owed is None:
            return NOT_FOUND
        (change,) = await request.json()
        assert (change["op"], change["path"]) == ("replace", "/billing_info/outstanding_balance")
        owed["billing_info"]["outstanding_balance"] = change["value"]
        return 204, None

    async def _cancel(self, request: web.Request) -> Any:
        owed = self.world.subscriptions[request.match_info["id"]]
        assert (await request.json())["reason"]
        if owed["status"] == "CANCELLED":
            return error(422, "UNPROCESSABLE_ENTITY", "SUBSCRIPTION_STATUS_INVALID")
        owed["status"] = "CANCELLED"
        return 204, None

    async def _order(self, request: web.Request) -> Any:
        body = await request.json()
        assert request.headers["Prefer"] == "return=representation"
        ((kind, source),) = body["payment_source"].items()
        vault_id = source.get("vault_id", source.get("id"))
        if kind != "token" and kind not in self.world.vault[vault_id]["payment_source"]:
            return error(422, "UNPROCESSABLE_ENTITY", "MISMATCHED_VAULT_ID_TO_PAYMENT_SOURCE")
        comes_to, code, advice = _ending(self.world.comes_to.get(vault_id, "COMPLETED"))
        order: dict[str, Any] = {"id": self.world.new_id("5O1"), "status": "COMPLETED", "purchase_units": []}
        if comes_to in ("COMPLETED", "PENDING", "DECLINED", "FAILED"):
            order["purchase_units"] = [{"payments": {"captures": [self._paid(body, comes_to, code, advice)]}}]
        elif comes_to in ("PAYER_ACTION_REQUIRED", "CREATED"):
            order["status"] = comes_to
        else:
            return error(422, "UNPROCESSABLE_ENTITY", comes_to)
        self.world.orders[order["id"]] = order
        return 201, order

    def _paid(self, body: dict[str, Any], status: str, code: str, advice: str) -> dict[str, Any]:
        (unit,) = body["purchase_units"]
        paid = {"id": self.world.new_id("3C6"), "status": status, "custom_id": unit["custom_id"], **_said(code, advice)}
        self.world.captures[paid["id"]] = {**paid, "invoice_id": unit["invoice_id"], "amount": unit["amount"]}
        letter = {"COMPLETED": "S", "PENDING": "P"}.get(status, "D")
        info = {"transaction_id": paid["id"], "transaction_status": letter, "custom_field": unit["custom_id"]}
        info |= {"transaction_event_code": "T0006", "transaction_initiation_date": stamp(self.world.now)}
        self.world.searched.append({"transaction_info": info})
        return paid

    async def _disputes(self, request: web.Request) -> Any:
        return 200, {"items": self.world.disputes.get(request.query["disputed_transaction_id"], [])}

    async def _search(self, request: web.Request) -> Any:
        if self.world.search_answers:
            return self.world.search_answers
        page, query = int(request.query["page"]), request.query
        dates = [each["transaction_info"]["transaction_initiation_date"] for each in self.world.searched]
        inside = [
            each
            for each, date in zip(self.world.searched, dates, strict=True)
            if query["start_date"] <= date <= query["end_date"]
        ]
        refreshed = {"last_refreshed_datetime": stamp(self.world.refreshed)} if self.world.refreshed else {}
        shown = inside[(page - 1) * PAGE : page * PAGE]
        return 200, {"transaction_details": shown, "total_pages": -(-len(inside) // PAGE), **refreshed}

    async def _events(self, request: web.Request) -> Any:
        query = request.query
        inside = [e for e in self.world.events if query["start_time"] <= e["create_time"] < query["end_time"]]
        newest_first = sorted(inside, key=lambda e: str(e["create_time"]), reverse=True)
        start = int(query.get("next", "0"))
        links = []
        if len(newest_first) > start + PAGE:
            following = request.url.update_query({"next": str(start + PAGE)}).with_host("api.elsewhere.example")
            links = [{"rel": "next", "href": str(following)}]
        return 200, {"events": newest_first[start : start + PAGE], "count": PAGE, "links": links}


def _ending(text: str) -> tuple[str, str, str]:
    status, _, rest = text.partition(":")
    code, _, advice = rest.partition(":")
    return status, code, advice


def _known(things: dict[str, dict[str, Any]]) -> Any:
    async def handler(request: web.Request) -> tuple[int, Any]:
        found = things.get(request.match_info["id"])
        return (200, found) if found else NOT_FOUND

    return handler


@asynccontextmanager
async def troubled_after_login(trouble: Trouble) -> AsyncIterator[str]:
    """A server that gives a token, and has the trouble in everything else."""
    async with troubled(trouble) as behind:
        if trouble is Trouble.REFUSES:
            yield behind
            return
        host, _, port = behind.removeprefix("http://").partition(":")
        token = json.dumps({"access_token": "A21AA", "expires_in": 32400}).encode()
        length = f"Content-Length: {len(token)}\r\nConnection: close\r\n\r\n".encode()

        async def front(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            if b"/v1/oauth2/token" in head.split(b"\r\n")[0]:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + length + token)
            else:
                there, here = await asyncio.open_connection(host, int(port))
                here.write(head)
                answer = asyncio.ensure_future(there.read())
                gone = asyncio.ensure_future(reader.read())
                await asyncio.wait([answer] if trouble is not Trouble.HANGS else [gone], timeout=10)
                writer.write(answer.result() if answer.done() else b"")
                gone.cancel()
                answer.cancel()
                here.close()
            writer.close()

        server = await asyncio.start_server(front, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            await server.wait_closed()


def later(hours: float) -> datetime:
    return START + timedelta(hours=hours)
