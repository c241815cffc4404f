"""Connection pool, queries and migrations. Several processes may migrate at once: exactly one applies each file."""

import hashlib
import json
import logging
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import aiosql
import asyncpg

HERE = Path(__file__).parent
MIGRATIONS = HERE / "migrations"
MIGRATION_LOCK = 5_270_011
BODIES = "inbox_bodies"
CONNECT_SECONDS = 5
"""A server that swallows packets must cost a sender of webhooks less than its own patience."""

# Also a server that is shutting down, is full or has become a standby: it cannot keep what we would answer 2xx for.
DATABASE_DOWN = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InterfaceError,
    # What asyncpg says of a connection that died in the middle of an operation.
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""What an operation ends in when the database is away: tried again later, never taken for an answer."""

Pool = asyncpg.Pool
"""A pool of connections; rows are asyncpg records."""


log = logging.getLogger(__name__)


class MigrationChanged(Exception):
    """A migration that was applied has been edited: write a new one instead."""


@cache
def queries(name: str) -> Any:
    """The named queries of `queries/<name>.sql`, as coroutines that take a connection and keyword arguments."""
    return aiosql.from_path(HERE / "queries" / f"{name}.sql", "asyncpg")


async def make_pool(dsn: str, size: int = 10) -> Pool:
    """Connects lazily, so that a process starts while the database is still down."""
    return await asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=size,
        init=_speak_json,
        reset=_nothing_to_reset,
        timeout=CONNECT_SECONDS,
        command_timeout=30,
    )


async def _nothing_to_reset(connection: asyncpg.Connection) -> None:
    """No session keeps a setting, a cursor or a lock, and asyncpg ends transactions and listeners by itself: its usual
    question to the server at every return would cost a webhook a third round trip."""


async def _speak_json(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)


async def migrate(pool: Pool) -> list[str]:
    """Applies what is missing, in order; returns the names applied. Raises MigrationChanged."""
    async with pool.acquire() as connection:
        await connection.execute("select pg_advisory_lock($1)", MIGRATION_LOCK)
        try:
            applied = await _apply_missing(connection)
            await _ensure_partitions(connection, datetime.now(UTC))
        finally:
            await connection.execute("select pg_advisory_unlock($1)", MIGRATION_LOCK)
    return applied


async def keep_house(pool: Pool, now: datetime, retention: timedelta) -> list[str]:
    """Makes the partitions of the next months and drops those whose bodies are all older than `retention`; returns the
    names dropped. Bodies that somebody still needs (waiting, dead letters) move to the default partition."""
    async with pool.acquire() as connection:
        await connection.execute("select pg_advisory_lock($1)", MIGRATION_LOCK)
        try:
            await _ensure_partitions(connection, now)
            before = now - retention
            dropped = [name for name in await _partitions(connection) if await _dropped(connection, name, before)]
            await connection.execute(_FORGET_WHAT_IS_OLD, before)
            return dropped
        finally:
            await connection.execute("select pg_advisory_unlock($1)", MIGRATION_LOCK)


async def _partitions(connection: Any) -> list[str]:
    """Monthly ones, oldest first."""
    rows = await connection.fetch(
        "select inhrelid::regclass::text as name from pg_inherits where inhparent = $1::text::regclass", BODIES
    )
    return sorted(row["name"] for row in rows if re.fullmatch(rf"{BODIES}_\d{{4}}_\d\d", row["name"]))


async def _dropped(connection: Any, name: str, before: datetime) -> bool:
    year, month = int(name[-7:-3]), int(name[-2:])
    end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    if end > before:
        return False
    async with connection.transaction():
        await connection.execute(f"alter table {BODIES} detach partition {name}")
        await connection.execute(_MOVE_WHAT_IS_NEEDED.format(name))
        await connection.execute(f"drop table {name}")
    return True


_NEEDED = "k.state = 'waiting' or (k.state in ('dead', 'refused') and k.discarded_at is null)"
_MOVE_WHAT_IS_NEEDED = f"""
insert into inbox_bodies select b.* from {{}} b join inbox_keys k using (id) where {_NEEDED}"""  # noqa: S608 - words of ours, and a partition's name
_FORGET_WHAT_IS_OLD = f"""
delete from inbox_bodies_default b using inbox_keys k
where k.id = b.id and b.received_at < $1 and not ({_NEEDED})"""  # noqa: S608 - words of ours


async def pending_migrations(pool: Pool) -> list[str]:
    async with pool.acquire() as connection:
        known = await _known(connection)
    return [path.name for path in sorted(MIGRATIONS.glob("*.sql")) if path.name not in known]


async def _apply_missing(connection: Any) -> list[str]:
    await connection.execute(
        "create table if not exists migrations (name text primary key, sha256 text not null, at timestamptz not null)"
    )
    known, applied = await _known(connection), []
    for path in sorted(MIGRATIONS.glob("*.sql")):
        text = path.read_text()
        digest = hashlib.sha256(text.encode()).hexdigest()
        if known.get(path.name, digest) != digest:
            raise MigrationChanged(f"{path.name} was edited after it was applied; add a new migration instead")
        if path.name not in known:
            async with connection.transaction():
                await connection.execute(text)
                await connection.execute("insert into migrations values ($1, $2, now())", path.name, digest)
            applied.append(path.name)
    return applied


async def _known(connection: Any) -> dict[str, str]:
    if await connection.fetchval("select to_regclass('migrations')") is None:
        return {}
    return {row["name"]: row["sha256"] for row in await connection.fetch("select name, sha256 from migrations")}


async def _ensure_partitions(connection: Any, now: datetime) -> None:
    """A partition of bodies for this month and the next two; the default one catches what nobody foresaw."""
    for ahead in range(3):
        month = now.year * 12 + now.month - 1 + ahead
        begin, end = (datetime(m // 12, m % 12 + 1, 1, tzinfo=UTC) for m in (month, month + 1))
        try:
            await connection.execute(
                f"create table if not exists inbox_bodies_{begin:%Y_%m} partition of inbox_bodies "
                f"for values from ('{begin.isoformat()}') to ('{end.isoformat()}')"
            )
        except asyncpg.CheckViolationError:
            # Bodies of that month came before its partition was made; they stay where they are and are found there.
            log.warning("bodies of %s stay in the default partition: it holds some already", f"{begin:%Y-%m}")
