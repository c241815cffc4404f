"""Open pages that watch a feed. One connection of this process listens for all of them, from the first page to the last
shutdown; whoever lost it reads anew, so that nothing is missed for longer than that takes.

What a stream is written as stands in `feed.py`.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import asyncpg

from activities.store.database import DATABASE_DOWN
from activities.store.feed import CHANNEL, FeedNow, customer_hash
from activities.store.store import Store
from policies.keys import CustomerRef

STREAMS_MAX = 1000
"""A process holds no more; whoever comes then asks again later, or polls."""
READS_AT_ONCE = 4
"""After a lost connection every page reads anew; the pool is also that of the webhooks."""
PROBE_SECONDS = 15.0
"""A line that died silently is found so soon."""
AGAIN_SECONDS = 1.0

log = logging.getLogger(__name__)


class Stream:
    """One page. `changed` is set whenever it should read, and once more at shutdown, when `over` holds."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.over = False


class FeedStreams:
    def __init__(self, store: Store, streams_max: int = STREAMS_MAX) -> None:
        self._pool, self._feed = store.pool, store.feed
        self._max = streams_max
        self._streams: dict[str, set[Stream]] = defaultdict(set)
        self._count = 0
        self._slots = asyncio.Semaphore(READS_AT_ONCE)
        self._listener: asyncio.Task[None] | None = None
        self._over = False

    @contextmanager
    def watching(self, customer: CustomerRef) -> Iterator[Stream | None]:
        """None when the process holds as many as it may."""
        if self._over or self._count >= self._max:
            yield None
            return
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen(), name="feed listener")
        stream, name = Stream(), customer_hash(customer)
        self._streams[name].add(stream)
        self._count += 1
        try:
            yield stream
        finally:
            self._count -= 1
            self._streams[name].discard(stream)
            if not self._streams[name]:
                del self._streams[name]

    async def now(self, customer: CustomerRef) -> FeedNow:
        async with self._slots:
            return await self._feed.of(customer)

    async def stop(self) -> None:
        """Ends all streams; their handlers see it at once."""
        self._over = True
        for stream in self._all():
            stream.over = True
            stream.changed.set()
        if self._listener:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener

    def _all(self) -> list[Stream]:
        return [stream for streams in self._streams.values() for stream in streams]

    async def _listen(self) -> None:
        while True:
            try:
                async with self._pool.acquire() as connection:
                    await self._listen_on(connection)
            except (*DATABASE_DOWN, asyncpg.PostgresError) as error:
                log.warning("the feed is not listened to (%s); trying again", type(error).__name__)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _listen_on(self, connection: Any) -> None:
        lost = asyncio.Event()

        def note_loss(_: object) -> None:
            lost.set()

        connection.add_termination_listener(note_loss)
        await connection.add_listener(CHANNEL, self._told)
        try:
            # What was told while nobody listened.
            for stream in self._all():
                stream.changed.set()
            while not lost.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), PROBE_SECONDS)
                if not lost.is_set():
                    await connection.execute("select 1", timeout=PROBE_SECONDS)
        finally:
            connection.remove_termination_listener(note_loss)
            if not connection.is_closed():
                await connection.remove_listener(CHANNEL, self._told)

    def _told(self, connection: object, pid: int, channel: str, payload: object) -> None:
        for stream in self._streams.get(str(payload), ()):
            stream.changed.set()
