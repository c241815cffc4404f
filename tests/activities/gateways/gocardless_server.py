"""A local server that speaks GoCardless' API as far as the adapters use it; the vendor's own client talks to it.

It keeps to what developer.gocardless.com documents (November 2026): bearer token and `GoCardless-Version`, envelopes,
`type` and `reason` of errors, 409 `idempotent_creation_conflict` for creations, cursors with the newest first, at most
three metadata keys, three retries of a payment, an action's metadata on its event and nowhere else.
It is no GoCardless: banks, dates of collection, notifications, Success+, payouts and permissions of tokens are absent;
what a bank says is said by the test (`settle`). Idempotency keys of actions are ignored, for none are documented.
"""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from aiohttp import web

from tests.fixtures.sandbox import START
from tests.fixtures.troubled import Trouble, answering_everything, in_trouble

TOKEN = "sandbox_a-token-made-up-for-tests"
USABLE = {"pending_customer_approval", "pending_submission", "submitted", "active"}
Fields = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ANSWERS = {
    Trouble.BREAKS: (500, {"error": {"type": "gocardless", "code": 500, "errors": [], "message": "broken"}}, {}),
    Trouble.OVERLOADED: (503, {}, {}),
    Trouble.GATEWAY_TIMEOUT: (504, {}, {}),
    Trouble.SLOW_DOWN: (
        429,
        {"error": {"type": "invalid_api_usage", "code": 429, "errors": [{"reason": "rate_limit_exceeded"}]}},
        {"Retry-After": "7", "RateLimit-Remaining": "0"},
    ),
}
STATUS_AFTER = {
    "created": "pending_submission",
    "resubmission_requested": "pending_submission",
    "submitted": "submitted",
    "chargeback_cancelled": "confirmed",
}


class Error(Exception):
    def __init__(self, status: int, kind: str, reason: str, **links: str) -> None:
        super().__init__(reason)
        self.status = status
        told = {"reason": reason, "message": "for people only", **({"links": links} if links else {})}
        self.body = {"error": {"type": kind, "code": status, "errors": [told], "message": "for people only"}}


class Asked(NamedTuple):
    method: str
    path: str
    body: Fields
    key: str | None


