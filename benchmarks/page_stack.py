"""What the benchmark of the customer's page runs on: every part a process of its own, as in production, one of each."""

import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from temporalio.client import Client

from workers.embedded import temporal_server
from workers.embedded.ports import choose_port
from workers.embedded.postgres import EmbeddedPostgres
from workers.embedded.processes import Child, child_environment, own_command

UP_WITHIN_SECONDS = 60


@dataclass(frozen=True)
class Stack:
    """`session` sends no cookie by itself: fifty customers share it, each brings their own."""

    session: aiohttp.ClientSession
    api: str
    sandbox: str
    token: str
    temporal: Client

    async def ask_api(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self.session.request(method, self.api + path, json=body, headers=headers) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def ask_sandbox(self, method: str, path: str, body: Any = None) -> Any:
        async with self.session.request(method, self.sandbox + path, json=body) as response:
            assert response.status == 200, await response.text()
            return await response.json()


@asynccontextmanager
async def page_stack(folder: Path) -> AsyncIterator[Stack]:
    async with AsyncExitStack() as parts:
        postgres = EmbeddedPostgres(folder / "pg")
        parts.push_async_callback(postgres.stop)
        await postgres.start()
        ports = temporal_server.Ports.free()
        temporal = await _start(parts, folder, "temporal", temporal_server.command(ports, folder / "temporal.db"), {})
        await temporal_server.wait_until_up(ports.address, temporal)
        taken = set(ports)
        api, sandbox = choose_port(None, None, 0, taken), choose_port(None, None, 0, taken)
        token = secrets.token_hex(24)
        environment = await _environment(postgres, ports.address, api, sandbox, token)
        for name in ("sandbox", "worker", "api"):
            await _start(parts, folder, name, own_command(name), environment)
        bare = [sys.executable, "-m", "benchmarks.page_bare_worker", ports.address, environment["RECOUP_SANDBOX_URL"]]
        await _start(parts, folder, "bare", bare, {})
        without_limit = aiohttp.TCPConnector(limit=0)
        jar = aiohttp.DummyCookieJar()
        session = await parts.enter_async_context(aiohttp.ClientSession(connector=without_limit, cookie_jar=jar))
        client = await Client.connect(ports.address)
        stack = Stack(session, f"http://127.0.0.1:{api}", f"http://127.0.0.1:{sandbox}", token, client)
        await _until_up(session, f"{stack.api}/health/live", stack.sandbox)
        yield stack


async def _environment(postgres: EmbeddedPostgres, temporal: str, api: int, sandbox: int, token: str) -> dict[str, str]:
    """We are the load balancer whose word counts, so that every customer has an address of their own."""
    here = f"http://127.0.0.1:{api}"
    return {
        "RECOUP_DATABASE_URL": await postgres.database("recoup"),
        "RECOUP_SANDBOX_DATABASE_URL": await postgres.database("sandbox"),
        "RECOUP_TEMPORAL_ADDRESS": temporal,
        "RECOUP_API_PORT": str(api),
        "RECOUP_PUBLIC_URL": here,
        "RECOUP_LINK_KEYS": json.dumps([secrets.token_hex(32)]),
        "RECOUP_API_TOKENS": json.dumps({"bench": token}),
        "RECOUP_TRUSTED_PROXIES": json.dumps(["127.0.0.1/32"]),
        "RECOUP_WEBHOOK_SECRETS": json.dumps({"stripe/default": [f"whsec_{secrets.token_hex(16)}"]}),
        "RECOUP_SANDBOX_PORT": str(sandbox),
        "RECOUP_SANDBOX_URL": f"http://127.0.0.1:{sandbox}",
        "RECOUP_SANDBOX_WEBHOOK_URL": f"{here}/webhooks/stripe/default",
        "RECOUP_LOG_LEVEL": "WARNING",
    }


async def _start(parts: AsyncExitStack, folder: Path, name: str, command: list[str], env: dict[str, str]) -> Child:
    child = Child(name, command, folder / f"{name}.log", child_environment(env), keep_alive=False)
    parts.push_async_callback(child.stop)
    await child.start()
    return child


async def _until_up(session: aiohttp.ClientSession, *urls: str) -> None:
    async with asyncio.timeout(UP_WITHIN_SECONDS):
        for url in urls:
            while True:
                try:
                    async with session.get(url) as response:
                        if response.status == 200:
                            break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.1)
