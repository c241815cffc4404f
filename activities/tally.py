"""How much came in, by source, account and hour: counted in memory, written every few seconds, never on the way of an
event. A process that dies loses some seconds of figures and no event."""

import asyncio
import logging
from collections import Counter
from datetime import datetime
from typing import Literal

import asyncpg

from activities.store.database import DATABASE_DOWN
from activities.store.sources import HourCounts, Sources

What = Literal["events", "bad_signatures", "malformed", "refused", "dead"]


WRITTEN_EVERY_SECONDS = 2.0

log = logging.getLogger(__name__)


class Tally:
    def __init__(self) -> None:
        self._counted: dict[tuple[str, str, datetime], Counter[str]] = {}
        self._last: dict[tuple[str, str, datetime], datetime] = {}

    def count(self, source: str, account: str, what: What, at: datetime) -> None:
        place = (source, account, at.replace(minute=0, second=0, microsecond=0))
        self._counted.setdefault(place, Counter())[what] += 1
        if what == "events":
            self._last[place] = at

    async def keep_writing(self, sources: Sources) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(WRITTEN_EVERY_SECONDS)
            try:
                await self.write(sources)
            except (*DATABASE_DOWN, asyncpg.PostgresError) as error:
                log.warning("the figures of the sources wait: %s", type(error).__name__)

    async def write(self, sources: Sources) -> None:
        """Adds what was counted since; what could not be written is kept for the next time."""
        counted, last = self._counted, self._last
        self._counted, self._last = {}, {}
        try:
            for (source, account, hour), counts in counted.items():
                latest = last.get((source, account, hour))
                await sources.add(HourCounts(source=source, account=account, hour=hour, last_event_at=latest, **counts))
                counts.clear()
        finally:
            for place, counts in counted.items():
                if counts:
                    self._counted.setdefault(place, Counter()).update(counts)
                    if place in last:
                        self._last[place] = max(last[place], self._last.get(place, last[place]))
