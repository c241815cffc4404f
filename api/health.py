"""/health/live: the process answers. /health/ready: the database is up, so events are kept; Temporal may be down."""

import asyncpg
from aiohttp import web
from temporalio.service import RPCError

from api.errors import DATABASE_DOWN, answer
from api.parts import PARTS


async def live(request: web.Request) -> web.Response:
    return answer(200, {"status": "alive"})


async def ready(request: web.Request) -> web.Response:
    database, temporal = await _database_answers(request), await _temporal_answers(request)
    body: dict[str, object] = {"database": database, "temporal": temporal}
    return answer(200 if database else 503, body)


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
