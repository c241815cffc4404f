"""The adapter for Adyen with the local Adyen behind it."""

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pydantic import SecretStr

from activities.gateways.accounts import AdyenAccount
from activities.gateways.adyen import AdyenGateway
from activities.gateways.contract import Gateway, GatewayCharge, UpdateSession
from activities.threads import Threads
from policies.instruments import Instrument, Network, PaymentType
from policies.money import Money
from tests.activities.gateways.adyen_server import API_KEY, MERCHANT, AdyenServer
from tests.activities.gateways.contract import Charge, Customer
from tests.fixtures.sandbox import START
from tests.fixtures.troubled import Trouble, troubled

YES = {"resultCode": "Authorised"}
NO_FUNDS = {
    "resultCode": "Refused",
    "refusalReason": "Not enough balance",
    "refusalReasonCode": "12",
    "additionalData": {"paymentMethod": "visa", "refusalReasonRaw": "51 : Insufficient funds"},
}
ANSWERS: dict[Charge, dict[str, Any]] = {
    Charge.PAYS: YES,
    Charge.IS_DECLINED: NO_FUNDS,
    Charge.IS_DECLINED_STRANGELY: {"resultCode": "Refused", "refusalReasonCode": "9999"},
    Charge.IS_PENDING: {"resultCode": "Received"},
    Charge.IS_REFUSED: YES,
}
SEPA = Instrument(payment_type=PaymentType.BANK_DEBIT, network=Network.SEPA)


PAGE = {"update_currency": "EUR", "update_country": "NL", "client_key": "test_MADEUPFORTESTS"}


def account_at(url: str, timeout_seconds: float = 5.0, **fields: Any) -> AdyenAccount:
    given = {"api_key": SecretStr(API_KEY), "merchant_account": MERCHANT, **PAGE}
    return AdyenAccount(**{**given, "base_url": url, "timeout_seconds": timeout_seconds, **fields})


class AdyenStand:
    def __init__(self, server: AdyenServer, threads: Threads) -> None:
        self.server = server
        self.threads = threads
        self.gateway: Gateway = AdyenGateway(account_at(server.url), threads)
        self._numbers = itertools.count(1)

    async def charge_that(self, comes_to: Charge) -> GatewayCharge:
        charge = self.charge_with(ANSWERS[comes_to])
        if comes_to is Charge.IS_REFUSED:
            return charge.model_copy(update={"credential_id": "NOBODYHASTHIS"})
        return charge

    def charge_with(self, answer: dict[str, Any], **fields: Any) -> GatewayCharge:
        number = next(self._numbers)
        debit = fields.get("instrument") == SEPA
        stored = self.server.store(f"cus_{number}", answer, **({"type": "sepadirectdebit"} if debit else {}))
        given = {
            "key": f"att_{number:040x}",
            "invoice_id": f"INV-{number}",
            "customer_id": f"cus_{number}",
            "credential_id": stored,
            "amount": Money(amount_minor=2900, currency="EUR"),
            "now": START,
            "owned_here": False,
        }
        return GatewayCharge(**{**given, **fields})

    async def customer(self) -> str:
        return f"cus_{next(self._numbers)}"

    async def in_session(self, session: UpdateSession, customer: Customer) -> Mapping[str, str]:
        if customer is Customer.LEAVES:
            return {}
        if customer is Customer.IS_REFUSED:
            self.server.end(session.reference, "refused")
        else:
            (kind,) = self.server.sessions[session.reference]["allowedPaymentMethods"]
            debit = {"brand": None, "expiryMonth": None, "lastFour": None, "iban": "DE02120300000000202051"}
            self.server.complete(session.reference, **({"type": kind, **debit} if kind != "scheme" else {}))
        return {"sessionResult": self.server.result_of(session.reference)}

    async def money_taken(self, charge: GatewayCharge) -> int:
        return self.server.taken(charge.invoice_id)

    async def settle(self, charge: GatewayCharge) -> None:
        raise AssertionError("a card is charged at once")

    @asynccontextmanager
    async def troubled(self, trouble: Trouble) -> AsyncIterator[tuple[Gateway, GatewayCharge]]:
        charge = await self.charge_that(Charge.PAYS)
        if trouble is Trouble.REFUSES:
            async with self.troubled_readings(trouble) as gateway:
                yield gateway, charge
            return
        self.server.money_trouble = trouble
        yield AdyenGateway(account_at(self.server.url, timeout_seconds=0.5), self.threads), charge
        self.server.money_trouble = None

    @asynccontextmanager
    async def troubled_readings(self, trouble: Trouble) -> AsyncIterator[Gateway]:
        async with troubled(trouble) as url:
            yield AdyenGateway(account_at(url, timeout_seconds=0.5), self.threads)
