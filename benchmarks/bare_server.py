"""The baseline of the webhook benchmark: an aiohttp handler that does one INSERT and answers. Nothing else."""

import asyncio
import sys
import uuid

import asyncpg
from aiohttp import web

POOL = web.AppKey("pool", asyncpg.Pool)


async def insert(request: web.Request) -> web.Response:
    body = await request.read()
    await request.app[POOL].execute("insert into bare (id, body) values ($1, $2)", uuid.uuid4(), body)
    return web.json_response({"received": True})


async def ping(_: web.Request) -> web.Response:
    return web.Response(text="up")


async def main(dsn: str, port: int) -> None:
    app = web.Application()
    app[POOL] = await asyncpg.create_pool(dsn, min_size=1, max_size=10)
    await app[POOL].execute("create table if not exists bare (id uuid primary key, body bytea not null)")
    app.add_routes([web.post("/", insert), web.get("/", ping)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
