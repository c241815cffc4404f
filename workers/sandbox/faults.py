"""Wire faults on demand: a share of a gateway's charge requests is lost, before anything happens or after the
money moved.

Which one is lost follows from the seed, the idempotency key and how often that key was tried, so a run can be repeated.
All state is in the sandbox's tables: killing anything changes nothing.
"""

import hashlib
from enum import StrEnum
from typing import Annotated, Any

from aiohttp import web
from pydantic import Field, ValidationInfo, field_validator

from policies.base import Identifier, Record, Request
from workers.sandbox.database import Database, DatabasePool
from workers.sandbox.http import body_of

Share = Annotated[float, Field(ge=0, le=1)]


class FaultsRequest(Request):
    """Replaces what was asked for this gateway before; `{}` ends it for the gateway `sandbox`."""

    drop_before: Share = 0.0
    drop_after: Share = 0.0
    slow_seconds: Annotated[float, Field(ge=0, le=60)] = 0.0
    gateway: Identifier = "sandbox"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1

    @field_validator("drop_after")
    @classmethod
    def _no_more_than_all(cls, drop_after: float, info: ValidationInfo) -> float:
        if drop_after + info.data.get("drop_before", 0.0) > 1:
            raise ValueError("drop_before and drop_after together are more than every request")
        return drop_after


class Drop(StrEnum):
    NEVER = "never"
    BEFORE = "before"
    AFTER = "after"


class Fault(Record):
    drop: Drop = Drop.NEVER
    slow_seconds: float = 0.0


class Faults:
    def __init__(self, pool: DatabasePool) -> None:
        self._pool = pool

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/world/faults", self.ask), web.get("/world/faults", self.show)]

    async def ask(self, request: web.Request) -> web.Response:
        ask = await body_of(request, FaultsRequest)
        await self._pool.execute(
            """insert into wire_faults (gateway, drop_before, drop_after, slow_seconds, seed)
               values ($1, $2, $3, $4, $5)
               on conflict (gateway) do update set drop_before = excluded.drop_before,
                   drop_after = excluded.drop_after, slow_seconds = excluded.slow_seconds, seed = excluded.seed""",
            ask.gateway,
            ask.drop_before,
            ask.drop_after,
            ask.slow_seconds,
            ask.seed,
        )
        return await self.show(request)

    async def show(self, _: web.Request) -> web.Response:
        """What was asked for, and how many requests were dropped since the tables were made."""
        rows = await self._pool.fetch(
            """select f.*, coalesce(sum(t.tries), 0)::bigint as requests,
                      coalesce(sum(t.dropped_before), 0)::bigint as dropped_before,
                      coalesce(sum(t.dropped_after), 0)::bigint as dropped_after
               from wire_faults f left join wire_tries t using (gateway) group by f.gateway order by f.gateway"""
        )
        gateways: list[dict[str, Any]] = [dict(row) for row in rows]
        return web.json_response({"gateways": gateways})


async def draw_fault(pool: DatabasePool, gateway: str, key: str) -> Fault:
    """Counts this try of the key, for good: also when the request is refused afterwards."""
    async with pool.acquire() as database, database.transaction():
        asked = await database.fetchrow("select * from wire_faults where gateway = $1", gateway)
        if asked is None:
            return Fault()
        tries = await database.fetchval(
            """insert into wire_tries (gateway, idempotency_key, tries) values ($1, $2, 1)
               on conflict (gateway, idempotency_key) do update set tries = wire_tries.tries + 1 returning tries""",
            gateway,
            key,
        )
        drop = drop_of(asked["seed"], key, tries, asked["drop_before"], asked["drop_after"])
        if drop is Drop.BEFORE:
            await database.execute(
                """update wire_tries set dropped_before = dropped_before + 1
                   where gateway = $1 and idempotency_key = $2""",
                gateway,
                key,
            )
    return Fault(drop=drop, slow_seconds=asked["slow_seconds"])


async def count_dropped_after(database: Database, gateway: str, key: str) -> None:
    await database.execute(
        "update wire_tries set dropped_after = dropped_after + 1 where gateway = $1 and idempotency_key = $2",
        gateway,
        key,
    )


def drop_of(seed: int, key: str, tries: int, drop_before: float, drop_after: float) -> Drop:
    digest = hashlib.sha256(f"{seed}:{key}:{tries}".encode()).digest()
    place = int.from_bytes(digest[:8]) / 2**64
    if place < drop_before:
        return Drop.BEFORE
    return Drop.AFTER if place < drop_before + drop_after else Drop.NEVER
