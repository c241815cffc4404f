"""Weeks in milliseconds: fast-forwards all open cases in lock step with Temporal's own time skipping.

Skipping is per workflow; lock step keeps shared things (ledgers, customers) in one order for all cases.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import TypedSearchAttributes
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper

from workflows.search_attributes import STATE

OPEN_CASES = "WorkflowType = 'DunningWorkflow' AND ExecutionStatus = 'Running'"
PATIENCE_SECONDS = 60
"""A case whose worker was killed in mid-step waits some seconds for the next one."""


@dataclass(frozen=True)
class Glance:
    workflow_id: str
    attributes: TypedSearchAttributes


class Clock:
    def __init__(self, client: Client, started: datetime) -> None:
        self._skipper = TimeSkipper(client)
        self._client = client
        self.started = started
        self._now = started
        self._skipped: dict[str, timedelta] = {}

    @property
    def now(self) -> datetime:
        """Where the lock step stands; a running case may be some seconds ahead."""
        return max(self._now, datetime.now(UTC))

    def time_of(self, workflow_id: str) -> datetime:
        """A case's own time: what was skipped, and the wall clock that goes on between skips."""
        return datetime.now(UTC) + self._skipped.get(workflow_id, timedelta())

    def handle(self, workflow_id: str) -> WorkflowHandle[Any, Any]:
        return self._client.get_workflow_handle(workflow_id)

    async def is_open(self, workflow_id: str) -> bool:
        description = await self.handle(workflow_id).describe()
        return description.status is WorkflowExecutionStatus.RUNNING

    async def seen_from_outside(self) -> AsyncIterator[Glance]:
        """Every open case by its search attributes. No query: one that reaches a fresh worker before the events it is
        about makes that worker see them in another order than the next one (an SDK race after a worker's death)."""
        async for found in self._client.list_workflows(OPEN_CASES):
            yield Glance(workflow_id=found.id, attributes=found.typed_search_attributes)

    async def at_rest(self, workflow_id: str) -> int | None:
        """Length of the history when the case has nothing to do now, None while it is busy or does not exist yet."""
        try:
            description = await self.handle(workflow_id).describe()
        except RPCError:
            return None
        raw = description.raw_description
        busy = raw.HasField("pending_workflow_task") or raw.pending_activities
        opened = description.typed_search_attributes.get(STATE) is not None
        is_running = description.status is WorkflowExecutionStatus.RUNNING
        return None if is_running and (busy or not opened) else description.history_length

    async def advance(self, workflow_ids: list[str], day: float) -> set[str]:
        """Runs the cases up to `day` after the start; returns those that ended on the way."""
        self._now = self.started + timedelta(days=day)
        reached = await asyncio.gather(*(self._advance(workflow_id) for workflow_id in workflow_ids))
        return {workflow_id for workflow_id, there in zip(workflow_ids, reached, strict=True) if not there}

    async def _advance(self, workflow_id: str) -> bool:
        """False when the case ended on the way."""
        ahead = self._now - self.time_of(workflow_id)
        if ahead <= timedelta():
            return await self.is_open(workflow_id)
        async with asyncio.timeout(PATIENCE_SECONDS):
            try:
                there = await self._skipper.fast_forward(self.handle(workflow_id), ahead)
            except RPCError:
                # It ended before the question came; anything else is a real trouble.
                if await self.is_open(workflow_id):
                    raise
                return False
        self._skipped[workflow_id] = self._skipped.get(workflow_id, timedelta()) + ahead
        return there
