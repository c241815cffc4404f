"""The vault of the local PayPal (`paypal_server.py`): payment tokens in pages, setup tokens that a customer approves.

As PayPal's description of the vault (v3) has it: a setup token names its customer, needs approval at a page, becomes a
payment token once (422 `SETUP_TOKEN_ALREADY_TOKENIZED` after that, 422 `PAYER_ACTION_REQUIRED` before approval) and is
404 when nobody knows it. Not covered: cards in setup tokens, tokens that expire by time.
"""

from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from tests.activities.gateways.paypal_server import PayPalWorld

Answer = tuple[int, Any]


def error(status: int, name: str, *issues: str) -> Answer:
    details = [{"issue": issue, "description": "in words"} for issue in issues]
    return status, {"name": name, "message": "in words", "debug_id": "b1d1f06c7246c", "details": details}


NOT_FOUND = error(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")


class Vault:
    def __init__(self, world: "PayPalWorld", page: int) -> None:
        self.world = world
        self.page = page

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v3/vault/payment-tokens", self._listed),
            web.get("/v3/vault/payment-tokens/{id}", self._token),
            web.post("/v3/vault/payment-tokens", self._exchange),
            web.post("/v3/vault/setup-tokens", self._setup),
            web.get("/v3/vault/setup-tokens/{id}", self._setup_token),
        ]

    async def _token(self, request: web.Request) -> Any:
        found = self.world.vault.get(request.match_info["id"])
        return (200, found) if found else NOT_FOUND

    async def _listed(self, request: web.Request) -> Any:
        customer_id, page = request.query["customer_id"], int(request.query["page"])
        tokens = [each for each in self.world.vault.values() if each["customer"]["id"] == customer_id]
        if not tokens:
            return NOT_FOUND
        shown = tokens[(page - 1) * self.page : page * self.page]
        pages = -(-len(tokens) // self.page)
        return 200, {"payment_tokens": shown, "total_pages": pages, "customer": {"id": customer_id}}

    async def _setup(self, request: web.Request) -> Any:
        body = await request.json()
        ((kind, source),) = body["payment_source"].items()
        context = source.get("experience_context", {})
        if kind != "paypal" or not context.get("return_url") or not context.get("cancel_url"):
            return error(400, "INVALID_REQUEST", "MISSING_REQUIRED_PARAMETER")
        made_id = self.world.new_id("5C9")
        told = {
            "id": made_id,
            "status": "PAYER_ACTION_REQUIRED",
            "customer": body["customer"],
            "payment_source": {"paypal": {"usage_type": source["usage_type"]}},
            "links": [
                {"rel": "self", "href": "https://api"},
                {"rel": "approve", "href": f"https://paypal.example/{made_id}"},
            ],
        }
        self.world.setups[made_id] = told
        return 201, told

    async def _setup_token(self, request: web.Request) -> Any:
        found = self.world.setups.get(request.match_info["id"])
        return (200, found) if found else NOT_FOUND

    async def _exchange(self, request: web.Request) -> Any:
        token = (await request.json())["payment_source"]["token"]
        assert token["type"] == "SETUP_TOKEN"
        setup = self.world.setups.get(token["id"])
        if setup is None:
            return NOT_FOUND
        if setup["status"] == "PAYER_ACTION_REQUIRED" or setup.get("taken_back"):
            return error(422, "UNPROCESSABLE_ENTITY", "PAYER_ACTION_REQUIRED")
        if setup["status"] in ("VAULTED", "TOKENIZED"):
            return error(422, "UNPROCESSABLE_ENTITY", "SETUP_TOKEN_ALREADY_TOKENIZED")
        if setup["status"] != "APPROVED":
            return error(422, "UNPROCESSABLE_ENTITY", setup["status"])
        setup["status"] = "TOKENIZED"
        made_id = self.world.new_id("8kk8451t")
        customer = setup.get("vaulted_for", setup["customer"])
        told = {"id": made_id, "customer": customer, "payment_source": setup["payment_source"]}
        self.world.vault[made_id] = told
        return 201, told


def approve(world: "PayPalWorld", setup_id: str, payer_id: str = "PAYER1") -> None:
    """What the customer does at PayPal's page."""
    setup = world.setups[setup_id]
    setup["status"] = "APPROVED"
    setup["payment_source"]["paypal"] |= {"payer_id": payer_id, "email_address": "ada@shop.example"}
