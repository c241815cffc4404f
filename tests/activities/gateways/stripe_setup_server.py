"""The part of the local Stripe that takes new ways to pay: setup intents, and what a customer and a subscription are
charged to. What the customer does in Stripe's fields is done by the test (`give`, `refuse`)."""

import json
from copy import deepcopy
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from tests.activities.gateways.stripe_world import DECLINES, StripeWorld, Thing

TYPES = {
    *("card", "link", "paypal"),
    *("sepa_debit", "us_bank_account", "bacs_debit", "au_becs_debit", "acss_debit", "nz_bank_account"),
}


class Refusal(Exception):
    def __init__(self, status: int, kind: str = "invalid_request_error", **error: Any) -> None:
        super().__init__(kind)
        self.status = status
        self.error = {"type": kind, "message": "a sentence with ada@shop.example in it", **error}


def answer(status: int, body: Thing) -> web.Response:
    headers = {"Request-Id": "req_local", "Stripe-Notice": "a word for whoever runs this"}
    return web.Response(status=status, body=json.dumps(body).encode(), content_type="application/json", headers=headers)


def form(text: str) -> Thing:
    """`a[b][c]=d` as objects; lists become objects with numbers for names."""
    read: Thing = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        *places, last = name.replace("]", "").split("[")
        inside = read
        for place in places:
            inside = inside.setdefault(place, {})
        inside[last] = value
    return read


def give(setup: Thing, method: Thing) -> None:
    """The customer filled the fields in, and the bank agreed: the way to pay is the customer's from then on."""
    method["customer"] = setup["customer"]
    setup.update(status="succeeded", payment_method=method["id"], last_setup_error=None)


def refuse(setup: Thing, why: str) -> None:
    error = {"type": "card_error", "message": "for people only", **DECLINES[why]}
    setup.update(status="requires_payment_method", payment_method=None, last_setup_error=error)


def setup_routes(world: StripeWorld) -> list[web.RouteDef]:
    setups = _Setups(world)
    return [
        web.post("/v1/setup_intents", setups.create),
        web.get("/v1/setup_intents/{id}", setups.read),
        web.post("/v1/customers/{id}", setups.change_customer),
        web.post("/v1/subscriptions/{id}", setups.change_subscription),
    ]


class _Setups:
    def __init__(self, world: StripeWorld) -> None:
        self.world = world

    async def create(self, request: web.Request) -> web.Response:
        asked = form(await request.text())
        customer = self._found(asked["customer"], "customer")
        types = list(asked.get("payment_method_types", {}).values())
        is_automatic = asked.get("automatic_payment_methods", {}).get("enabled") == "true"
        excluded = set(asked.get("excluded_payment_method_types", {}).values())
        if bool(types) == is_automatic:
            raise Refusal(400, param="payment_method_types")
        if not {*types, *excluded} <= TYPES:
            raise Refusal(400, param="payment_method_types[0]")
        _check_options(types, asked.get("payment_method_options", {}))
        method = asked.get("payment_method")
        if method and self._found(method, "payment_method")["customer"] != customer["id"]:
            raise Refusal(400, code="resource_missing", param="payment_method")
        setup = self.world.add(
            "seti",
            "setup_intent",
            customer=customer["id"],
            usage=asked["usage"],
            payment_method=method,
            payment_method_types=types or sorted(TYPES - excluded),
            payment_method_options=asked.get("payment_method_options", {}),
            status="requires_confirmation" if method else "requires_payment_method",
            last_setup_error=None,
        )
        setup["client_secret"] = f"{setup['id']}_secret_local"
        return answer(200, setup)

    async def read(self, request: web.Request) -> web.Response:
        setup = deepcopy(self._found(request.match_info["id"], "intent"))
        if "payment_method" in form(request.query_string).get("expand", {}).values() and setup["payment_method"]:
            setup["payment_method"] = deepcopy(self.world.things[setup["payment_method"]])
        return answer(200, setup)

    async def change_customer(self, request: web.Request) -> web.Response:
        customer = self._found(request.match_info["id"], "id")
        settings = form(await request.text()).get("invoice_settings", {})
        self._check_owner(settings, customer["id"], "invoice_settings[default_payment_method]")
        customer["invoice_settings"] |= settings
        return answer(200, customer)

    async def change_subscription(self, request: web.Request) -> web.Response:
        subscription = self._found(request.match_info["id"], "id")
        if subscription["status"] in ("canceled", "incomplete_expired"):
            raise Refusal(400)
        asked = form(await request.text())
        self._check_owner(asked, subscription["customer"], "default_payment_method")
        subscription["payment_settings"] |= asked.pop("payment_settings", {})
        subscription.update(asked)
        return answer(200, subscription)

    def _check_owner(self, asked: Thing, customer_id: str, param: str) -> None:
        method = asked.get("default_payment_method")
        if method and self._found(method, param)["customer"] != customer_id:
            raise Refusal(400, code="resource_missing", param=param)

    def _found(self, thing_id: str, param: str) -> Thing:
        if thing_id not in self.world.things:
            raise Refusal(404 if param in ("id", "intent") else 400, code="resource_missing", param=param)
        return self.world.things[thing_id]


def _check_options(types: list[str], options: Thing) -> None:
    """A Canadian debit is set up for a currency and with the terms of its mandate."""
    if "acss_debit" in types:
        acss = options.get("acss_debit", {})
        if acss.get("currency") not in ("cad", "usd"):
            raise Refusal(400, code="parameter_missing", param="payment_method_options[acss_debit][currency]")
        if not {"payment_schedule", "transaction_type"} <= acss.get("mandate_options", {}).keys():
            raise Refusal(400, code="parameter_missing", param="payment_method_options[acss_debit][mandate_options]")
    if not set(options) <= set(types):
        raise Refusal(400, param="payment_method_options")
