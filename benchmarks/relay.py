"""Inbox rows to started cases per second, beside bare signal-with-start on the same server. No worker runs then."""

import asyncio
import time
import uuid
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr
from temporalio.client import Client

from activities.store.database import migrate
from benchmarks.figures import Figure, median
from benchmarks.webhooks import failed_invoice_event
from policies.events import PaymentFailed
from policies.keys import CaseRef
from workers.embedded import temporal_server
from workers.embedded.postgres import EmbeddedPostgres
from workers.embedded.processes import Child, child_environment
from workers.relay import AT_ONCE, make_relay
from workers.settings import Settings
from workers.temporal import connect
from workers.wiring import SPEAKERS, Wiring, wired
from workflows.contracts import TASK_QUEUE, DunningInput
from workflows.dunning import DunningWorkflow

ROUNDS, CASES_A_ROUND = 5, 300
GOAL = 0.6


async def measure(folder: Path) -> list[Figure]:
    async with AsyncExitStack() as parts:
        postgres = EmbeddedPostgres(folder / "pg")
        parts.push_async_callback(postgres.stop)
        await postgres.start()
        client = await _start_temporal(parts, folder)
        settings = Settings(database_url=SecretStr(await postgres.database("recoup")))
        wiring = await parts.enter_async_context(wired(settings))
        await migrate(wiring.store.pool)
        ours, bare = [], []
        for _ in range(ROUNDS):
            ours.append(await _relayed(client, wiring))
            bare.append(await _bare(client))
        return [
            Figure(
                name="inbox to started case, per second",
                ours=f"{median(ours):,.0f}/s",
                baseline=f"{median(bare):,.0f}/s (signal-with-start)",
                ratio=median(ours) / median(bare),
                goal=f">= {GOAL}",
            )
        ]


async def _relayed(client: Client, wiring: Wiring) -> float:
    for _ in range(CASES_A_ROUND):
        await wiring.store.inbox.receive(
            "stripe", "default", uuid.uuid4().hex, {}, failed_invoice_event(), datetime.now(UTC)
        )
    relay = make_relay(wiring.store, client, SPEAKERS, wiring.adapters)
    began, delivered = time.perf_counter(), 0
    while delivered < CASES_A_ROUND:
        delivered += await relay.deliver_batch()
    rate = CASES_A_ROUND / (time.perf_counter() - began)
    counts = await wiring.store.inbox.counts()
    assert set(counts) == {"delivered"}, counts
    return rate


async def _bare(client: Client) -> float:
    slots = asyncio.Semaphore(AT_ONCE)

    async def start() -> None:
        case = CaseRef(source="stripe", account="bare", invoice_id=uuid.uuid4().hex)
        event = PaymentFailed(event_id=uuid.uuid4().hex, happened_at=datetime.now(UTC), invoice_id=case.invoice_id)
        async with slots:
            await client.start_workflow(
                DunningWorkflow.run,
                DunningInput(case=case),
                id=case.workflow_id,
                task_queue=TASK_QUEUE,
                start_signal=event.kind,
                start_signal_args=[event],
            )

    began = time.perf_counter()
    await asyncio.gather(*(start() for _ in range(CASES_A_ROUND)))
    return CASES_A_ROUND / (time.perf_counter() - began)


async def _start_temporal(parts: AsyncExitStack, folder: Path) -> Client:
    ports = temporal_server.Ports.free()
    command = temporal_server.command(ports, folder / "temporal.db")
    child = Child("temporal", command, folder / "temporal.log", child_environment({}), keep_alive=False)
    parts.push_async_callback(child.stop)
    await child.start()
    await temporal_server.wait_until_up(ports.address, child)
    return await connect(Settings(temporal_address=ports.address))
