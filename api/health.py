"""/health/live: the process answers. /health/ready: the database is up, so events are kept; Temporal may be down.
/health/sources: whether what should come does come; it names accounts, so it needs a token."""

from datetime import UTC, datetime

import asyncpg
from aiohttp import web
from temporalio.service import RPCError

from api.errors import DATABASE_DOWN, answer
from api.parts import PARTS
from policies.intake.health import SourceState


async def live(request: web.Request) -> web.Response:
    return answer(200, {"status": "alive"})


async def ready(request: web.Request) -> web.Response:
    database, temporal = await _database_answers(request), await _temporal_answers(request)
    body: dict[str, object] = {"database": database, "temporal": temporal}
    return answer(200 if database else 503, body)


async def sources(request: web.Request) -> web.Response:
    """Whether everybody who is set up to send speaks as usual. 200 whatever the state; the body says which."""
    parts = request.app[PARTS]
    places = [(source, account) for source, _, account in (place.partition("/") for place in parts.webhook_secrets)]
    found = await parts.store.sources.health(sorted(places), datetime.now(UTC))
    worst = max((one.state for one in found), key=list(SourceState).index, default=SourceState.HEALTHY)
    return answer(200, {"state": worst.value, "sources": [one.model_dump(mode="json") for one in found]})


async def _database_answers(request: web.Request) -> bool:
    try:
        return bool(await request.app[PARTS].store.pool.fetchval("select true"))
    except (*DATABASE_DOWN, asyncpg.PostgresError):
        return False


async def _temporal_answers(request: web.Request) -> bool:
    try:
        return await request.app[PARTS].temporal.service_client.check_health()
    except (RPCError, RuntimeError):
        return False
