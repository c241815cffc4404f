"""A local server that speaks Adyen's Checkout API as far as the adapter uses it; the vendor's own client talks to it.

It keeps to Adyen's OpenAPI document CheckoutService-v72 and docs.adyen.com (November 2026): `x-api-key`, the version in
the path, required fields and their lengths, errors with `errorCode` and `errorType`, result codes, and idempotency: one
key, one payment, whose answer comes again whatever the later body says (what Adyen does with another body is not
documented), and 704 while the first request is under way.
It is no Adyen: no risk checks, no 3-D Secure beyond its first answer, no captures, no webhooks. What a customer does in
Adyen's fields, the test does (`complete`, `end`). What a bank says hangs on the stored way to pay, as the test keeps it
(`store`). Which error a wrong `sessionResult` gets is not documented; 422 is a guess.
"""

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import web

from tests.fixtures.troubled import Trouble, answering_everything, in_trouble

API_KEY = "AQE-a-key-made-up-for-tests"
MERCHANT = "RecoupTestECOM"
Fields = dict[str, Any]

ANSWERS: dict[Trouble, tuple[int, Fields, dict[str, str]]] = {
    Trouble.BREAKS: (500, {"status": 500, "errorCode": "000", "errorType": "internal", "message": "broken"}, {}),
    Trouble.OVERLOADED: (503, {}, {}),
    Trouble.GATEWAY_TIMEOUT: (504, {}, {}),
    Trouble.SLOW_DOWN: (429, {"status": 429, "errorType": "security"}, {"Retry-After": "7"}),
}
REQUIRED = ("amount", "merchantAccount", "reference", "shopperReference", "paymentMethod", "returnUrl")


class Error(Exception):
    def __init__(self, status: int, code: str, kind: str, **headers: str) -> None:
        super().__init__(code)
        self.status = status
        self.headers = headers
        self.body = {"status": status, "errorCode": code, "errorType": kind, "message": "for people only"}


class Asked(NamedTuple):
    method: str
    path: str
    body: Fields
    key: str | None


