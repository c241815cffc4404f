"""The whole system on one machine: PostgreSQL, Temporal, sandbox, API and worker, all state in one folder.

API and sandbox run in this process, the rest as children; what started last is stopped first. `recoup up`,
`recoup demo` and the crash tests use this same stack.
"""

import fcntl
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from pydantic import BaseModel

from workers.embedded import temporal_server
from workers.embedded.ports import choose_port
from workers.embedded.postgres import EmbeddedPostgres
from workers.embedded.processes import Child, child_environment, own_command
from workers.mistakes import Mistake
from workers.servers import serving_api, serving_sandbox
from workers.settings import Settings

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


class FolderInUse(Mistake):
    """Another stack runs on the data folder."""


class Remembered(BaseModel):
    """What the folder keeps between runs. Readable by its owner alone."""

    ports: dict[str, int] = {}
    webhook_secret: str = ""
    api_token: str = ""
    link_key: str = ""


@dataclass
class Stack:
    """A running stack. `environment` is what its processes were started with, for starting more of them."""

    folder: Path
    ports: dict[str, int]
    api_token: str
    webhook_secret: str
    link_key: str
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
        """What its processes run with: the stack's own values before those of the surrounding environment."""
        own = {key.removeprefix("RECOUP_").lower(): value for key, value in self.environment.items()}
        parsed = {key: json.loads(value) if value.startswith(("{", "[")) else value for key, value in own.items()}
        return Settings.model_validate({**Settings().model_dump(), **parsed})


@asynccontextmanager
async def running_stack(folder: Path, asked_ports: dict[str, int | None], say: Say) -> AsyncIterator[Stack]:
    """Raises FolderInUse, PortTaken, NoTemporalBinary, or RuntimeError when a part does not come up."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "logs").mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        _claim(folder, lock)
        stack = _remembered_stack(folder, asked_ports)
        async with AsyncExitStack() as parts:
            say("starting PostgreSQL and Temporal")
            temporal = await _start(stack, "temporal", _temporal_command(stack), {}, parts)
            stack.environment = await _environment(stack, await _start_postgres(stack, parts))
            say("starting worker, API and sandbox")
            await _start(stack, "worker", own_command("worker"), stack.environment, parts)
            settings = stack.settings()
            await parts.enter_async_context(serving_sandbox(settings))
            await parts.enter_async_context(serving_api(settings))
            await temporal_server.wait_until_up(stack.temporal_address, temporal)
            yield stack


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
        link_key=known.link_key or secrets.token_hex(32),
    )
    path.touch(mode=0o600)
    path.write_text(kept.model_dump_json(indent=2))
    return Stack(
        folder=folder,
        ports=ports,
        api_token=kept.api_token,
        webhook_secret=kept.webhook_secret,
        link_key=kept.link_key,
    )


async def _environment(stack: Stack, postgres: EmbeddedPostgres) -> dict[str, str]:
    # Other sources may be tried beside the sandbox, by the settings that we were started with.
    asked_for = Settings().secrets_by_account()
    return {
        "RECOUP_DATABASE_URL": await postgres.database("recoup"),
        "RECOUP_SANDBOX_DATABASE_URL": await postgres.database("sandbox"),
        "RECOUP_TEMPORAL_ADDRESS": stack.temporal_address,
        "RECOUP_TEMPORAL_RETENTION_DAYS": "3650",
        "RECOUP_API_PORT": str(stack.ports["api"]),
        "RECOUP_PUBLIC_URL": stack.api_url,
        "RECOUP_LINK_KEYS": json.dumps([stack.link_key]),
        "RECOUP_API_TOKENS": json.dumps({"local": stack.api_token}),
        "RECOUP_WEBHOOK_SECRETS": json.dumps({**asked_for, f"stripe/{ACCOUNT}": [stack.webhook_secret]}),
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


async def _start_postgres(stack: Stack, parts: AsyncExitStack) -> EmbeddedPostgres:
    postgres = EmbeddedPostgres(stack.folder / "pg")
    parts.push_async_callback(postgres.stop)
    await postgres.start()
    return postgres


async def _start(
    stack: Stack, name: str, command: list[str], environment: dict[str, str], parts: AsyncExitStack
) -> Child:
    child = Child(name, command, stack.folder / "logs" / f"{name}.log", child_environment(environment))
    stack.children[name] = child
    parts.push_async_callback(child.stop)
    await child.start()
    return child


def _temporal_command(stack: Stack) -> list[str]:
    names = ("temporal", "temporal_ui", "temporal_http", "temporal_metrics")
    ports = temporal_server.Ports(*(stack.ports[name] for name in names))
    return temporal_server.command(ports, stack.folder / "temporal.db")
