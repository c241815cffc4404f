"""What came from each source, hour by hour, and when its own list of events is asked next."""

from activities.store.database import Pool, queries
from policies.base import Record, UtcTime


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
