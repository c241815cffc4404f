"""Weeks in milliseconds: fast-forwards all open cases in lock step with Temporal's own time skipping.

Skipping is per workflow; lock step keeps shared things (ledgers, customers) in one order for all cases.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper

PATIENCE_SECONDS = 60
"""A case whose worker was killed in mid-step waits some seconds for the next one."""


class Clock:
    def __init__(self, client: Client, started: datetime) -> None:
        self._skipper = TimeSkipper(client)
        self._client = client
        self.started = started
        self._now = started

    @property
    def now(self) -> datetime:
        """Where the lock step stands; a running case may be some seconds ahead."""
        return max(self._now, datetime.now(UTC))

    def handle(self, workflow_id: str) -> WorkflowHandle[Any, Any]:
        return self._client.get_workflow_handle(workflow_id)

    async def is_open(self, workflow_id: str) -> bool:
        description = await self.handle(workflow_id).describe()
        return description.status is WorkflowExecutionStatus.RUNNING

    async def advance(self, workflow_ids: list[str], day: float) -> None:
        """Runs the cases up to `day` after the start. A case that ends on the way is no error."""
        self._now = self.started + timedelta(days=day)
        await asyncio.gather(*(self._advance(workflow_id) for workflow_id in workflow_ids))

    async def time_of(self, workflow_id: str) -> datetime:
        return await self._skipper.get_current_time(self.handle(workflow_id))

    async def _advance(self, workflow_id: str) -> None:
        handle = self.handle(workflow_id)
        async with asyncio.timeout(PATIENCE_SECONDS):
            try:
                ahead = self._now - await self._skipper.get_current_time(handle)
                if ahead > timedelta():
                    await self._skipper.fast_forward(handle, ahead)
            except RPCError:
                # It ended between two questions; anything else shows when the case does not end as told.
                if await self.is_open(workflow_id):
                    raise
