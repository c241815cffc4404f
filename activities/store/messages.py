"""The contact ledger: every message to every customer. A row left `sending` is never sent again. Append-only."""

from datetime import datetime

from activities.store.database import Pool, queries
from policies.base import Record
from policies.facts import MessageStatus
from policies.keys import CaseRef


class MessageState(Record):
    """`sending`: a channel was asked and nobody knows how it ended."""

    status: MessageStatus | None
    sending: bool
    channel: str | None


class ContactLedger:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("messages")

    async def state_of(self, key: str) -> MessageState | None:
        async with self._pool.acquire() as connection:
            row = await self._queries.by_key(connection, key=key)
        if row is None:
            return None
        sending = row["status"] == "sending"
        status = None if row["status"] in (None, "sending", "not_sent") else MessageStatus(row["status"])
        return MessageState(status=status, sending=sending, channel=row["channel"])

    async def reserve(self, case: CaseRef, key: str, customer_id: str, template: str, at: datetime) -> None:
        async with self._pool.acquire() as connection:
            await self._queries.reserve(
                connection,
                key=key,
                source=case.source,
                account=case.account,
                case_id=case.case_id,
                customer_id=customer_id,
                template=template,
                at=at,
            )

    async def sending(self, key: str, channel: str, at: datetime) -> bool:
        """Written before the channel is asked. False when another run of the activity has asked one meanwhile."""
        async with self._pool.acquire() as connection, connection.transaction():
            await self._queries.lock(connection, key=key)
            row = await self._queries.by_key(connection, key=key)
            if row is None or row["status"] not in (None, "not_sent"):
                return False
            await self._queries.add_result(connection, key=key, channel=channel, status="sending", detail=None, at=at)
            return True

    async def not_sent(self, key: str, channel: str, detail: str, at: datetime) -> None:
        """The channel certainly did not take it, so another try or another channel may."""
        await self._add(key, channel, "not_sent", detail, at)

    async def ended(self, key: str, channel: str | None, status: MessageStatus, detail: str, at: datetime) -> None:
        await self._add(key, channel, status.value, detail, at)

    async def _add(self, key: str, channel: str | None, status: str, detail: str | None, at: datetime) -> None:
        async with self._pool.acquire() as connection:
            await self._queries.add_result(connection, key=key, channel=channel, status=status, detail=detail, at=at)
