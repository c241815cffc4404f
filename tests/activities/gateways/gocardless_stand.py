"""The GoCardless gateway on a local server, for its contract and its own tests."""

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pydantic import SecretStr

from activities.gateways.accounts import GoCardlessAccount
from activities.gateways.contract import Gateway, GatewayCharge, UpdateSession
from activities.gateways.gocardless import GoCardlessGateway
from activities.threads import Threads
from policies.money import Money
from tests.activities.gateways.contract import Charge, Customer
from tests.activities.gateways.gocardless_server import TOKEN, GoCardlessServer
from tests.fixtures.sandbox import START
from tests.fixtures.troubled import Trouble, troubled

ENDS: dict[Charge, tuple[str, dict[str, str]]] = {
    Charge.PAYS: ("confirmed", {"cause": "payment_confirmed"}),
    Charge.IS_DECLINED: ("failed", {"cause": "insufficient_funds", "reason_code": "AM04"}),
    Charge.IS_DECLINED_STRANGELY: ("failed", {"cause": "struck_by_a_meteorite"}),
}


def account_at(url: str, timeout_seconds: float = 5.0, token: str = TOKEN) -> GoCardlessAccount:
    return GoCardlessAccount(access_token=SecretStr(token), base_url=url, timeout_seconds=timeout_seconds)


class GoCardlessStand:
    def __init__(self, server: GoCardlessServer, threads: Threads) -> None:
        self.server = server
        self.threads = threads
        self.gateway: Gateway = GoCardlessGateway(account_at(server.url), threads)
        self._numbers = itertools.count(1)
        self._ends: dict[str, Charge] = {}

    async def charge_that(self, comes_to: Charge) -> GatewayCharge:
        charge = self.charge_of(self.server.failed_payment())
        self._ends[charge.key] = comes_to
        if comes_to is Charge.IS_REFUSED:
            return charge.model_copy(update={"credential_id": "MDNOBODYHAS"})
        return charge

    def charge_of(self, claim: dict[str, Any], **fields: Any) -> GatewayCharge:
        given = {
            "key": f"att_{next(self._numbers):040x}",
            "invoice_id": claim["id"],
            "credential_id": claim["links"]["mandate"],
            "amount": Money(amount_minor=claim["amount"], currency=claim["currency"]),
            "now": START,
        }
        return GatewayCharge(**{**given, **fields})

    def paying(self, charge: GatewayCharge) -> list[dict[str, Any]]:
        """The claim, and what was created for it."""
        return [
            payment
            for payment in self.server.kept["payments"].values()
            if charge.invoice_id in (payment["id"], payment["metadata"].get("recoup_invoice"))
        ]

    async def money_taken(self, charge: GatewayCharge) -> int:
        return sum(payment["status"] in ("confirmed", "paid_out") for payment in self.paying(charge))

    async def settle(self, charge: GatewayCharge) -> None:
        action, details = ENDS[self._ends[charge.key]]
        (payment,) = [each for each in self.paying(charge) if each["status"] == "pending_submission"]
        self.server.settle(payment["id"], action, **details)

    async def customer(self) -> str:
        customer: str = self.server.customer()["id"]
        return customer

    async def in_session(self, session: UpdateSession, customer: Customer) -> Mapping[str, str]:
        if customer is Customer.GIVES:
            self.server.fulfil(session.reference)
        if customer is Customer.IS_REFUSED:
            self.server.fulfil(session.reference)["status"] = "failed"
        return {}

    @asynccontextmanager
    async def troubled(self, trouble: Trouble) -> AsyncIterator[tuple[Gateway, GatewayCharge]]:
        charge = await self.charge_that(Charge.PAYS)
        if trouble is Trouble.REFUSES:
            async with self.troubled_readings(trouble) as gateway:
                yield gateway, charge
            return
        self.server.money_trouble = trouble
        yield GoCardlessGateway(account_at(self.server.url, 0.5), self.threads), charge

    @asynccontextmanager
    async def troubled_readings(self, trouble: Trouble) -> AsyncIterator[Gateway]:
        async with troubled(trouble) as url:
            yield GoCardlessGateway(account_at(url, 0.5), self.threads)
