"""What happened with a customer before: how their cases ended, what was tried, and when they paid. Reads only."""

from datetime import datetime, timedelta

from activities.store.database import Pool, queries
from policies.keys import CaseRef
from policies.risk import PaymentHistory

PAYMENTS_REMEMBERED = 12


class History:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("history")

    async def before(self, case: CaseRef, customer_id: str, since: datetime | None, now: datetime) -> PaymentHistory:
        """Cases and attempts of the customer up to `now`, the present case included as one failure. `since`: when they
        became a customer."""
        async with self._pool.acquire() as connection:
            row = await self._queries.before(
                connection,
                source=case.source,
                account=case.account,
                customer_id=customer_id,
                case_id=case.case_id,
                now=now,
                hour_ago=now - timedelta(hours=1),
                day_ago=now - timedelta(days=1),
                month_ago=now - timedelta(days=30),
                quarter_ago=now - timedelta(days=90),
                year_ago=now - timedelta(days=365),
            )
        tenure = (now - since).days if since and since <= now else None
        return PaymentHistory(**dict(row), tenure_days=tenure)

    async def paid_at(self, case: CaseRef, customer_id: str, now: datetime) -> tuple[datetime, ...]:
        """When payments of theirs went well, newest last, at most PAYMENTS_REMEMBERED."""
        async with self._pool.acquire() as connection:
            rows = [
                row["at"]
                async for row in self._queries.paid_at(
                    connection,
                    source=case.source,
                    account=case.account,
                    customer_id=customer_id,
                    now=now,
                    count=PAYMENTS_REMEMBERED,
                )
            ]
        return tuple(reversed(rows))
