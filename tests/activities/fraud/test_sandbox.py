from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from activities.errors import Misconfigured
from activities.fraud.contract import FraudCheck, FraudQuestion
from activities.fraud.sandbox import SandboxFraudCheck
from activities.sandbox_client import SandboxClient
from policies.money import Money
from tests.activities.fraud.contract import SOME_QUESTION, FraudContract
from tests.fixtures.sandbox import START, RunningSandbox
from tests.fixtures.troubled import Trouble, troubled


class SandboxStand:
    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self.check: FraudCheck = SandboxFraudCheck(sandbox.client())

    async def clear_question(self) -> FraudQuestion:
        return await self._question("generic")

    async def suspicious_question(self) -> FraudQuestion:
        return await self._question("fraud_suspect")

    @asynccontextmanager
    async def troubled_check(self, trouble: Trouble) -> AsyncIterator[FraudCheck]:
        async with troubled(trouble) as url, aiohttp.ClientSession() as session:
            yield SandboxFraudCheck(SandboxClient(session, url, timeout_seconds=0.5))

    async def _question(self, story: str) -> FraudQuestion:
        failure = await self.sandbox.failure(story)
        return FraudQuestion(
            customer_id=failure["customer_id"],
            credential_id=failure["credential_id"],
            amount=Money(amount_minor=failure["amount_minor"], currency=failure["currency"]),
            now=START,
        )


@pytest.fixture
def frauds(sandbox: RunningSandbox) -> SandboxStand:
    return SandboxStand(sandbox)


class TestSandboxFraudCheck(FraudContract):
    async def test_a_card_nobody_has_cannot_be_assessed(self, frauds: SandboxStand) -> None:
        with pytest.raises(Misconfigured):
            await frauds.check.assess(SOME_QUESTION)
