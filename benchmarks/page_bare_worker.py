"""The least that a durable charge on request costs: a workflow whose update runs one activity, which asks the gateway.
No ledger, no decision, no page. `python -m benchmarks.page_bare_worker TEMPORAL SANDBOX` runs its worker."""

import asyncio
import sys
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    import aiohttp

QUEUE = "bench-bare"


@workflow.defn
class BareCharge:
    def __init__(self) -> None:
        self._is_paid = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self._is_paid)
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.update
    async def pay(self, body: dict[str, str | int]) -> str:
        status: str = await workflow.execute_activity(
            "charge", body, result_type=str, start_to_close_timeout=timedelta(seconds=30)
        )
        self._is_paid = True
        return status


class Asking:
    def __init__(self, session: aiohttp.ClientSession, sandbox: str) -> None:
        self._session = session
        self._sandbox = sandbox

    @activity.defn
    async def charge(self, body: dict[str, str | int]) -> str:
        async with self._session.post(f"{self._sandbox}/gateway/charges", json=body) as response:
            response.raise_for_status()
            return str((await response.json())["status"])


async def main(temporal: str, sandbox: str) -> None:
    client = await Client.connect(temporal)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        asking = Asking(session, sandbox)
        async with Worker(client, task_queue=QUEUE, workflows=[BareCharge], activities=[asking.charge]):
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