class GoCardlessServer:
    """`money_trouble`, `reading_trouble`: what happens to each request of the kind. `swallowed`: the next request that
    moves money is done, and its answer is lost. `full_until`: the headers of a limit that is used up. `events_late`:
    events are kept back, as they are written a little later."""

    def __init__(self) -> None:
        self.url = ""
        self.now = START
        self.page = 500
        self.money_trouble: Trouble | None = None
        self.reading_trouble: Trouble | None = None
        self.swallowed = False
        self.events_late = False
        self.redirects_money = False
        self.full_until: dict[str, str] = {}
        self.requests: list[Asked] = []
        self.kept: dict[str, dict[str, Fields]] = {
            name: {}
            for name in (
                *("payments", "events", "mandates", "customers", "customer_bank_accounts", "subscriptions"),
                *("billing_requests", "billing_request_flows"),
            )
        }
        self._keys: dict[tuple[str, str], str] = {}
        self._retries: dict[str, int] = {}
        self._numbers = itertools.count(1)

    # What tests arrange

    def keep(self, resource: str, prefix: str, **fields: Any) -> Fields:
        identity = f"{prefix}{next(self._numbers):08d}"
        at = self.now + timedelta(milliseconds=len(self.kept[resource]))
        one = {"id": identity, "created_at": at.isoformat().replace("+00:00", "Z"), **fields}
        self.kept[resource][identity] = one
        return one

    def mandate(self, customer: Fields | None = None, scheme: str = "sepa_core", status: str = "active") -> Fields:
        whose = customer or self.customer()
        account = self.keep(
            "customer_bank_accounts",
            "BA",
            country_code="DE",
            bank_name="BANK OF TESTS",
            account_number_ending="11",
            links={"customer": whose["id"]},
        )
        links = {"customer": whose["id"], "customer_bank_account": account["id"], "creditor": "CR1"}
        return self.keep("mandates", "MD", status=status, scheme=scheme, metadata={}, links=links)

    def customer(self, **fields: Any) -> Fields:
        given = {"given_name": "Ada", "family_name": "Test", "email": "ada@shop.example", "country_code": "DE"}
        return self.keep("customers", "CU", **{**given, "language": "de", "metadata": {}, **fields})

    def payment(self, mandate: Fields, amount: int = 2900, currency: str = "EUR", **fields: Any) -> Fields:
        links = {"mandate": mandate["id"], "creditor": "CR1", **fields.pop("links", {})}
        given = {"amount": amount, "amount_refunded": 0, "currency": currency, "scheme": mandate["scheme"]}
        dated = {
            "charge_date": (self.now + timedelta(days=3)).date().isoformat(),
            "metadata": fields.pop("metadata", {}),
        }
        payment = self.keep("payments", "PM", **given, **dated, status="new", links=links, **fields)
        self.tell(payment, "created", origin="api", cause="payment_created")
        return payment

    def failed_payment(self, mandate: Fields | None = None, **fields: Any) -> Fields:
        """Failed at `START` for want of funds."""
        payment = self.payment(mandate or self.mandate(), **fields)
        self.settle(payment["id"], "failed", cause="insufficient_funds", reason_code="AM04")
        return payment

    def fulfil(self, billing_request_id: str) -> Fields:
        """What the customer does on GoCardless' page, to its end."""
        request = self.kept["billing_requests"][billing_request_id]
        customer = self.kept["customers"][request["links"]["customer"]]
        mandate = self.mandate(customer, request["mandate_request"].get("scheme", "sepa_core"), "pending_submission")
        request["status"] = "fulfilled"
        request["links"] = {**request["links"], "mandate_request_mandate": mandate["id"]}
        return mandate

    def settle(self, payment_id: str, action: str, **details: Any) -> None:
        """What the bank said of a payment."""
        payment = self.kept["payments"][payment_id]
        scheme = {"scheme": payment["scheme"]} if "reason_code" in details else {}
        self.tell(payment, action, **{"origin": "bank", **scheme, **details})

    def tell(self, payment: Fields, action: str, metadata: Fields | None = None, **details: Any) -> None:
        payment["status"] = STATUS_AFTER.get(action, action)
        self.event("payments", payment, action, metadata or {}, **details)

    def event(self, about: str, one: Fields, action: str, metadata: Fields | None = None, **details: Any) -> Fields:
        links = {about.removesuffix("s"): one["id"], **details.pop("links", {})}
        told = {"resource_type": about, "action": action, "links": links, "details": details}
        event = self.keep("events", "EV", **told, metadata=metadata or {})
        event["resource_metadata"] = dict(one.get("metadata", {}))
        event["late"] = self.events_late
        return event

    # The protocol

    async def handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except Error as error:
            return web.json_response(error.body, status=error.status)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Error(401, "invalid_api_usage", "access_token_not_found")
        if request.headers.get("GoCardless-Version") != "2015-07-06":
            raise Error(400, "invalid_api_usage", "version_not_found")
        body = await request.json() if request.method == "POST" else {}
        self.requests.append(Asked(request.method, request.path, body, request.headers.get("Idempotency-Key")))
        resource, *rest = request.path.strip("/").split("/")
        if resource not in self.kept:
            raise Error(404, "invalid_api_usage", "resource_not_found")
        if request.method == "GET" and self.reading_trouble:
            return await in_trouble(self.reading_trouble, request, ANSWERS, b'{"payments": {"id": "PM')
        if request.method == "GET":
            return web.json_response(self._one(resource, rest[0]) if rest else self._list(resource, request.query))
        moves_money = resource == "payments" and rest[2:] in ([], ["retry"])
        if moves_money and self.full_until:
            status, told, _ = ANSWERS[Trouble.SLOW_DOWN]
            return web.json_response(told, status=status, headers=self.full_until)
        if moves_money and self.money_trouble:
            return await in_trouble(self.money_trouble, request, ANSWERS, b'{"payments": {"id": "PM')
        if moves_money and self.redirects_money:
            raise web.HTTPFound(f"/payments/{next(iter(self.kept['payments']))}")
        answer = self._acted(resource, rest[0], rest[2], body) if rest else self._created(resource, body, request)
        if moves_money and self.swallowed:
            self.swallowed = False
            return await in_trouble(Trouble.CLOSES, request, ANSWERS, b'{"payments": {"id": "PM')
        return answer

    def _one(self, resource: str, identity: str) -> Fields:
        if identity not in self.kept[resource]:
            raise Error(404, "invalid_api_usage", "resource_not_found")
        return {resource: self.kept[resource][identity]}

    def _list(self, resource: str, query: Any) -> Fields:
        found = [one for one in reversed(self.kept[resource].values()) if self._fits(one, query)]
        size, after = min(int(query.get("limit", 50)), self.page), query.get("after")
        start = next((n + 1 for n, one in enumerate(found) if one["id"] == after), 0)
        page = found[start : start + size]
        more = start + size < len(found)
        cursors = {"before": None, "after": page[-1]["id"] if more else None}
        return {resource: page, "meta": {"cursors": cursors, "limit": size}}

    def _fits(self, one: Fields, query: Any) -> bool:
        if one.get("late") and not self.events_late:
            one["late"] = False
        for name, wanted in query.items():
            if name in ("limit", "after"):
                continue
            if name == "created_at[gte]":
                if datetime.fromisoformat(one["created_at"]) < datetime.fromisoformat(wanted):
                    return False
            elif name in ("status", "action"):
                if one[name] != wanted:
                    return False
            elif wanted != self._links(one).get(name):
                return False
        return not one.get("late")

    def _links(self, one: Fields) -> Fields:
        """A payment can be listed by its mandate's customer, which it does not link itself."""
        links: Fields = one["links"]
        mandate = self.kept["mandates"].get(links.get("mandate", ""))
        return {**mandate["links"], **links} if mandate else links

    def _created(self, resource: str, body: Fields, request: web.Request) -> web.Response:
        given = body[resource]
        key = (resource, request.headers["Idempotency-Key"])
        if key in self._keys:
            raise Error(409, "invalid_state", "idempotent_creation_conflict", conflicting_resource_id=self._keys[key])
        if resource == "payments":
            one = self._payment_created(given)
        elif resource == "billing_requests" and given["links"]["customer"] not in self.kept["customers"]:
            raise Error(422, "invalid_api_usage", "customer_not_found")
        elif resource == "billing_requests":
            one = self.keep(resource, "BRQ", status="pending", **given)
        elif given["links"]["billing_request"] in self.kept["billing_requests"]:
            page = {"authorisation_url": f"{self.url}/flow", "expires_at": (self.now + timedelta(days=7)).isoformat()}
            one = self.keep(resource, "BRF", **given, **page)
        else:
            raise Error(422, "validation_failed", "is_invalid")
        self._keys[key] = one["id"]
        return web.json_response({resource: one}, status=201)

    def _payment_created(self, given: Fields) -> Fields:
        mandate = self.kept["mandates"].get(given["links"]["mandate"])
        if mandate is None:
            raise Error(404, "invalid_api_usage", "resource_not_found")
        if mandate["links"].get("new_mandate"):
            raise Error(422, "invalid_state", "mandate_replaced", new_mandate=mandate["links"]["new_mandate"])
        if mandate["status"] not in USABLE:
            raise Error(422, "invalid_state", "mandate_is_inactive")
        if not isinstance(given["amount"], int) or given["amount"] <= 0 or len(given.get("metadata", {})) > 3:
            raise Error(422, "validation_failed", "is_invalid")
        return self.payment(mandate, given["amount"], given["currency"], metadata=given.get("metadata", {}))

    def _acted(self, resource: str, identity: str, action: str, body: Fields) -> web.Response:
        one = self._one(resource, identity)[resource]
        metadata = body["data"]["metadata"]
        if (resource, action) == ("payments", "retry"):
            self._retried(one, metadata)
        elif one["status"] not in {"payments": ["pending_submission"], "subscriptions": ["active"]}[resource]:
            raise Error(422, "invalid_state", "cancellation_failed")
        else:
            one["status"] = "cancelled"
            cause = f"{resource.removesuffix('s')}_cancelled"
            self.event(resource, one, "cancelled", metadata, origin="api", cause=cause)
        return web.json_response({resource: one})

    def _retried(self, payment: Fields, metadata: Fields) -> None:
        made = self._retries.get(payment["id"], 0)
        mandate = self.kept["mandates"][payment["links"]["mandate"]]
        if payment["status"] != "failed" or mandate["status"] != "active" or made >= 3:
            raise Error(422, "invalid_state", "retry_failed")
        self._retries[payment["id"]] = made + 1
        self.tell(payment, "resubmission_requested", metadata, origin="api", cause="payment_retried")


@asynccontextmanager
async def running_gocardless() -> AsyncIterator[GoCardlessServer]:
    server = GoCardlessServer()
    async with answering_everything(server.handle) as server.url:
        yield server
