"""The PayPal gateway on a local server, for its contract and its own tests."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from activities.gateways.accounts import PayPalAccount
from activities.gateways.contract import Gateway, GatewayCharge, UpdateSession
from activities.gateways.paypal import PayPalGateway
from tests.activities.gateways.contract import SOME_CHARGE, Charge, Customer
from tests.activities.gateways.paypal_server import (
    CLIENT_ID,
    CLIENT_SECRET,
    PayPalWorld,
    paypal_server,
    troubled_after_login,
)
from tests.activities.gateways.paypal_vault_server import approve
from tests.fixtures.troubled import Trouble

KEY = SOME_CHARGE.key
ENDINGS = {
    Charge.PAYS: "COMPLETED",
    Charge.IS_DECLINED: "DECLINED:5120",
    Charge.IS_DECLINED_STRANGELY: "DECLINED:ZZ99",
    Charge.IS_PENDING: "PENDING",
    Charge.IS_REFUSED: "COMPLETED",
}


def account(url: str, secret: str = CLIENT_SECRET, timeout_seconds: float = 5) -> PayPalAccount:
    made = {"client_id": CLIENT_ID, "client_secret": secret, "base_url": url, "timeout_seconds": timeout_seconds}
    return PayPalAccount.model_validate(made)


class PayPalStand:
    def __init__(self, world: PayPalWorld, gateway: PayPalGateway) -> None:
        self.world = world
        self.gateway: Gateway = gateway

    def owned(self, comes_to: str = "COMPLETED") -> GatewayCharge:
        subscription_id = self.world.subscription()
        self.world.comes_to[subscription_id] = comes_to
        changes = {"invoice_id": subscription_id, "credential_id": subscription_id}
        return SOME_CHARGE.model_copy(update=changes)

    def vaulted(self, comes_to: str = "COMPLETED", kind: str = "card", **changes: Any) -> GatewayCharge:
        token = self.world.new_id("8kk8451t")
        source = {
            "card": {"brand": "VISA", "expiry": "2027-02", "last_digits": "1111"},
            "paypal": {},
            "venmo": {},
            "bank": {},
        }[kind]
        customer = {"id": "customer_1"}
        self.world.vault[token] = {"id": token, "customer": customer, "payment_source": {kind: source}}
        self.world.comes_to[token] = comes_to
        return SOME_CHARGE.model_copy(update={"credential_id": token, "owned_here": False, **changes})

    async def charge_that(self, comes_to: Charge) -> GatewayCharge:
        charge = self.owned(ENDINGS[comes_to])
        return charge.model_copy(update={"invoice_id": "I-NOBODY"}) if comes_to is Charge.IS_REFUSED else charge

    async def money_taken(self, charge: GatewayCharge) -> int:
        return sum(t["status"] == "COMPLETED" for t in self.world.listed.get(charge.invoice_id, []))

    async def customer(self) -> str:
        """PayPal makes a customer of whatever id a setup token names."""
        return self.world.new_id("customer_")

    async def in_session(self, session: UpdateSession, customer: Customer) -> Mapping[str, str]:
        if customer is not Customer.LEAVES:
            approve(self.world, session.reference)
        if customer is Customer.IS_REFUSED:
            self.world.setups[session.reference]["status"] = "PAYER_ACCOUNT_RESTRICTED"
        return {"approval_token_id": session.reference}

    @asynccontextmanager
    async def troubled(self, trouble: Trouble) -> AsyncIterator[tuple[Gateway, GatewayCharge]]:
        async with self.troubled_readings(trouble) as gateway:
            changes = {"invoice_id": "I-SOMEWHERE", "credential_id": "I-SOMEWHERE"}
            yield gateway, SOME_CHARGE.model_copy(update=changes)

    @asynccontextmanager
    async def troubled_readings(self, trouble: Trouble) -> AsyncIterator[Gateway]:
        async with troubled_after_login(trouble) as url, aiohttp.ClientSession() as session:
            yield PayPalGateway(account(url, timeout_seconds=0.5), session)


@asynccontextmanager
async def running_stand() -> AsyncIterator[PayPalStand]:
    world = PayPalWorld()
    async with paypal_server(world) as url, aiohttp.ClientSession() as session:
        yield PayPalStand(world, PayPalGateway(account(url), session))
