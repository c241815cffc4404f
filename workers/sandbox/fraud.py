"""The fraud check: knows which cards look like card testing."""

from aiohttp import web

from policies.base import Identifier, Request
from policies.money import Currency
from workers.sandbox.database import DatabasePool
from workers.sandbox.http import AmountMinor, CardToken, Refused, body_of

SIGNALS = ["velocity: 4 cards in one hour", "amount: unusual for this customer"]


class AssessmentRequest(Request):
    customer_id: Identifier
    credential_id: CardToken
    amount_minor: AmountMinor
    currency: Currency


class Fraud:
    def __init__(self, pool: DatabasePool) -> None:
        self._pool = pool

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/fraud/assessments", self.assess)]

    async def assess(self, request: web.Request) -> web.Response:
        ask = await body_of(request, AssessmentRequest)
        kind = await self._pool.fetchval("select kind from cards where card_id = $1", ask.credential_id)
        if kind is None:
            raise Refused(404, "no_such_card", "credential_id: there is no such card")
        if kind == "fraud_suspect":
            return web.json_response({"verdict": "suspicious", "signals": SIGNALS})
        return web.json_response({"verdict": "clear", "signals": []})
