"""What came of messages that are tried side by side, counted over closed cases."""

from datetime import datetime

from activities.store.database import Pool, queries
from policies.experiments import Tally


class Experiments:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("experiments")

    async def tallies(
        self,
        message: str | None = None,
        policy: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> tuple[Tally, ...]:
        """By policy, message and arm. `message`, `policy`: only those of this name. `since`, `until`: only messages
        that were due from then on, and before then. A case counts by the arm it was in, whatever became of its
        message."""
        async with self._pool.acquire() as connection:
            rows = self._queries.tallies(connection, message=message, policy=policy, since=since, until=until)
            return tuple([Tally.model_validate(dict(row)) async for row in rows])
