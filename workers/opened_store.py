"""The store in the hand of a command that runs once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from activities.store.database import DATABASE_DOWN, make_pool
from activities.store.store import Store
from workers.mistakes import Mistake
from workers.settings import Settings


@asynccontextmanager
async def opened_store(settings: Settings) -> AsyncIterator[Store]:
    """Raises Mistake when the database cannot be asked, at the start or on the way."""
    pool = await make_pool(settings.database_url.get_secret_value(), settings.database_pool)
    try:
        yield Store(pool)
    except (asyncpg.PostgresError, *DATABASE_DOWN) as error:
        way_out = "`recoup doctor` says what to do"
        raise Mistake(f"the database cannot be asked ({type(error).__name__}); {way_out}") from error
    finally:
        await pool.close()
