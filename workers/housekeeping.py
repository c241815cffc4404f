"""What has to be done now and then and by nobody in particular: partitions made and dropped. Every worker does it."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import asyncpg

from activities.store.database import DATABASE_DOWN, Pool, keep_house

EVERY_SECONDS = 6 * 3600.0

log = logging.getLogger(__name__)


async def keep_keeping_house(pool: Pool, retention: timedelta) -> None:
    """Until it is cancelled."""
    while True:
        try:
            for name in await keep_house(pool, datetime.now(UTC), retention):
                log.info("dropped %s: its bodies are older than %s days", name, retention.days)
        except (*DATABASE_DOWN, asyncpg.PostgresError) as error:
            log.warning("partitions were not looked after: %s", type(error).__name__)
        await asyncio.sleep(EVERY_SECONDS)
