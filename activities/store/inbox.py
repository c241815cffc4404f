"""The inbox: what was answered 2xx is here, and ends as delivered, ignored or dead (promise P1)."""

import hashlib
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from activities.store.database import Pool, queries
from policies.base import Record, UtcTime

LEASE = timedelta(seconds=20)
"""When a relay dies, another takes over after this. A delivery that takes longer is made twice, which is harmless."""


class Received(Record):
    """`first` false: these bytes were here before. `conflict`: the same event id came with another body."""

    id: str
    first: bool
    conflict: bool


class InboxRow(Record):
    id: str
    source: str
    account: str
    received_at: UtcTime
    body: bytes
    traceparent: str | None
    tries: int


class Inbox:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("inbox")

    async def receive(
        self,
        source: str,
        account: str,
        event_key: str,
        headers: Mapping[str, str],
        body: bytes,
        now: datetime,
        traceparent: str | None = None,
        held_for: timedelta | None = None,
    ) -> Received:
        """Commits before it returns. `held_for` keeps the relay away while the caller delivers the row itself."""
        async with self._pool.acquire() as connection:
            row = await self._queries.receive(
                connection,
                id=uuid.uuid4(),
                source=source,
                account=account,
                event_key=event_key,
                body_sha256=hashlib.sha256(body).hexdigest(),
                received_at=now,
                traceparent=traceparent,
                claimed_until=now + held_for if held_for else None,
                headers=dict(headers),
                body=body,
            )
        return Received(id=str(row["id"]), first=row["times_received"] == 1, conflict=row["conflict"])

    async def lease(self, now: datetime, batch: int) -> list[InboxRow]:
        """Rows that are due, claimed for LEASE; nobody else gets them meanwhile. Oldest first."""
        async with self._pool.acquire() as connection:
            rows = self._queries.lease(connection, now=now, claimed_until=now + LEASE, batch=batch)
            return [InboxRow.model_validate({**dict(row), "id": str(row["id"])}) async for row in rows]

    async def finish(
        self,
        row_id: str,
        state: Literal["delivered", "ignored", "dead"],
        now: datetime,
        reason: str | None = None,
        detail: str | None = None,
        case_id: str | None = None,
    ) -> None:
        async with self._pool.acquire() as connection:
            await self._queries.finish(
                connection,
                id=uuid.UUID(row_id),
                state=state,
                reason=reason,
                detail=detail,
                case_id=case_id,
                finished_at=now,
            )

    async def try_again(self, row_id: str, at: datetime, detail: str) -> None:
        async with self._pool.acquire() as connection:
            await self._queries.try_again(connection, id=uuid.UUID(row_id), next_try_at=at, detail=detail)

    async def row(self, row_id: str) -> dict[str, Any] | None:
        async with self._pool.acquire() as connection:
            row = await self._queries.row(connection, id=uuid.UUID(row_id))
        return dict(row) if row else None

    async def counts(self) -> dict[str, int]:
        """Rows by state and reason, such as `ignored/late`."""
        async with self._pool.acquire() as connection:
            rows = self._queries.counts(connection)
            return {"/".join(filter(None, (row["state"], row["reason"]))): row["rows"] async for row in rows}
