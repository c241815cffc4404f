"""The whole system on one machine: PostgreSQL, Temporal, sandbox, API and worker, all state in one folder.

Started in order of need, stopped in reverse. `recoup up`, `recoup demo` and the crash tests use this same stack.
"""

import asyncio
import fcntl
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import aiohttp
from pydantic import BaseModel

from workers.embedded import temporal_server
from workers.embedded.ports import choose_port
from workers.embedded.postgres import EmbeddedPostgres
from workers.embedded.processes import Child, child_environment, own_command
from workers.settings import Settings

UP_WITHIN_SECONDS = 60
ACCOUNT = "default"

USUAL_PORTS = {
    "api": 8080,
    "sandbox": 8090,
    "temporal": 7233,
    "temporal_ui": 8233,
    "temporal_http": 0,
    "temporal_metrics": 0,
}

Say = Callable[[str], None]


class FolderInUse(Exception):
    """Another stack runs on the data folder."""


class Remembered(BaseModel):
    """What the folder keeps between runs. Readable by its owner alone."""

    ports: dict[str, int] = {}
    webhook_secret: str = ""
    api_token: str = ""


@dataclass
class Stack:
    """A running stack. `environment` is what its processes were started with, for starting more of them."""

    folder: Path
    ports: dict[str, int]
    api_token: str
    webhook_secret: str
    environment: dict[str, str] = field(default_factory=dict)
    children: dict[str, Child] = field(default_factory=dict)

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['api']}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['sandbox']}"

    @property
    def temporal_address(self) -> str:
        return f"127.0.0.1:{self.ports['temporal']}"

    @property
    def temporal_ui_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['temporal_ui']}"

    @property
    def webhook_url(self) -> str:
        return f"{self.api_url}/webhooks/stripe/{ACCOUNT}"

    def settings(self) -> Settings:
        """The settings its processes run with."""
        own = {key.removeprefix("RECOUP_").lower(): value for key, value in self.environment.items()}
        parsed = {k: json.loads(v) if v.startswith(("{", "[")) else v for k, v in own.items()}
        return Settings.model_validate(parsed)


@asynccontextmanager
async def running_stack(folder: Path, asked_ports: dict[str, int | None], say: Say) -> AsyncIterator[Stack]:
    """Raises FolderInUse, PortTaken, NoTemporalBinary, or RuntimeError when a part does not come up."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "logs").mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        _claim(folder, lock)
        stack = _remembered_stack(folder, asked_ports)
        postgres = EmbeddedPostgres(folder / "pg")
        try:
            say("starting PostgreSQL")
            await postgres.start()
            stack.environment = await _environment(stack, postgres)
            await _start_temporal(stack, say)
            await _start_own(stack, say)
            yield stack
        finally:
            for name in ("worker", "api", "sandbox", "temporal"):
                if name in stack.children:
                    await stack.children[name].stop()
            await postgres.stop()


def _claim(folder: Path, lock: IO[str]) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise FolderInUse(f"another recoup runs on {folder}; stop it, or choose another folder with --data") from error


def _remembered_stack(folder: Path, asked: dict[str, int | None]) -> Stack:
    path = folder / "stack.json"
    known = Remembered.model_validate_json(path.read_text()) if path.exists() else Remembered()
    taken: set[int] = set()
    ports = {
        name: choose_port(asked.get(name), known.ports.get(name), usual, taken) for name, usual in USUAL_PORTS.items()
    }
    kept = Remembered(
        ports=ports,
        webhook_secret=known.webhook_secret or f"whsec_{secrets.token_hex(24)}",
        api_token=known.api_token or secrets.token_hex(24),
    )
    path.touch(mode=0o600)
    path.write_text(kept.model_dump_json(indent=2))
    return Stack(folder=folder, ports=ports, api_token=kept.api_token, webhook_secret=kept.webhook_secret)


async def _environment(stack: Stack, postgres: EmbeddedPostgres) -> dict[str, str]:
    return {
        "RECOUP_DATABASE_URL": await postgres.database("recoup"),
        "RECOUP_SANDBOX_DATABASE_URL": await postgres.database("sandbox"),
        "RECOUP_TEMPORAL_ADDRESS": stack.temporal_address,
        "RECOUP_TEMPORAL_UI_URL": stack.temporal_ui_url,
        "RECOUP_TEMPORAL_RETENTION_DAYS": "3650",
        "RECOUP_API_PORT": str(stack.ports["api"]),
        "RECOUP_API_TOKENS": json.dumps({"local": stack.api_token}),
        "RECOUP_WEBHOOK_SECRETS": json.dumps({f"stripe/{ACCOUNT}": [stack.webhook_secret]}),
        "RECOUP_SANDBOX_URL": stack.sandbox_url,
        "RECOUP_SANDBOX_PORT": str(stack.ports["sandbox"]),
        "RECOUP_SANDBOX_OUTBOX": str(stack.folder / "outbox"),
        "RECOUP_SANDBOX_WEBHOOK_URL": stack.webhook_url,
        "RECOUP_MERCHANT": json.dumps(
            {
                "name": "Example Ltd",
                "support_email": "support@example.com",
                "billing_url": f"{stack.sandbox_url}/billing/{{invoice_id}}",
            }
        ),
    }


async def _start_temporal(stack: Stack, say: Say) -> None:
    say("starting Temporal")
    command = temporal_server.command(
        stack.ports["temporal"],
        stack.ports["temporal_ui"],
        stack.ports["temporal_http"],
        stack.ports["temporal_metrics"],
        stack.folder / "temporal.db",
    )
    child = Child("temporal", command, stack.folder / "logs" / "temporal.log", child_environment({}))
    stack.children["temporal"] = child
    await child.start()
    await temporal_server.wait_until_up(stack.temporal_address, child)


async def _start_own(stack: Stack, say: Say) -> None:
    say("starting sandbox, API and worker")
    environment = child_environment(stack.environment)
    for name in ("sandbox", "api", "worker"):
        child = Child(name, own_command(name), stack.folder / "logs" / f"{name}.log", environment)
        stack.children[name] = child
        await child.start()
    await asyncio.gather(
        _until_answers(f"{stack.sandbox_url}/", stack.children["sandbox"]),
        _until_answers(f"{stack.api_url}/health/ready", stack.children["api"]),
    )


async def _until_answers(url: str, child: Child) -> None:
    try:
        async with asyncio.timeout(UP_WITHIN_SECONDS), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(url) as response:
                        if response.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise RuntimeError(f"{child.name} did not come up; see {child.log_file}") from error
