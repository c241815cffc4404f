from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from activities.sandbox_client import SandboxClient
from activities.sources.contract import Owner
from activities.sources.sandbox import SandboxOwner
from policies.invoices import InvoiceStatus
from tests.activities.sources.contract import OwnerContract
from tests.fixtures.sandbox import START, RunningSandbox, day
from tests.fixtures.troubled import Trouble, troubled


class SandboxStand:
    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self.owner: Owner = SandboxOwner(sandbox.client())

    async def failed_invoice(self) -> str:
        invoice_id: str = (await self.sandbox.failure("insufficient_funds"))["invoice_id"]
        return invoice_id

    async def pay(self, invoice_id: str) -> None:
        await self._change(invoice_id, "pay")

    async def void(self, invoice_id: str) -> None:
        await self._change(invoice_id, "void")

    async def dispute(self, invoice_id: str) -> None:
        await self._change(invoice_id, "dispute")

    async def payment_of(self, invoice_id: str) -> str:
        reply = await self.sandbox.post("/world/failures", {"story": "generic", "invoice_id": invoice_id})
        assert reply.status == 409, "an invoice's id is taken once"
        payment: str = (await self.sandbox.invoice(invoice_id))["attempts"][0]["key"]
        return payment

    @asynccontextmanager
    async def troubled_owner(self, trouble: Trouble) -> AsyncIterator[Owner]:
        async with troubled(trouble) as url, aiohttp.ClientSession() as session:
            yield SandboxOwner(SandboxClient(session, url, timeout_seconds=0.5))

    async def _change(self, invoice_id: str, change: str) -> None:
        reply = await self.sandbox.post(f"/world/invoices/{invoice_id}/{change}", at=day(1))
        assert reply.status == 200, reply.text


@pytest.fixture
def owners(sandbox: RunningSandbox) -> SandboxStand:
    return SandboxStand(sandbox)


class TestSandboxOwner(OwnerContract):
    async def test_everything_else_an_invoice_tells(self, owners: SandboxStand) -> None:
        failure = await owners.sandbox.failure("expired_card", first_payment=True, collected_manually=True)
        invoice = await owners.owner.invoice_now(failure["invoice_id"], START)
        assert invoice.customer_id == failure["customer_id"]
        assert invoice.subscription_id == failure["subscription_id"]
        assert invoice.credential_id == failure["credential_id"]
        assert invoice.gateway == "sandbox"
        assert invoice.first_payment
        assert invoice.collected_manually

    async def test_our_own_attempts_are_left_to_our_own_ledger_but_their_decline_is_told(
        self, owners: SandboxStand
    ) -> None:
        failure = await owners.sandbox.failure("issuer_down")
        new_card = await owners.sandbox.post(
            f"/world/customers/{failure['customer_id']}/cards", {"kind": "do_not_honor", "params": {}}
        )
        await owners.sandbox.post(
            "/gateway/charges",
            {
                "idempotency_key": "att_1",
                "invoice_id": failure["invoice_id"],
                "credential_id": new_card.body["credential_id"],
                "amount_minor": 2900,
                "currency": "EUR",
            },
        )
        invoice = await owners.owner.invoice_now(failure["invoice_id"], day(1))
        assert len(invoice.attempts) == 1
        assert invoice.last_decline is not None
        assert invoice.last_decline.code == "do_not_honor"
        assert invoice.credential_id == failure["credential_id"], "a card that did not pay is not kept"

    async def test_the_story_in_which_the_invoice_is_paid_before_anybody_looks(self, owners: SandboxStand) -> None:
        failure = await owners.sandbox.failure("already_paid")
        assert failure["event"]["data"]["object"]["status"] == "open"
        invoice = await owners.owner.invoice_now(failure["invoice_id"], START)
        assert invoice.status is InvoiceStatus.PAID

    async def test_the_payment_intent_of_an_event_leads_to_the_invoice(self, owners: SandboxStand) -> None:
        failure = await owners.sandbox.failure("generic")
        assert await owners.owner.invoice_of_payment(failure["payment_id"]) == failure["invoice_id"]
