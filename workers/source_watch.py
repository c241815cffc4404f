"""Looks at every source once a minute: its health as metrics, and where it is silent, its own list of events.

Every worker does so; which of them polls is decided by a row in PostgreSQL, not by an election.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import asyncpg

from activities.adapters import Adapters
from activities.errors import OutsideError
from activities.intake import Intake
from activities.store.database import DATABASE_DOWN
from activities.store.store import Store
from policies.intake.health import SourceHealth, SourceState
from workers.health_gauges import HealthGauges

LOOKED_AT_EVERY_SECONDS = 60.0
OVERLAP = timedelta(minutes=5)
"""Asked for again each time: a source may list an event some moments after it happened."""
FIRST_LOOK_BACK = timedelta(days=3)
"""Where nothing has ever come. Most sources repeat a webhook for so long by themselves."""

FIGURES = {
    "lag_seconds": ("s", "lag"),
    "rate": ("1/h", "rate"),
    "usual_rate": ("1/h", "usual"),
    "failure_share": ("1", "failure_share"),
}

log = logging.getLogger(__name__)


class SourceWatch:
    def __init__(self, store: Store, adapters: Adapters, intake: Intake, places: Sequence[tuple[str, str]]) -> None:
        """`places`: (source, account) of everybody who is set up to send."""
        self._store = store
        self._adapters = adapters
        self._intake = intake
        self._places = places
        self.gauges = HealthGauges("source", SourceState, _labels, FIGURES)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self.look(datetime.now(UTC))
            except (*DATABASE_DOWN, asyncpg.PostgresError) as error:
                log.warning("the sources cannot be looked at: %s", type(error).__name__)
            await asyncio.sleep(LOOKED_AT_EVERY_SECONDS)

    async def look(self, now: datetime) -> list[SourceHealth]:
        seen = await self._store.sources.health(self._places, now)
        self.gauges.seen = seen
        for one in seen:
            if one.state is not SourceState.HEALTHY:
                log.warning("source %s/%s is %s: %s", one.source, one.account, one.state.value, one.because)
            if one.state is SourceState.SILENT and self._intake.understands(one.source):
                await self._poll_safely(one, now)
        return seen

    async def _poll_safely(self, silent: SourceHealth, now: datetime) -> None:
        """What one source's list does to us must not end the watch over the others."""
        try:
            await self._poll(silent, now)
        except (*DATABASE_DOWN, asyncpg.PostgresError):
            raise
        except Exception:
            log.exception("the list of events of %s/%s could not be taken in", silent.source, silent.account)

    async def _poll(self, silent: SourceHealth, now: datetime) -> None:
        """Missed webhooks are found rather than waited for. What is already known changes nothing."""
        source, account = silent.source, silent.account
        is_ours, read_until = await self._store.sources.lease_poll(source, account, now)
        if not is_ours:
            return
        known = [moment for moment in (read_until, silent.last_event_at) if moment]
        since = max(known) - OVERLAP if known else now - FIRST_LOOK_BACK
        try:
            found = await self._found_since(source, account, since, now)
        except OutsideError as error:
            await self._store.sources.polled(source, account, None, 0, f"{type(error).__name__}: {error}"[:300])
            log.warning("the list of events of %s/%s cannot be read: %s", source, account, type(error).__name__)
            return
        if found is None:
            return
        await self._store.sources.polled(source, account, now, found, f"{found} events that no webhook brought")
        if found:
            log.warning("%s events of %s/%s came by no webhook and were found in its list", found, source, account)

    async def _found_since(self, source: str, account: str, since: datetime, now: datetime) -> int | None:
        """How many were new; None when the source keeps no list."""
        listed = self._adapters.owner_of(source, account).events_since(source, since)
        if listed is None:
            return None
        found = 0
        async for item in listed:
            # By its id alone: a list may write the same event in other bytes than a webhook.
            if not await self._store.inbox.knows(source, account, item.event_key):
                await self._intake.receive(source, account, [item], now, polled=True)
                found += 1
        return found


def _labels(one: SourceHealth) -> dict[str, str]:
    return {"source": one.source, "account": one.account}
