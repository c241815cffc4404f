"""The vault of the local Braintree (`braintree_server.py`): client tokens, and cards that are made of nonces.

As Braintree documents it: a nonce is good once (93107) and nobody knows a made-up one (93108); a card that its bank
refuses comes back as 422 with a verification and is not stored; a token that is taken is 91719; a merchant account or a
customer that does not exist is refused. A guess: a nonce counts as consumed after a refused verification too.
Not covered: other ways to pay than cards, duplicates, 3-D Secure beyond its rejection.
"""

from typing import Any

from aiohttp import web

from activities.sources.reading import Node
from tests.activities.gateways.braintree_world import Method, World
from tests.activities.gateways.braintree_xml import document, error

TOKEN_LENGTH = 36


def refused(codes: dict[str, str], **more: Any) -> web.Response:
    return answer_of(error("refused", codes, **more), 422)


def answer_of(text: str, status: int = 200) -> web.Response:
    return web.Response(status=status, text=text, content_type="application/xml")


class Vault:
    def __init__(self, world: World, body: "web.RequestKey[Node]") -> None:
        self.world = world
        self.body = body

    def routes(self, under: str) -> list[web.RouteDef]:
        return [
            web.post(under + "/client_token", self._client_token),
            web.post(under + "/payment_methods", self._create),
            web.get(under + "/payment_methods/any/{id}", self._method),
            web.put(under + "/payment_methods/any/{id}", self._update),
        ]

    async def _client_token(self, request: web.Request) -> web.Response:
        asked = request[self.body]
        if asked.text("customer_id") not in self.world.customers:
            return refused({"client_token": "92804"})
        if asked.optional_text("merchant_account_id") not in (None, "shop_usd"):
            return refused({"client_token": "92807"})
        return answer_of(document("client_token", {"value": "made-up-client-token"}), 201)

    async def _create(self, request: web.Request) -> web.Response:
        asked = request[self.body]
        token, customer_id = asked.text("token"), asked.text("customer_id")
        nonce = self.world.nonces.get(asked.text("payment_method_nonce"))
        if customer_id not in self.world.customers:
            return refused({"payment_method": "93105"})
        if nonce is None:
            return refused({"payment_method": "93108"})
        if nonce.get("consumed"):
            return refused({"payment_method": "93107"})
        if len(token) > TOKEN_LENGTH:
            return refused({"credit_card": "91720"})
        if token in self.world.methods:
            return refused({"credit_card": "91719"})
        assert asked.part("options").text("verify_card") == "true"
        assert asked.part("options").text("make_default") == "false"
        return self._made(nonce, token, customer_id)

    def _made(self, nonce: dict[str, Any], token: str, customer_id: str) -> web.Response:
        nonce["consumed"] = True
        if nonce.get("codes"):
            return refused(nonce["codes"])
        if nonce.get("verification"):
            card = {"card_type": "MasterCard", "last_4": "0007", "bin": "520082"}
            return refused({}, verification={"id": "ver1", "credit_card": card, **nonce["verification"]})
        made = self.world.add(Method(token, customer_id))
        if self.world.loses_the_next_answer:
            self.world.loses_the_next_answer = False
            return web.Response(status=500)
        return answer_of(document("credit_card", made.stored), 201)

    async def _method(self, request: web.Request) -> web.Response:
        return answer_of(document("credit_card", self.world.methods[request.match_info["id"]].stored))

    async def _update(self, request: web.Request) -> web.Response:
        method = self.world.methods[request.match_info["id"]]
        assert request[self.body].part("options").text("make_default") == "true"
        for each in self.world.methods.values():
            if each.customer_id == method.customer_id:
                each.default = each is method
        return answer_of(document("credit_card", method.stored))
