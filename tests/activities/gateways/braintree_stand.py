"""The adapter with the vendor's own client; behind it a local server that speaks its API, `braintree_server.py`."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from activities.gateways.accounts import BraintreeAccount
from activities.gateways.braintree import BraintreeGateway
from activities.gateways.contract import (
    Gateway,
    GatewayCharge,
    UpdateSession,
)
from activities.threads import Threads
from policies.money import Money
from tests.activities.gateways.braintree_server import MERCHANT, PRIVATE, PUBLIC, BraintreeServer
from tests.activities.gateways.braintree_world import Method, Subscription
from tests.activities.gateways.contract import SOME_CHARGE, Charge, Customer
from tests.fixtures.sandbox import START
from tests.fixtures.troubled import Trouble, troubled

EUROS = Money(amount_minor=2900, currency="EUR")
KEY = "att_0123456789abcdef0123456789abcdef01234567"
REFUSED = {"verification": {"status": "processor_declined", "processor_response_code": "2001"}}
BEHAVES: dict[Charge, dict[str, Any]] = {
    Charge.PAYS: {},
    Charge.IS_DECLINED: {"status": "processor_declined", "code": "2001", "network_code": "51"},
    Charge.IS_DECLINED_STRANGELY: {"status": "processor_declined", "code": "2998", "network_code": ""},
    Charge.IS_PENDING: {"status": "settlement_pending", "bank": True},
    Charge.IS_REFUSED: {},
}


def account(url: str, timeout_seconds: float = 5, private_key: str = PRIVATE) -> BraintreeAccount:
    return BraintreeAccount(
        merchant_id=MERCHANT,
        public_key=PUBLIC,
        private_key=SecretStr(private_key),
        base_url=url,
        timeout_seconds=timeout_seconds,
        merchant_accounts={"USD": "shop_usd"},
    )


@asynccontextmanager
async def gateway_at(url: str, **settings: Any) -> AsyncIterator[BraintreeGateway]:
    threads = Threads("braintree", count=2)
    gateway = BraintreeGateway(account(url, **settings), threads)
    try:
        yield gateway
    finally:
        gateway.close()
        threads.close()


class BraintreeStand:
    def __init__(self, server: BraintreeServer, gateway: BraintreeGateway) -> None:
        self.server = server
        self.world = server.world
        self.gateway: Gateway = gateway

    async def charge_that(self, comes_to: Charge) -> GatewayCharge:
        charge = self.charge_of(**BEHAVES[comes_to])
        return charge.model_copy(update={"credential_id": "nobodys"}) if comes_to is Charge.IS_REFUSED else charge

    def charge_of(self, owned_here: bool = True, key: str = KEY, **behaves: Any) -> GatewayCharge:
        """On another card than the one that was refused at the renewal."""
        number = len(self.world.subscriptions) + 1
        method = Method(f"card_{number}", f"customer_{number}", **behaves)
        subscription = self.world.past_due(method)
        return GatewayCharge(
            key=key,
            invoice_id=f"{subscription.id}.2026-03-02" if owned_here else "in_elsewhere",
            customer_id=method.customer_id,
            credential_id=method.token,
            amount=EUROS,
            now=START + timedelta(hours=1),
            owned_here=owned_here,
        )

    def subscription_of(self, charge: GatewayCharge) -> Subscription:
        return self.world.subscriptions[charge.invoice_id.partition(".")[0]]

    async def money_taken(self, charge: GatewayCharge) -> int:
        if charge.owned_here:
            return self.world.money_taken(charge.invoice_id.partition(".")[0])
        return self.world.money_taken(None, charge.key)

    async def settle(self, charge: GatewayCharge) -> None:
        raise AssertionError("cards do not settle later")

    async def customer(self) -> str:
        return self.world.known(f"customer_{len(self.world.customers) + 1}")

    async def in_session(self, session: UpdateSession, customer: Customer) -> Mapping[str, str]:
        if customer is Customer.LEAVES:
            return {}
        return {"nonce": self.world.typed(**(REFUSED if customer is Customer.IS_REFUSED else {}))}

    async def lent_charge(self) -> GatewayCharge:
        return self.charge_of().model_copy(update={"keep": False})

    async def default_of(self, customer_id: str) -> str | None:
        """The subscription's way to pay, which is the customer's default as well once it was kept."""
        (subscription,) = [each for each in self.world.subscriptions.values() if each.customer_id == customer_id]
        token = subscription.payment_method_token
        return token if self.world.methods[token].default else None

    @asynccontextmanager
    async def troubled(self, trouble: Trouble) -> AsyncIterator[tuple[Gateway, GatewayCharge]]:
        if trouble is Trouble.REFUSES:
            async with self.troubled_readings(trouble) as gateway:
                yield gateway, SOME_CHARGE
            return
        self.server.trouble = trouble
        async with gateway_at(self.server.url, timeout_seconds=0.5) as gateway:
            yield gateway, await self.charge_that(Charge.PAYS)

    @asynccontextmanager
    async def troubled_readings(self, trouble: Trouble) -> AsyncIterator[Gateway]:
        async with troubled(trouble) as url, gateway_at(url, timeout_seconds=0.5) as gateway:
            yield gateway


@asynccontextmanager
async def running_stand() -> AsyncIterator[BraintreeStand]:
    async with BraintreeServer().running() as server, gateway_at(server.url) as gateway:
        stand = BraintreeStand(server, gateway)
        stand.world.now = START + timedelta(hours=1)
        yield stand
