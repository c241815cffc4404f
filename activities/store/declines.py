"""Decline codes that stand in no table, counted, so that the most frequent gets a row first."""

from datetime import datetime

from opentelemetry import metrics

from activities.store.database import Pool, queries
from policies.base import Record, UtcTime
from policies.declines import Category, Decline

UNKNOWN = metrics.get_meter("recoup.declines").create_counter(
    "recoup_unknown_declines", description="refusals whose code stands in no table, by gateway"
)


class UnknownCode(Record):
    """As the gateway spelled it. `times`: how often it was seen, about: a repeated activity counts again."""

    gateway: str
    code: str
    network_code: str
    advice_code: str
    times: int
    first_seen: UtcTime
    last_seen: UtcTime


class Declines:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("declines")

    async def seen(self, decline: Decline | None, at: datetime) -> None:
        """Counts it when nobody knows what it means."""
        if decline is None or decline.category is not Category.UNKNOWN:
            return
        UNKNOWN.add(1, {"gateway": decline.gateway})
        async with self._pool.acquire() as connection:
            await self._queries.seen(
                connection,
                gateway=decline.gateway,
                code=decline.code,
                network_code=decline.network_code or "",
                advice_code=decline.advice_code or "",
                at=at,
            )

    async def unknown(self, count: int = 200) -> list[UnknownCode]:
        """The most frequent first."""
        async with self._pool.acquire() as connection:
            rows = self._queries.unknown(connection, count=count)
            return [UnknownCode.model_validate(dict(row)) async for row in rows]
