"""What the rules of the profiles said, by rule, and how much of it turned out to be wrong."""

from datetime import datetime

from activities.store.database import Pool, queries
from policies.intake.report import RuleCounts, worst_first


class Refusals:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("refusals")

    async def by_rule(
        self, source: str | None = None, account: str | None = None, since: datetime | None = None
    ) -> tuple[RuleCounts, ...]:
        """Worst first."""
        async with self._pool.acquire() as connection:
            rows = self._queries.by_rule(connection, source=source, account=account, since=since)
            return worst_first(tuple([RuleCounts.model_validate(dict(row)) async for row in rows]))
