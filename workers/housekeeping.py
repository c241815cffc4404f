"""What has to be done now and then and by nobody in particular: partitions made and dropped, old counts of calls
forgotten. Every worker does it."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import asyncpg

from activities.store.database import DATABASE_DOWN, keep_house
from activities.store.store import Store

EVERY_SECONDS = 6 * 3600.0

CALLS_KEPT = timedelta(days=2)
"""What is usual of a gateway is judged from its last day."""

log = logging.getLogger(__name__)


async def keep_keeping_house(store: Store, retention: timedelta) -> None:
    """Until it is cancelled."""
    while True:
        try:
            now = datetime.now(UTC)
            for name in await keep_house(store.pool, now, retention):
                log.info("dropped %s: its bodies are older than %s days", name, retention.days)
            await store.gateway_health.forget(now - CALLS_KEPT)
            await store.page_codes.forget_old(now)
            await store.checkouts.forget_old(now)
        except (*DATABASE_DOWN, asyncpg.PostgresError) as error:
            log.warning("partitions were not looked after: %s", type(error).__name__)
        await asyncio.sleep(EVERY_SECONDS)
