"""The customer directory: the only place with names and addresses. Histories and logs carry the customer's id (P9)."""

from datetime import UTC, datetime

from activities.customers import Customer
from activities.store.database import Pool, queries


class Customers:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("customers")

    async def put(self, source: str, account: str, customer_id: str, customer: Customer, now: datetime) -> None:
        """What the merchant wrote; it outranks what sources tell."""
        async with self._pool.acquire() as connection:
            await self._queries.put(
                connection,
                source=source,
                account=account,
                customer_id=customer_id,
                record=customer.model_dump(mode="json", exclude_unset=True, exclude_none=True),
                updated_at=now,
            )

    async def hear(self, source: str, account: str, customer_id: str, said: Customer, at: datetime) -> None:
        """What a source told at `at`, its own time; only the fields that it named."""
        async with self._pool.acquire() as connection:
            await self._queries.hear(
                connection,
                source=source,
                account=account,
                customer_id=customer_id,
                told=said.model_dump(mode="json", exclude_unset=True, exclude_none=True),
                told_at=at,
                updated_at=datetime.now(UTC),
            )

    async def consent(
        self, source: str, account: str, customer_id: str, channel: str, allowed: bool, now: datetime
    ) -> None:
        """What the customer says of one channel: it outranks what stands there, from whomever. Addresses stay as they
        are; what the merchant writes later (`put`) replaces it."""
        async with self._pool.acquire() as connection:
            await self._queries.consent(
                connection,
                source=source,
                account=account,
                customer_id=customer_id,
                channel=channel,
                allowed=allowed,
                updated_at=now,
            )

    async def knows(self, source: str, account: str, customer_id: str) -> bool:
        async with self._pool.acquire() as connection:
            record = await self._queries.get(connection, source=source, account=account, customer_id=customer_id)
        return record is not None

    async def get(self, source: str, account: str, customer_id: str) -> Customer:
        """A customer nobody has described yet is one with the defaults: reachable by no channel."""
        async with self._pool.acquire() as connection:
            record = await self._queries.get(connection, source=source, account=account, customer_id=customer_id)
        # Lenient: a newer worker may have written a field that this one does not know.
        return Customer.model_validate(record, extra="ignore", strict=False) if record else Customer()
