"""The embedded stack under blows: its worker is killed in the middle of the demo, the whole stack is stopped and
started again. The sandbox's own ledger is the witness."""

import asyncio
import os
import signal
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import TimeSkipper
from temporalio.worker import Replayer

from tests.fixtures.recoup_up import end, remembered, start_up
from workers.demo.run import walk
from workers.demo.stories import STORIES
from workers.embedded.ports import is_free
from workers.embedded.stack import Remembered, Stack, running_stack
from workers.settings import Settings
from workers.temporal import connect, leave
from workflows.dunning import DunningWorkflow

KILLS = 3
PAUSE_SECONDS = 4.0


async def test_the_worker_is_killed_in_the_middle_of_the_demo_and_every_case_ends_the_same(tmp_path: Path) -> None:
    killed: list[int] = []
    async with running_stack(tmp_path / "state", {}, print) as stack:
        killer = asyncio.create_task(keep_killing(stack, killed))
        report = await walk(stack, STORIES, Console(quiet=True))
        killer.cancel()
        with suppress(asyncio.CancelledError):
            await killer
        ledger = await whole_ledger(stack)
        unreplayable = await histories_that_do_not_replay(stack)
        await leave()
    assert unreplayable == []
    assert len(killed) == KILLS, "the demo ended before the worker was killed often enough"
    assert [(case.story, case.complaints) for case in report.cases if not case.as_expected] == []
    assert report.summary.charged_twice == 0
    assert [key for key, count in Counter(charge["idempotency_key"] for charge in ledger).items() if count > 1] == []
    succeeded = Counter(charge["invoice_id"] for charge in ledger if charge["status"] == "succeeded")
    assert [invoice for invoice, count in succeeded.items() if count > 1] == []


async def histories_that_do_not_replay(stack: Stack) -> list[str]:
    client = await connect(stack.settings())
    replayer = Replayer(workflows=[DunningWorkflow], data_converter=pydantic_data_converter)
    histories = client.list_workflows("WorkflowType = 'DunningWorkflow'").map_histories()
    results = await replayer.replay_workflows(histories, raise_on_replay_failure=False)
    return [f"{run}: {failure}" for run, failure in results.replay_failures.items()]


async def keep_killing(stack: Stack, killed: list[int]) -> None:
    while len(killed) < KILLS:
        await asyncio.sleep(PAUSE_SECONDS)
        pid = stack.children["worker"].pid
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)


async def whole_ledger(stack: Stack) -> list[dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(f"{stack.sandbox_url}/world/ledger") as response:
        answer = await response.json()
    return list(answer["charges"])


async def test_open_cases_go_on_after_the_whole_stack_was_stopped_and_started(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    first = await start_up(folder)
    known = remembered(folder)
    await make_fail(known, "in_survivor")
    await asyncio.wait_for(until_decided(known, "in_survivor"), 30)
    assert await end(first, signal.SIGINT) == 0
    assert [name for name, port in known.ports.items() if not is_free(port)] == []

    second = await start_up(folder)
    again = remembered(folder)
    assert again == known
    client = await connect(Settings(temporal_address=f"127.0.0.1:{again.ports['temporal']}"))
    handle = client.get_workflow_handle("dunning/stripe/default/in_survivor")
    await asyncio.wait_for(until_decided(again, "in_survivor"), 30)
    await asyncio.wait_for(TimeSkipper(client).fast_forward(handle, timedelta(days=9)), 60)
    result = await asyncio.wait_for(handle.result(), 30)
    assert result["outcome"] == "recovered"
    await leave()
    assert await end(second, signal.SIGTERM) == 0


async def make_fail(known: Remembered, invoice_id: str) -> None:
    url = f"http://127.0.0.1:{known.ports['sandbox']}/world/failures"
    body = {"story": "insufficient_funds", "invoice_id": invoice_id}
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
        assert response.status == 200, await response.text()


async def until_decided(known: Remembered, invoice_id: str) -> None:
    client = await connect(Settings(temporal_address=f"127.0.0.1:{known.ports['temporal']}"))
    handle = client.get_workflow_handle(f"dunning/stripe/default/{invoice_id}")
    while True:
        with suppress(Exception):
            status = await handle.query(DunningWorkflow.status)
            if status.step:
                return
        await asyncio.sleep(0.1)
