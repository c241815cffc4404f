"""Many deliveries, one commit: what comes in while a commit is under way goes with the next one.

Nobody is answered before the commit that holds their row has happened; alone, a row waits for nobody.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import asyncpg

from activities.store.database import Pool, queries

AT_ONCE = 2
"""Commits under way: while one waits for the disk, the next is made."""
ROWS_MAX = 64

COLUMNS = "id source account event_key body_sha256 received_at traceparent claimed_until unproven headers body".split()


Event = tuple[str, str, str]
"""Source, account and the source's id of it."""


class _Waiting(NamedTuple):
    row: dict[str, Any]
    answer: asyncio.Future[Any]

    @property
    def event(self) -> Event:
        return self.row["source"], self.row["account"], self.row["event_key"]


class GroupCommit:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("inbox")
        self._waiting: deque[_Waiting] = deque()
        self._running = 0
        # Only so that nobody takes a task away that still runs.
        self._commits: set[asyncio.Task[None]] = set()
        self._under_way: set[Event] = set()
        self._freed = asyncio.Event()

    async def receive(self, row: dict[str, Any]) -> Any:
        """The row as it stands in the inbox, after its commit. Raises what the database says of this row."""
        mine = _Waiting(row, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        self._start()
        return await mine.answer

    @asynccontextmanager
    async def alone(self, event: Event) -> AsyncIterator[None]:
        """Nothing else is committed of this event meanwhile: for what does not go with the others."""
        while event in self._under_way:
            await self._freed.wait()
        self._under_way.add(event)
        try:
            yield
        finally:
            self._free({event})
            self._start()

    def _start(self) -> None:
        if self._waiting and self._running < AT_ONCE:
            self._running += 1
            commit = asyncio.create_task(self._commit_all())
            self._commits.add(commit)
            commit.add_done_callback(self._commits.discard)

    def _free(self, events: set[Event]) -> None:
        self._under_way -= events
        self._freed.set()
        self._freed = asyncio.Event()

    async def _commit_all(self) -> None:
        """Until nothing waits. That nothing waits and that one less is running is seen in one step: whoever comes after
        it starts another."""
        while batch := self._next_batch():
            events = {one.event for one in batch}
            self._under_way |= events
            try:
                await self._commit(batch)
            except asyncpg.PostgresError:
                # One row may be at fault for all of them.
                await self._commit_one_by_one(batch)
            except Exception as error:
                # Whatever it was, each of them raises it; swallowed, they would wait for ever.
                _tell(batch, error)
            finally:
                self._free(events)
        self._running -= 1

    def _next_batch(self) -> list[_Waiting]:
        """One row per event at a time: a second body under one id must see the first. In the order of their keys, so
        that two commits never wait for each other."""
        batch: dict[Event, _Waiting] = {}
        later: list[_Waiting] = []
        while self._waiting and len(batch) < ROWS_MAX:
            one = self._waiting.popleft()
            if one.event in self._under_way or batch.setdefault(one.event, one) is not one:
                later.append(one)
        self._waiting.extendleft(reversed(later))
        return [batch[event] for event in sorted(batch)]

    async def _commit(self, batch: list[_Waiting]) -> None:
        columns = {name: [one.row[name] for one in batch] for name in COLUMNS}
        async with self._pool.acquire() as connection:
            rows = [row async for row in self._queries.receive_many(connection, **columns)]
        by_event = {(row["source"], row["account"], row["event_key"]): row for row in rows}
        for one in batch:
            _answer(one, by_event[one.event])

    async def _commit_one_by_one(self, batch: list[_Waiting]) -> None:
        for one in batch:
            try:
                async with self._pool.acquire() as connection:
                    _answer(one, await self._queries.receive(connection, **one.row))
            except Exception as error:
                # It is raised where this row is waited for; the rows after it are still committed.
                _tell([one], error)


def _answer(one: _Waiting, row: Any) -> None:
    """Who has gone meanwhile gets no answer; their row is kept all the same."""
    if not one.answer.done():
        one.answer.set_result(row)


def _tell(batch: list[_Waiting], error: Exception) -> None:
    for one in batch:
        if not one.answer.done():
            one.answer.set_exception(error)
