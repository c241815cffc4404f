"""Forgetting a person: what says who they are or what was written to them goes; that they were written to, when, and by
which words' hash stays, since it may have to be proven."""

from datetime import datetime

from activities.store.database import Pool, queries
from policies.base import Record, UtcTime


class Erased(Record):
    """How much went. `known`: there was a record of them. `texts`: messages, by channel, whose words went; `bodies`:
    raw events. `bodies_kept`: events that somebody still has to deal with, dead letters and what waits; erase again
    once they are done. `open_cases`: go on, find no address any more and make a task of what they would have said."""

    erased_at: UtcTime
    known: bool
    texts: int
    feed_items: int
    devices: int
    bodies: int
    bodies_kept: int
    open_cases: int


class Erasure:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("erasure")

    async def erase_person(self, source: str, account: str, customer_id: str, now: datetime) -> Erased:
        """All or nothing, and as often as one likes. Addresses that were told to stop stay stopped: they are kept as
        hashes, so that nobody writes there again."""
        whom = {"source": source, "account": account, "customer_id": customer_id}
        async with self._pool.acquire() as connection, connection.transaction():
            known = await self._queries.erase_record(connection, **whom)
            texts = await self._queries.erase_texts(connection, **whom, erased_at=now)
            feed_items = await self._queries.erase_feed(connection, **whom)
            devices = await self._queries.erase_devices(connection, **whom)
            await self._queries.erase_page(connection, **whom, erased_at=now)
            bodies = await self._queries.erase_bodies(connection, **whom)
            kept = await self._queries.bodies_kept(connection, **whom)
            open_cases = await self._queries.open_cases(connection, **whom)
        return Erased(
            erased_at=now,
            known=known > 0,
            texts=texts,
            feed_items=feed_items,
            devices=devices,
            bodies=bodies,
            bodies_kept=kept,
            open_cases=open_cases,
        )

    async def open_cases(self, source: str, account: str, customer_id: str) -> int:
        """Which would find no address any more."""
        async with self._pool.acquire() as connection:
            return int(
                await self._queries.open_cases(connection, source=source, account=account, customer_id=customer_id)
            )
