"""The cards that the gateway keeps, which of them is charged next, and what the account updater makes of them."""

from aiohttp import web

from policies.base import Request
from workers.sandbox.database import DatabasePool
from workers.sandbox.gateway import keep_card
from workers.sandbox.http import CardToken, Refused, body_of, id_in_path, now_of, time_in_query
from workers.sandbox.ids import new_id


class DefaultRequest(Request):
    credential_id: CardToken


class StoredCards:
    def __init__(self, pool: DatabasePool) -> None:
        self._pool = pool

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/gateway/customers/{customer_id}/cards", self.list),
            web.get("/gateway/customers/{customer_id}/cards/{card_id}/renewed", self.renewed),
            web.post("/gateway/customers/{customer_id}/default", self.make_default),
            web.post("/world/cards/{card_id}/renew", self.renew),
        ]

    async def list(self, request: web.Request) -> web.Response:
        """The default first; a card that was replaced is not kept any more."""
        customer_id = id_in_path(request, "customer_id")
        async with self._pool.acquire() as database, database.transaction(isolation="repeatable_read", readonly=True):
            if not await database.fetchval("select true from customers where customer_id = $1", customer_id):
                raise Refused(404, "no_such_customer", f"there is no customer {customer_id}")
            rows = await database.fetch(
                """select card_id as credential_id, card_id is not distinct from default_card as is_default,
                          payment_type, brand, last4, expires, fingerprint
                   from cards join customers using (customer_id) where customer_id = $1 and renewed_as is null
                   order by is_default desc, card_id""",
                customer_id,
            )
        return web.json_response({"cards": [dict(row) for row in rows]})

    async def make_default(self, request: web.Request) -> web.Response:
        """Later invoices are charged to it."""
        ask, customer_id = await body_of(request, DefaultRequest), id_in_path(request, "customer_id")
        async with self._pool.acquire() as database, database.transaction():
            owner = await database.fetchval("select customer_id from cards where card_id = $1", ask.credential_id)
            if owner != customer_id:
                raise Refused(404, "no_such_card", "credential_id: is no card of this customer")
            await keep_card(database, customer_id, ask.credential_id)
        return web.json_response({"credential_id": ask.credential_id})

    async def renewed(self, request: web.Request) -> web.Response:
        customer_id, card_id = id_in_path(request, "customer_id"), id_in_path(request, "card_id")
        since = time_in_query(request, "since")
        row = await self._pool.fetchrow(
            "select renewed_as, renewed_at from cards where card_id = $1 and customer_id = $2", card_id, customer_id
        )
        if row is None:
            raise Refused(404, "no_such_card", f"card_id: there is no card {card_id} of this customer")
        if row["renewed_at"] is None or row["renewed_at"] <= since:
            raise Refused(404, "not_renewed", "the card was not renewed since then")
        return web.json_response({"credential_id": row["renewed_as"]})

    async def renew(self, request: web.Request) -> web.Response:
        """A good card under a new id takes the place of this one, also as the default."""
        card_id, now = id_in_path(request, "card_id"), now_of(request)
        async with self._pool.acquire() as database, database.transaction():
            card = await database.fetchrow(
                "select customer_id, renewed_as, payment_type, brand from cards where card_id = $1 for update", card_id
            )
            if card is None:
                raise Refused(404, "no_such_card", f"card_id: there is no card {card_id}")
            if card["renewed_as"] is not None:
                raise Refused(409, "renewed_already", "card_id: this card was renewed already")
            renewed = new_id("card")
            await database.execute(
                """insert into cards (card_id, customer_id, kind, params, payment_type, brand)
                   values ($1, $2, 'good', '{}'::jsonb, $3, $4)""",
                renewed,
                card["customer_id"],
                card["payment_type"],
                card["brand"],
            )
            await database.execute(
                "update cards set renewed_as = $2, renewed_at = $3 where card_id = $1", card_id, renewed, now
            )
            await database.execute("update customers set default_card = $2 where default_card = $1", card_id, renewed)
        return web.json_response({"credential_id": renewed})
