"""The inbox: what was answered 2xx is here, and ends as delivered, ignored or dead (promise P1)."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from activities.store.database import Pool, queries
from activities.store.group_commit import GroupCommit
from policies.base import Record, UtcTime
from policies.intake.checks import Finding
from policies.money import Money

LEASE = timedelta(seconds=20)
"""When a relay dies, another takes over after this. A delivery that takes longer is made twice, which is harmless."""


class Received(Record):
    """`first` false: these bytes were here before, and `state` says what they are now. `conflict`: the same event id
    came with another body."""

    id: str
    first: bool
    conflict: bool
    state: str


class InboxRow(Record):
    """`headers` are given only while the row is `unproven`: its signature is still to be checked. `replay`: it is
    delivered once more, and `state` is what became of it the first time."""

    id: str
    source: str
    account: str
    received_at: UtcTime
    body: bytes
    traceparent: str | None
    tries: int
    unproven: bool = False
    replay: bool = False
    state: Literal["waiting", "delivered", "ignored"] = "waiting"
    headers: dict[str, str] | None = None


class Burial(Record):
    """Why an event could not become a fact, and what it is about, as far as it could be read.

    `state`: `dead`, or `refused` when its sender was told no. `reason` is a word for programs, `detail` a sentence.
    """

    state: Literal["dead", "refused"] = "dead"
    reason: str
    detail: str
    field: str | None = None
    kind: str | None = None
    invoice_id: str | None = None
    customer_id: str | None = None
    amount: Money | None = None
    stake: float = 0


class Verdict(Record):
    """What an account's rules say of an event: which spoke, and whether it is held back. `invoice_id`: what it is
    about, so that a later event of that invoice can prove them wrong."""

    findings: tuple[Finding, ...] = ()
    burial: Burial | None = None
    invoice_id: str | None = None


NOTHING_SAID = Verdict()


class Inbox:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("inbox")
        self._commits = GroupCommit(pool)

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
        unproven: bool = False,
        verdict: Verdict = NOTHING_SAID,
        clash: Verdict = NOTHING_SAID,
    ) -> Received:
        """Commits before it returns. `held_for` keeps the relay away while the caller delivers the row itself.
        `verdict`: what the account's rules say of it, `clash`: what they add should its id have been here with another
        body; kept in the same commit."""
        row = {
            "id": uuid.uuid4(),
            "source": source,
            "account": account,
            "event_key": event_key,
            "body_sha256": _fingerprint(body, headers if unproven else {}),
            "received_at": now,
            "traceparent": traceparent,
            "claimed_until": now + held_for if held_for else None,
            "unproven": unproven,
            "headers": dict(headers),
            "body": body,
        }
        if verdict.findings or clash.burial:
            return await self._receive_with(row, verdict, clash)
        received = _received(await self._commits.receive(row))
        if received.first and received.conflict and clash.findings:
            # Nothing but a warning, so it may come a moment later.
            async with self._pool.acquire() as connection:
                await self._keep(connection, row, clash)
        return received

    async def _receive_with(self, row: dict[str, Any], verdict: Verdict, clash: Verdict) -> Received:
        event = row["source"], row["account"], row["event_key"]
        async with self._commits.alone(event), self._pool.acquire() as connection, connection.transaction():
            received = _received(await self._queries.receive(connection, **row))
            if received.first:
                await self._keep(connection, row, verdict)
            if received.first and received.conflict:
                await self._keep(connection, row, clash)
        return received

    async def _keep(self, connection: Any, row: dict[str, Any], verdict: Verdict) -> None:
        for finding in verdict.findings:
            await self._queries.add_finding(
                connection,
                row_id=row["id"],
                source=row["source"],
                account=row["account"],
                **finding.model_dump(),
                invoice_id=verdict.invoice_id,
                at=row["received_at"],
            )
        if verdict.burial:
            await self._bury(connection, str(row["id"]), verdict.burial, row["received_at"])

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
        customer_id: str | None = None,
    ) -> None:
        async with self._pool.acquire() as connection:
            await self._queries.finish(
                connection,
                id=uuid.UUID(row_id),
                state=state,
                reason=reason,
                detail=_storable(detail),
                case_id=case_id,
                customer_id=customer_id,
                finished_at=now,
            )

    async def bury(self, row_id: str, burial: Burial, now: datetime) -> None:
        async with self._pool.acquire() as connection:
            await self._bury(connection, row_id, burial, now)

    async def _bury(self, connection: Any, row_id: str, burial: Burial, now: datetime) -> None:
        await self._queries.bury(
            connection,
            id=uuid.UUID(row_id),
            **{name: _storable(value) for name, value in burial.model_dump(exclude={"amount"}).items()},
            amount_minor=burial.amount.amount_minor if burial.amount else None,
            currency=burial.amount.currency if burial.amount else None,
            finished_at=now,
        )

    async def replayed(self, row_id: str) -> None:
        """Delivered once more; what became of it the first time stands."""
        async with self._pool.acquire() as connection:
            await self._queries.replayed(connection, id=uuid.UUID(row_id))

    async def proven(self, row_id: str) -> None:
        async with self._pool.acquire() as connection:
            await self._queries.proven(connection, id=uuid.UUID(row_id))

    async def replay(self, since: datetime, until: datetime, source: str | None, account: str | None) -> int:
        """Has every finished row of that time delivered once more; returns how many."""
        async with self._pool.acquire() as connection:
            return int(await self._queries.replay(connection, source=source, account=account, since=since, until=until))

    async def knows(self, source: str, account: str, event_key: str) -> bool:
        async with self._pool.acquire() as connection:
            return bool(await self._queries.knows(connection, source=source, account=account, event_key=event_key))

    async def try_again(self, row_id: str, at: datetime, detail: str) -> None:
        async with self._pool.acquire() as connection:
            await self._queries.try_again(connection, id=uuid.UUID(row_id), next_try_at=at, detail=_storable(detail))

    async def row(self, row_id: str) -> dict[str, Any] | None:
        async with self._pool.acquire() as connection:
            row = await self._queries.row(connection, id=uuid.UUID(row_id))
        return dict(row) if row else None

    async def counts(self) -> dict[str, int]:
        """Rows by state and reason, such as `ignored/late`."""
        async with self._pool.acquire() as connection:
            rows = self._queries.counts(connection)
            return {"/".join(filter(None, (row["state"], row["reason"]))): row["rows"] async for row in rows}


def _received(row: Any) -> Received:
    return Received(id=str(row["id"]), first=row["times_received"] == 1, conflict=row["conflict"], state=row["state"])


def _fingerprint(body: bytes, unproven_headers: Mapping[str, str]) -> str:
    """Of what must be the same to be a repetition. While nobody has proven a delivery its signature is part of it: a
    forged copy that comes first must not stand for the genuine one."""
    signature = json.dumps(sorted(unproven_headers.items())).encode() if unproven_headers else b""
    return hashlib.sha256(signature + body).hexdigest()


def _storable(value: Any) -> Any:
    """What a stranger wrote may stand in a sentence about it, and PostgreSQL holds neither NUL nor half characters."""
    if not isinstance(value, str):
        return value
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
