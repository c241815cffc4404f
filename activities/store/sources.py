"""What came from each source, hour by hour, and when its own list of events is asked next."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from activities.store.database import Pool, queries
from policies.base import Record, UtcTime
from policies.intake.health import WEEK, WEEKS_LOOKED_AT, Hour, SourceHealth, judge

POLLED_EVERY = timedelta(minutes=5)


class HourCounts(Record):
    """`hour`: its beginning. `events`: those that were kept, duplicates included."""

    source: str
    account: str
    hour: UtcTime
    events: int = 0
    bad_signatures: int = 0
    malformed: int = 0
    refused: int = 0
    dead: int = 0
    last_event_at: UtcTime | None = None


class Sources:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("sources")

    async def add(self, counts: HourCounts) -> None:
        async with self._pool.acquire() as connection:
            await self._queries.add(connection, **counts.model_dump())

    async def health(self, places: Sequence[tuple[str, str]], now: datetime) -> list[SourceHealth]:
        """Of each (source, account) that is set up to send."""
        async with self._pool.acquire() as connection:
            hours: dict[tuple[str, str], list[Hour]] = defaultdict(list)
            async for row in self._queries.hours(connection, since=now - WEEKS_LOOKED_AT * WEEK):
                hours[row["source"], row["account"]].append(Hour.model_validate(dict(row)))
            last = {(r["source"], r["account"]): r["at"] async for r in self._queries.last_events(connection)}
            waiting = {(r["source"], r["account"]): r async for r in self._queries.waiting(connection)}
        return [
            judge(
                *place,
                hours=hours[place],
                last_event_at=last.get(place),
                oldest_waiting_at=waiting[place]["oldest"] if place in waiting else None,
                waiting=waiting[place]["rows"] if place in waiting else 0,
                now=now,
            )
            for place in places
        ]

    async def lease_poll(self, source: str, account: str, now: datetime) -> tuple[bool, datetime | None]:
        """Whether the caller is the one who polls now, and up to when the list has been read before."""
        async with self._pool.acquire() as connection:
            row = await self._queries.lease_poll(
                connection, source=source, account=account, now=now, next_poll_at=now + POLLED_EVERY
            )
        return row is not None, row["read_until"] if row else None

    async def polled(self, source: str, account: str, read_until: datetime | None, found: int, detail: str) -> None:
        async with self._pool.acquire() as connection:
            await self._queries.polled(
                connection, source=source, account=account, read_until=read_until, found=found, detail=detail
            )