class AdyenServer:
    """`money_trouble`: what happens to each payment instead. `swallowed`: the next payment is made and its answer lost.
    `refusal`: the error that the next payment gets. `redirects`: payments are sent elsewhere."""

    def __init__(self) -> None:
        self.url = ""
        self.money_trouble: Trouble | None = None
        self.swallowed = False
        self.redirects = False
        self.refusal: Error | None = None
        self.requests: list[Asked] = []
        self.payments: list[Fields] = []
        self.stored: dict[str, tuple[str, Fields, Fields]] = {}
        self.sessions: dict[str, Fields] = {}
        self.results: dict[str, Fields] = {}
        self._answers: dict[str, Fields] = {}
        self._numbers = itertools.count(1)

    # What tests arrange

    def store(self, shopper: str, answer: Fields, **resource: Any) -> str:
        """A way to pay whose payments get that answer."""
        identity = f"M5N7TQ4TG5PF{next(self._numbers):04d}"
        card = {"type": "scheme", "brand": "visa", "expiryMonth": "03", "expiryYear": "30", "lastFour": "1111"}
        self.stored[identity] = (shopper, answer, {"id": identity, "shopperReference": shopper, **card, **resource})
        return identity

    def taken(self, reference: str) -> int:
        return sum(p["reference"] == reference and p["resultCode"] == "Authorised" for p in self.payments)

    def complete(self, session_id: str, answer: Fields | None = None, **resource: Any) -> str:
        """The customer filled the fields in and the bank agreed; returns the id of what was stored. Of the fields that
        an account may leave out, `told` names those that it sends."""
        told, session = resource.pop("told", {}), self.sessions[session_id]
        psp = f"NC6HT9CRT65Z{next(self._numbers):04d}"
        stored = resource.pop("stored", None) or self.store(
            session["shopperReference"], answer or {"resultCode": "Authorised"}, firstPspReference=psp, **resource
        )
        self.end(session_id, "completed", payments=[{"pspReference": psp, "resultCode": "Authorised"}])
        self.results[session_id]["additionalData"] = {
            name: stored if value is None else value for name, value in told.items()
        }
        return stored

    def end(self, session_id: str, status: str, **told: Any) -> None:
        reference = self.sessions[session_id]["reference"]
        self.results[session_id] = {"id": session_id, "status": status, "reference": reference, **told}

    def result_of(self, session_id: str) -> str:
        """What the fields hand to the page, with all that an address would take for its own."""
        return f"X3Xtf+GC7!H4s/%&x={session_id}=="

    # The protocol

    async def handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except Error as error:
            return web.json_response(error.body, status=error.status, headers=error.headers)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("x-api-key") != API_KEY:
            raise Error(401, "000", "security")
        body = await request.json() if request.method == "POST" else {}
        self.requests.append(Asked(request.method, request.path, body, request.headers.get("Idempotency-Key")))
        is_named = request.path.startswith("/v72/sessions/") or MERCHANT in (
            body.get("merchantAccount"),
            request.query.get("merchantAccount"),
        )
        if not is_named:
            raise Error(403, "901", "security")
        if (request.method, request.path) == ("POST", "/v72/payments"):
            return await self._payment(request, body)
        if (request.method, request.path) == ("POST", "/v72/sessions"):
            return web.json_response(self._open_session(body), status=201)
        if request.method == "GET" and request.path.startswith("/v72/sessions/"):
            return web.json_response(self._session_result(request.path.rsplit("/", 1)[1], request.query))
        if (request.method, request.path) == ("GET", "/v72/storedPaymentMethods"):
            return web.json_response(self._listed(request.query["shopperReference"]))
        return web.Response(status=404)

    async def _payment(self, request: web.Request, body: Fields) -> web.StreamResponse:
        if self.money_trouble:
            return await in_trouble(self.money_trouble, request, ANSWERS, b'{"resultCode": "Autho')
        if self.redirects:
            raise web.HTTPFound("/v72/storedPaymentMethods")
        if self.refusal:
            error, self.refusal = self.refusal, None
            raise error
        key = request.headers.get("Idempotency-Key", "")
        if len(key) > 64:
            raise Error(422, "702", "validation")
        answer = self._answers.get(key) or self._paid(body)
        self._answers[key] = answer
        if self.swallowed:
            self.swallowed = False
            return await in_trouble(Trouble.CLOSES, request, ANSWERS, b'{"resultCode": "Autho')
        return web.json_response(answer, headers={"Idempotency-Key": key})

    def _paid(self, body: Fields) -> Fields:
        if any(name not in body for name in REQUIRED) or len(body["reference"]) > 80:
            raise Error(422, "130", "validation")
        if len(body["shopperReference"]) < 3:
            raise Error(422, "134", "validation")
        if any(len(name) > 20 or len(value) > 80 for name, value in body.get("metadata", {}).items()):
            raise Error(422, "177", "validation")
        shopper, answer, resource = self.stored.get(body["paymentMethod"]["storedPaymentMethodId"], ("", {}, {}))
        if shopper != body["shopperReference"] or resource["type"] != body["paymentMethod"]["type"]:
            raise Error(422, "800", "validation")
        told = {"pspReference": f"NC6HT9CRT65Z{next(self._numbers):04d}", "merchantReference": body["reference"]}
        told = {name: value for name, value in {**told, **answer}.items() if value is not None}
        self.payments.append({**told, "reference": body["reference"], "amount": body["amount"]})
        return told

    def _open_session(self, body: Fields) -> Fields:
        if any(name not in body for name in ("amount", "reference", "returnUrl")) or len(body["reference"]) > 80:
            raise Error(422, "14_030", "validation")
        if not 3 <= len(body.get("shopperReference", "...")) <= 256:
            raise Error(422, "134", "validation")
        opened = {
            **body,
            "id": f"CS451F2AB1ED{next(self._numbers):04d}",
            "sessionData": "Ab02b4c0!made-up",
            "expiresAt": "2026-03-02T11:00:00+01:00",
        }
        self.sessions[opened["id"]] = opened
        return opened

    def _session_result(self, session_id: str, query: Mapping[str, str]) -> Fields:
        if session_id not in self.sessions or query.get("sessionResult") != self.result_of(session_id):
            raise Error(422, "14_018", "validation")
        session = self.sessions[session_id]
        return self.results.get(session_id, {"id": session_id, "status": "active", "reference": session["reference"]})

    def _listed(self, shopper: str) -> Fields:
        found = [resource for whose, _, resource in self.stored.values() if whose == shopper]
        return {"merchantAccount": MERCHANT, "shopperReference": shopper, "storedPaymentMethods": found}


@asynccontextmanager
async def running_adyen() -> AsyncIterator[AdyenServer]:
    server = AdyenServer()
    async with answering_everything(server.handle) as server.url:
        yield server
