from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from activities.access.contract import AccessControl
from activities.access.sandbox import SandboxAccess
from activities.errors import Misconfigured
from activities.sandbox_client import SandboxClient
from policies.facts import AccessLevel
from tests.activities.access.contract import AccessContract, change
from tests.fixtures.sandbox import RunningSandbox
from tests.fixtures.troubled import Trouble, troubled


class SandboxStand:
    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self.control: AccessControl = SandboxAccess(sandbox.client())

    async def customer_with(self, *benefits: str) -> str:
        customer_id: str = (await self.sandbox.failure("generic", benefits=benefits))["customer_id"]
        return customer_id

    async def level_of(self, customer_id: str) -> AccessLevel:
        return AccessLevel((await self.sandbox.get(f"/access/{customer_id}")).body["level"])

    async def benefits_of(self, customer_id: str) -> list[str]:
        benefits: list[str] = (await self.sandbox.get(f"/access/{customer_id}")).body["benefits"]
        return benefits

    @asynccontextmanager
    async def troubled_control(self, trouble: Trouble) -> AsyncIterator[AccessControl]:
        async with troubled(trouble) as url, aiohttp.ClientSession() as session:
            yield SandboxAccess(SandboxClient(session, url, timeout_seconds=0.5))


@pytest.fixture
def access(sandbox: RunningSandbox) -> SandboxStand:
    return SandboxStand(sandbox)


class TestSandboxAccess(AccessContract):
    async def test_full_gives_the_benefits_back(self, access: SandboxStand) -> None:
        customer_id = await access.customer_with("bonus_credits", "add_ons")
        limit = change(customer_id, AccessLevel.LIMITED, "add_ons", key="acc_1")
        await access.control.set_access(limit)
        assert await access.benefits_of(customer_id) == ["bonus_credits"]
        await access.control.set_access(change(customer_id, AccessLevel.SUSPENDED, key="acc_2"))
        assert await access.benefits_of(customer_id) == ["bonus_credits"]
        await access.control.set_access(change(customer_id, AccessLevel.FULL, key="acc_3"))
        assert await access.benefits_of(customer_id) == ["bonus_credits", "add_ons"]

    async def test_a_key_is_used_for_one_change_only(self, access: SandboxStand) -> None:
        customer_id = await access.customer_with("add_ons")
        await access.control.set_access(change(customer_id, AccessLevel.LIMITED, "add_ons"))
        with pytest.raises(Misconfigured):
            await access.control.set_access(change(customer_id, AccessLevel.SUSPENDED))

    async def test_the_log_keeps_every_change_with_its_own_time(self, access: SandboxStand) -> None:
        customer_id = await access.customer_with("add_ons")
        await access.control.set_access(change(customer_id, AccessLevel.LIMITED, "add_ons", key="acc_1"))
        await access.control.set_access(change(customer_id, AccessLevel.FULL, key="acc_2"))
        log = (await access.sandbox.get(f"/access/{customer_id}")).body["log"]
        assert [(line["level"], line["benefits_taken"]) for line in log] == [("limited", ["add_ons"]), ("full", [])]
