"""Wakes the relays after rows were committed: one NOTIFY for many rows, off the request path.

A lost wake-up costs a second at most: relays poll as well.
"""

import asyncio
import logging
from contextlib import suppress

import asyncpg

from activities.store.database import DATABASE_DOWN, Pool

CHANNEL = "recoup_inbox"
GATHER_SECONDS = 0.02

log = logging.getLogger(__name__)


async def wake_relays(pool: Pool) -> None:
    await pool.execute("select pg_notify($1, '')", CHANNEL)


class RelayWaker:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        self._wanted.set()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="relay waker")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._wanted.clear()
            try:
                await wake_relays(self._pool)
            except (*DATABASE_DOWN, asyncpg.PostgresError) as error:
                log.warning("relays were not woken (%s); they poll", type(error).__name__)
