from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from activities.gateways.contract import Declined, Gateway, GatewayCharge, NeverArrived, Succeeded, Unknown
from activities.gateways.sandbox import SandboxGateway
from activities.sandbox_client import SandboxClient
from policies.money import Money
from tests.activities.gateways.contract import SOME_CHARGE, Charge, GatewayContract, sent
from tests.fixtures.sandbox import START, RunningSandbox, day
from tests.fixtures.troubled import Trouble, troubled

STORY_OF = {
    Charge.PAYS: "generic",
    Charge.IS_DECLINED: "insufficient_funds",
    Charge.IS_DECLINED_STRANGELY: "unmapped_code",
    Charge.IS_PENDING: "generic",
    Charge.IS_REFUSED: "generic",
}


class SandboxStand:
    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self.gateway: Gateway = SandboxGateway(sandbox.client())

    async def charge_that(self, comes_to: Charge) -> GatewayCharge:
        charge = await self.charge_of(STORY_OF[comes_to])
        if comes_to is Charge.IS_REFUSED:
            return charge.model_copy(update={"credential_id": "card_nobody_has"})
        if comes_to is Charge.IS_PENDING:
            return charge.model_copy(update={"credential_id": await self._pending_card(charge)})
        return charge

    async def charge_of(self, story: str, key: str = "att_first") -> GatewayCharge:
        failure = await self.sandbox.failure(story)
        return GatewayCharge(
            key=key,
            invoice_id=failure["invoice_id"],
            credential_id=failure["credential_id"],
            amount=Money(amount_minor=failure["amount_minor"], currency=failure["currency"]),
            now=START,
        )

    async def money_taken(self, charge: GatewayCharge) -> int:
        return sum(line["status"] == "succeeded" for line in await self.sandbox.ledger(charge.invoice_id))

    @asynccontextmanager
    async def troubled(self, trouble: Trouble) -> AsyncIterator[tuple[Gateway, GatewayCharge]]:
        async with self.troubled_readings(trouble) as gateway:
            yield gateway, SOME_CHARGE

    @asynccontextmanager
    async def troubled_readings(self, trouble: Trouble) -> AsyncIterator[Gateway]:
        async with troubled(trouble) as url, aiohttp.ClientSession() as session:
            yield SandboxGateway(SandboxClient(session, url, timeout_seconds=0.5))

    async def _pending_card(self, charge: GatewayCharge) -> str:
        customer_id = (await self.sandbox.invoice(charge.invoice_id))["customer_id"]
        reply = await self.sandbox.post(f"/world/customers/{customer_id}/cards", {"kind": "pending"})
        card: str = reply.body["credential_id"]
        return card


@pytest.fixture
def stand(sandbox: RunningSandbox) -> SandboxStand:
    return SandboxStand(sandbox)


class TestSandboxGateway(GatewayContract):
    async def test_an_answer_that_never_comes_is_unknown_and_the_look_up_finds_the_money(
        self, stand: SandboxStand
    ) -> None:
        charge = await stand.charge_of("answer_never_comes")
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert await stand.money_taken(charge) == 1
        assert isinstance(await stand.gateway.look_up(sent(charge)), Succeeded)
        assert isinstance(await stand.gateway.charge(charge), Succeeded)
        assert await stand.money_taken(charge) == 1

    async def test_a_request_that_never_arrives_is_unknown_until_the_look_up(self, stand: SandboxStand) -> None:
        charge = await stand.charge_of("never_arrives")
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert await stand.gateway.look_up(sent(charge)) == NeverArrived()
        second = charge.model_copy(update={"key": "att_second"})
        assert isinstance(await stand.gateway.charge(second), Succeeded)
        assert await stand.money_taken(charge) == 1

    @pytest.mark.parametrize("change", ["pay", "void", "cancel"])
    async def test_an_invoice_settled_elsewhere_is_unknown_and_never_a_decline(
        self, stand: SandboxStand, change: str
    ) -> None:
        charge = await stand.charge_of("generic")
        await stand.sandbox.post(f"/world/invoices/{charge.invoice_id}/{change}")
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert await stand.gateway.look_up(sent(charge)) == NeverArrived()
        assert await stand.sandbox.ledger(charge.invoice_id) == []

    async def test_the_case_s_own_time_reaches_the_gateway(self, stand: SandboxStand) -> None:
        charge = await stand.charge_of("insufficient_funds")
        early = charge.model_copy(update={"now": day(4)})
        late = charge.model_copy(update={"now": day(5), "key": "att_second"})
        assert isinstance(await stand.gateway.charge(early), Declined)
        assert isinstance(await stand.gateway.charge(late), Succeeded)

    async def test_a_connection_that_died_while_idle_never_makes_a_charge_twice(self, stand: SandboxStand) -> None:
        """The server hangs up after the first charge; the next POST goes over a new connection or is Unknown."""
        silent = await stand.charge_of("answer_never_comes")
        await stand.gateway.charge(silent)
        charge = await stand.charge_of("generic", key="att_other")
        assert isinstance(await stand.gateway.charge(charge), Succeeded | Unknown)
        assert await stand.money_taken(charge) == 1
