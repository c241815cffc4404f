"""A local Braintree: the XML API that version 4.48 of its client speaks, as far as our adapters use it.

Checks the Basic authentication and the version header, keeps subscriptions, customers, ways to pay and transactions
(`braintree_world.py`), refuses as Braintree does (422 with codes of validation errors, a refused transaction inside an
`api-error-response`), and pages searches by two. In the place of the money it can have a `Trouble`, take the money and
hang up, or find that somebody else was faster.

Customers' cards: `braintree_vault_server.py`.

Not covered: creating customers, settlement by time, Braintree's own retries, its duplicate checking, risk and
3-D Secure beyond their codes, GraphQL, limits of rate, the body of a 404 (no page says what it is; here it is empty).
What it answers was written from the client's source and Braintree's reference, not recorded.
"""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from aiohttp import web

from activities.sources.reading import Node
from activities.sources.xml_reading import xml_of
from tests.activities.gateways.braintree_vault_server import Vault, answer_of, refused
from tests.activities.gateways.braintree_world import World
from tests.activities.gateways.braintree_xml import Items, document, error
from tests.fixtures.troubled import _ANSWERS as ANSWERS
from tests.fixtures.troubled import Trouble

MERCHANT, PUBLIC, PRIVATE = "shop", "shop_public", "shop_private_made_up"
BASIC = "Basic " + base64.b64encode(f"{PUBLIC}:{PRIVATE}".encode()).decode()
PAGE = 2
BODY = web.RequestKey("body", Node)


