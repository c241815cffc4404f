"""/health/live: the process answers. /health/ready: the database is up, so events are kept; Temporal may be down.
/health/sources: whether what should come does come; it names accounts, so it needs a token."""

from datetime import UTC, datetime
from typing import Literal

import asyncpg
from aiohttp import web
from temporalio.service import RPCError

from activities.store.database import DATABASE_DOWN
from api.errors import answer
from api.parts import ApiParts
from api.routes import UNAVAILABLE, Answer, Call, Nothing, Route
from policies.base import Record
from policies.intake.health import SourceHealth, SourceState


class Alive(Record):
    status: Literal["alive"] = "alive"


class Ready(Record):
    database: bool
    temporal: bool


class SourcesHealth(Record):
    """`state`: the worst of all."""

    state: SourceState
    sources: tuple[SourceHealth, ...]


async def live(call: Call[Nothing, Nothing, None]) -> web.Response:
    return answer(200, Alive())


async def ready(call: Call[Nothing, Nothing, None]) -> web.Response:
    found = Ready(database=await _database_answers(call.parts), temporal=await _temporal_answers(call.parts))
    return answer(200 if found.database else 503, found)


async def sources(call: Call[Nothing, Nothing, None]) -> web.Response:
    """Whether everybody who is set up to send speaks as usual. 200 whatever the state; the body says which."""
    parts = call.parts
    places = [(source, account) for source, _, account in (place.partition("/") for place in parts.webhook_secrets)]
    found = await parts.store.sources.health(sorted(places), datetime.now(UTC))
    worst = max((one.state for one in found), key=list(SourceState).index, default=SourceState.HEALTHY)
    return answer(200, SourcesHealth(state=worst, sources=tuple(found)))


async def _database_answers(parts: ApiParts) -> bool:
    try:
        return bool(await parts.store.pool.fetchval("select true"))
    except (*DATABASE_DOWN, asyncpg.PostgresError):
        return False


async def _temporal_answers(parts: ApiParts) -> bool:
    try:
        return await parts.temporal.service_client.check_health()
    except (RPCError, RuntimeError):
        return False


_READY = {200: Answer("they can; Temporal may be down", Ready), 503: Answer("they cannot", Ready)}
_SOURCES = {200: Answer("how each of them is", SourcesHealth), 503: UNAVAILABLE}

ROUTES = (
    Route("GET", "/health/live", live, "Whether the process answers", {200: Answer("it does", Alive)}, is_open=True),
    Route("GET", "/health/ready", ready, "Whether events can be kept", _READY, is_open=True),
    Route("GET", "/health/sources", sources, "Whether every source speaks as usual", _SOURCES),
)
