"""The adapter for Stripe with the local Stripe behind it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from activities.gateways.accounts import StripeAccount
from activities.gateways.contract import (
    Gateway,
    GatewayCharge,
    UpdateSession,
)
from activities.gateways.stripe import StripeGateway
from policies.instruments import Initiator
from policies.money import Money
from tests.activities.gateways.contract import Charge, Customer
from tests.activities.gateways.stripe_server import KEY, LocalStripe
from tests.activities.gateways.stripe_setup_server import give, refuse
from tests.activities.gateways.stripe_world import Thing
from tests.fixtures.sandbox import START
from tests.fixtures.troubled import Trouble, troubled

BEHAVES = {
    Charge.PAYS: "pays",
    Charge.IS_DECLINED: "insufficient_funds",
    Charge.IS_DECLINED_STRANGELY: "sunspots",
    Charge.IS_REFUSED: "pays",
}
NOBODYS = "pm_nobody_has"


class StripeStand:
    """With `owned_here` false the invoice stands somewhere else, and Stripe takes the sum alone."""

    def __init__(self, stripe: LocalStripe, session: aiohttp.ClientSession, owned_here: bool = True) -> None:
        self.stripe, self.session, self.owned_here = stripe, session, owned_here
        self.world = stripe.world
        account = stripe.account().model_copy(update={"publishable_key": "pk_test_local"})
        self.gateway: Gateway = StripeGateway(account, session)

    async def charge_that(self, comes_to: Charge) -> GatewayCharge:
        customer = self.world.customer()
        if comes_to is Charge.IS_PENDING:
            return self.charge_of(customer, self.world.debit(customer)["id"])
        card = self.world.card(customer, BEHAVES[comes_to])
        return self.charge_of(customer, NOBODYS if comes_to is Charge.IS_REFUSED else card["id"])

    def charge_of(self, customer: Thing, credential_id: str, key: str = "att_first", **fields: Any) -> GatewayCharge:
        return GatewayCharge(
            key=key,
            invoice_id=self.world.invoice(customer)["id"] if self.owned_here else "inv_elsewhere",
            credential_id=credential_id,
            customer_id=customer["id"],
            amount=Money(amount_minor=2900, currency="EUR"),
            now=START,
            owned_here=self.owned_here,
            **fields,
        )

    def card_that(self, behaves: str, **fields: Any) -> GatewayCharge:
        customer = self.world.customer()
        return self.charge_of(customer, self.world.card(customer, behaves)["id"], **fields)

    async def customer(self) -> str:
        return str(self.world.customer()["id"])

    async def in_session(self, session: UpdateSession, customer: Customer) -> Mapping[str, str]:
        setup = self.world.things[session.reference]
        whose = self.world.things[setup["customer"]]
        makes = {"card": self.world.card, "sepa_debit": self.world.debit}
        if customer is Customer.IS_REFUSED:
            refuse(setup, "insufficient_funds")
        elif customer is Customer.GIVES and setup["payment_method"]:
            give(setup, self.world.things[setup["payment_method"]])
        elif customer is Customer.GIVES:
            (kind, *others) = setup["payment_method_types"]
            give(setup, self.world.link(whose) if others else makes[kind](whose))
        return {"setup_intent": setup["id"]}

    async def to_confirm(self) -> tuple[str, str]:
        customer = self.world.customer()
        return customer["id"], self.world.card(customer, "authentication_required")["id"]

    async def lent_charge(self) -> GatewayCharge:
        """The subscription would keep whatever it was paid with."""
        customer = self.world.customer()
        self.world.card(customer)
        lent = self.world.card(customer, default=False)
        charge = self.charge_of(customer, lent["id"], initiator=Initiator.CUSTOMER, keep=False)
        for subscription in self.world.all("subscription"):
            subscription["payment_settings"]["save_default_payment_method"] = "on_subscription"
        return charge

    async def default_of(self, customer_id: str) -> str | None:
        settings = self.world.things[customer_id]["invoice_settings"]
        own = [s["default_payment_method"] for s in self.world.all("subscription") if s["customer"] == customer_id]
        default: str | None = next((each for each in own if each), None) or settings["default_payment_method"]
        return default

    async def money_taken(self, charge: GatewayCharge) -> int:
        made = [c for c in self.world.all("charge") if c["customer"] == charge.customer_id]
        return sum(c["status"] == "succeeded" for c in made)

    @asynccontextmanager
    async def troubled(self, trouble: Trouble) -> AsyncIterator[tuple[Gateway, GatewayCharge]]:
        charge = await self.charge_that(Charge.PAYS)
        if trouble is Trouble.REFUSES:
            async with self.troubled_readings(trouble) as gateway:
                yield gateway, charge
            return
        self.stripe.trouble = trouble
        seconds = 2.0 if trouble is Trouble.HANGS else 20.0
        yield StripeGateway(self.stripe.account(timeout_seconds=seconds), self.session), charge
        self.stripe.trouble = None

    @asynccontextmanager
    async def troubled_readings(self, trouble: Trouble) -> AsyncIterator[Gateway]:
        async with troubled(trouble) as url:
            account = StripeAccount.model_validate({"api_key": KEY, "base_url": url, "timeout_seconds": 1.0})
            yield StripeGateway(account, self.session)