class BraintreeServer:
    def __init__(self) -> None:
        self.world = World()
        self.trouble: Trouble | None = None
        self.trouble_with_cards: Trouble | None = None
        self.somebody_is_faster: str | None = None
        self.forgets: str | None = None
        self.status_of_money: int | None = None
        self.finds_only_by_search: set[str] = set()
        self.hangs_up_after_the_money = False
        self.requests: list[tuple[str, Node]] = []
        self.url = ""
        self._closing = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["BraintreeServer"]:
        app = web.Application(middlewares=[self._let_in])
        under = f"/merchants/{MERCHANT}"
        app.add_routes(
            [
                web.get(under + "/subscriptions/{id}", self._subscription),
                web.put(under + "/subscriptions/{id}", self._update),
                web.put(under + "/subscriptions/{id}/cancel", self._cancel),
                web.get(under + "/transactions/{id}", self._transaction),
                web.post(under + "/transactions", self._charge),
                web.get(under + "/customers/{id}", self._customer),
                *Vault(self.world, BODY).routes(under),
                web.get(under + "/merchant_accounts/{id}", self._merchant_account),
                web.post(under + "/{things}/advanced_search_ids", self._search),
                web.post(under + "/transactions/advanced_search", self._page),
            ]
        )
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            self._closing.set()
            await runner.cleanup()

    def sent(self, what: str) -> list[Node]:
        """The bodies of the requests to an address that ends so."""
        return [body for path, body in self.requests if path.endswith(what)]

    @web.middleware
    async def _let_in(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.headers.get("Authorization") != BASIC:
            return web.Response(status=401)
        if request.headers.get("X-ApiVersion") != "6":
            return web.Response(status=426)
        raw = await request.read()
        request[BODY] = xml_of(raw)[1] if raw else Node("", {})
        self.requests.append((request.path, request[BODY]))
        answer: web.StreamResponse = await handler(request)
        return answer

    # Money

    async def _charge(self, request: web.Request) -> web.StreamResponse:
        if self.trouble is not None:
            return await self._in_trouble(request, self.trouble)
        if self.status_of_money is not None:
            return web.Response(status=self.status_of_money, headers={"Location": str(request.url)})
        answer = self._charged(request[BODY])
        if self.hangs_up_after_the_money:
            self.hangs_up_after_the_money = False
            _hang_up(request)
        return answer

    def _charged(self, asked: Node) -> web.Response:
        subscription_id = asked.optional_text("subscription_id")
        subscription = self.world.subscriptions.get(subscription_id or "")
        token = subscription.payment_method_token if subscription else asked.optional_text("payment_method_token")
        method = self.world.methods.get(token or "")
        if subscription and self.somebody_is_faster:
            subscription.status = self.somebody_is_faster
        if subscription and subscription.status != "Past Due":
            return refused({"transaction": "91531"})
        if method is None:
            return refused({"transaction": "91518"})
        assert asked.part("options").text("submit_for_settlement") == "true"
        currency = "USD" if asked.optional_text("merchant_account_id") == "shop_usd" else "EUR"
        made = self.world.transact(
            method, Decimal(asked.text("amount")), subscription, asked.optional_text("order_id"), currency=currency
        )
        if self.forgets:
            del made[self.forgets]
        elif made["status"] in ("processor_declined", "gateway_rejected", "failed"):
            return answer_of(error("refused", transaction=made), 422)
        return answer_of(document("transaction", made), 201)

    async def _in_trouble(self, request: web.Request, trouble: Trouble) -> web.StreamResponse:
        if trouble in ANSWERS:
            status, body, headers = ANSWERS[trouble]
            name, _, value = headers.strip().partition(": ")
            return web.Response(status=status, body=body, headers={name: value} if name else {})
        if trouble is Trouble.HANGS:
            await self._closing.wait()
        if trouble is Trouble.CUTS_SHORT:
            assert request.transport is not None
            request.transport.write(b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n<transaction><id>tx")
        _hang_up(request)
        return web.Response()

    # Subscriptions

    async def _subscription(self, request: web.Request) -> web.Response:
        found = self.world.subscriptions.get(request.match_info["id"])
        if found and found.id in self.finds_only_by_search:
            found = None
        return answer_of(document("subscription", found.as_told())) if found else web.Response(status=404)

    async def _update(self, request: web.Request) -> web.StreamResponse:
        if self.trouble_with_cards is not None:
            return await self._in_trouble(request, self.trouble_with_cards)
        subscription = self.world.subscriptions[request.match_info["id"]]
        asked: Node = request[BODY]
        token = asked.text("payment_method_token")
        if token not in self.world.methods:
            return refused({"subscription": "91903"})
        subscription.payment_method_token = token
        if self.world.proration and asked.part("options").optional_text("prorate_charges") != "false":
            self.world.transact(self.world.methods[token], subscription.balance, subscription)
        return answer_of(document("subscription", subscription.as_told()))

    async def _cancel(self, request: web.Request) -> web.Response:
        subscription = self.world.subscriptions[request.match_info["id"]]
        subscription.status = self.somebody_is_faster or subscription.status
        if subscription.status == "Canceled":
            return refused({"subscription": "81905"})
        subscription.status = "Canceled"
        return answer_of(document("subscription", subscription.as_told()))

    # Readings

    async def _transaction(self, request: web.Request) -> web.Response:
        found = self.world.transactions.get(request.match_info["id"])
        return answer_of(document("transaction", found)) if found else web.Response(status=404)

    async def _customer(self, request: web.Request) -> web.Response:
        customer_id = request.match_info["id"]
        if customer_id not in self.world.customers:
            return web.Response(status=404)
        own = [method for method in self.world.methods.values() if method.customer_id == customer_id]
        told = {
            **self.world.customers[customer_id],
            "addresses": Items("address", []),
            "credit_cards": Items("credit_card", [method.stored for method in own if not method.bank]),
            "us_bank_accounts": Items("us_bank_account", [method.stored for method in own if method.bank]),
        }
        return answer_of(document("customer", told))

    async def _merchant_account(self, request: web.Request) -> web.Response:
        return answer_of(document("merchant_account", {"id": request.match_info["id"], "currency_iso_code": "EUR"}))

    async def _search(self, request: web.Request) -> web.Response:
        things: dict[str, Any] = getattr(self.world, request.match_info["things"])
        asked: Node = request[BODY]
        if by_order := asked.part("order_id").optional_text("is"):
            ids = [thing["id"] for thing in things.values() if thing["order_id"] == by_order]
        else:
            ids = [name for name in things if name == asked.part("id").text("is")]
        return answer_of(document("search_results", {"page_size": PAGE, "ids": Items("item", ids)}))

    async def _page(self, request: web.Request) -> web.Response:
        ids: Any = request[BODY].fields["ids"]
        assert len(ids) <= PAGE
        page = Items("transaction", [self.world.transactions[name] for name in ids], kind="collection")
        return answer_of(document("credit_card_transactions", page))


def _hang_up(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.close()
