"""Webhooks accepted per second for a minute, beside a bare handler with one INSERT: rounds alternate, medians count.

Once with no relay running, as a goal; once with one that starts cases meanwhile, for information.
"""

import asyncio
import json
import sys
import time
import uuid
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from benchmarks.figures import Figure, median, percentile
from workers.embedded import temporal_server
from workers.embedded.ports import choose_port
from workers.embedded.postgres import EmbeddedPostgres
from workers.embedded.processes import Child, child_environment, own_command
from workers.sandbox.stripe_events import sign

ROUNDS, ROUNDS_WITH_RELAY, SECONDS_A_ROUND, CONNECTIONS = 10, 3, 6.0, 16
SECRET = "whsec_bench"
GOAL = 0.7
MEMORY_GOAL = 1.1


async def measure(folder: Path) -> list[Figure]:
    async with AsyncExitStack() as parts:
        postgres = EmbeddedPostgres(folder / "pg")
        parts.push_async_callback(postgres.stop)
        await postgres.start()
        taken: set[int] = set()
        ours, bare = choose_port(None, None, 0, taken), choose_port(None, None, 0, taken)
        environment = await _api_environment(postgres, ours)
        api = await _start(parts, folder, "api", own_command("api"), environment)
        command = [sys.executable, "-m", "benchmarks.bare_server", await postgres.database("bare"), str(bare)]
        await _start(parts, folder, "bare", command, {})
        session = await parts.enter_async_context(aiohttp.ClientSession())
        await _until_up(session, f"http://127.0.0.1:{ours}/health/live", f"http://127.0.0.1:{bare}/")
        urls = f"http://127.0.0.1:{ours}/webhooks/stripe", f"http://127.0.0.1:{bare}/"
        for url in urls:
            await _load(session, url, 2.0)
        begun_with = _megabytes(api)
        figures = _figures("", *await _rounds(session, *urls, ROUNDS), f">= {GOAL}")
        figures.append(_memory(begun_with, _megabytes(api)))
        await _start_relay(parts, folder, environment)
        beside = _figures(", relay on", *await _rounds(session, *urls, ROUNDS_WITH_RELAY), "")
        return [*figures, beside[0]]


async def _start_relay(parts: AsyncExitStack, folder: Path, environment: dict[str, str]) -> None:
    ports = temporal_server.Ports.free()
    temporal = await _start(parts, folder, "temporal", temporal_server.command(ports, folder / "temporal.db"), {})
    await temporal_server.wait_until_up(ports.address, temporal)
    settings = {**environment, "RECOUP_TEMPORAL_ADDRESS": ports.address}
    await _start(parts, folder, "relay", [sys.executable, "-m", "benchmarks.relay_server"], settings)


Rounds = list[list[float]]
"""Milliseconds of each answer, by round."""


async def _rounds(session: aiohttp.ClientSession, ours_url: str, bare_url: str, count: int) -> tuple[Rounds, Rounds]:
    ours: Rounds = []
    bare: Rounds = []
    for _ in range(count):
        ours.append(await _load(session, ours_url, SECONDS_A_ROUND))
        bare.append(await _load(session, bare_url, SECONDS_A_ROUND))
    return ours, bare


def _figures(beside: str, ours: Rounds, bare: Rounds, goal: str) -> list[Figure]:
    our_rate, bare_rate = (median([len(r) / SECONDS_A_ROUND for r in rounds]) for rounds in (ours, bare))
    our_times, bare_times = ([ms for r in rounds for ms in r] for rounds in (ours, bare))
    return [
        Figure(
            name=f"webhooks accepted per second{beside}",
            ours=f"{our_rate:,.0f}/s",
            baseline=f"{bare_rate:,.0f}/s (one INSERT)",
            ratio=our_rate / bare_rate,
            goal=goal,
        ),
        *(
            Figure(
                name=f"webhook answer p{share * 100:.0f}{beside}",
                ours=f"{percentile(our_times, share):.1f} ms",
                baseline=f"{percentile(bare_times, share):.1f} ms",
                ratio=percentile(our_times, share) / percentile(bare_times, share),
            )
            for share in (0.5, 0.95, 0.99)
        ),
    ]


def _memory(begun_with: float, ended_with: float) -> Figure:
    return Figure(
        name="memory of the API after the minute",
        ours=f"{ended_with:.0f} MB",
        baseline=f"{begun_with:.0f} MB (warmed up)",
        ratio=ended_with / begun_with,
        goal=f"<= {MEMORY_GOAL}",
    )


def _megabytes(process: Child) -> float:
    """Resident, as the kernel says; Linux only."""
    pages = Path(f"/proc/{process.pid}/statm").read_text().split()[1]
    return int(pages) * 4096 / 1e6


async def _load(session: aiohttp.ClientSession, url: str, seconds: float) -> list[float]:
    """Milliseconds of each answer, CONNECTIONS at a time, for `seconds`."""
    until, times = time.monotonic() + seconds, []

    async def one_connection() -> None:
        while time.monotonic() < until:
            body = failed_invoice_event()
            headers = {"Stripe-Signature": sign(body, SECRET, datetime.now(UTC))}
            began = time.perf_counter()
            async with session.post(url, data=body, headers=headers) as response:
                text = await response.text()
                assert response.status == 200, text
            times.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*(one_connection() for _ in range(CONNECTIONS)))
    return times


def failed_invoice_event() -> bytes:
    unique = uuid.uuid4().hex
    invoice = {
        "id": f"in_{unique}",
        "object": "invoice",
        "amount_due": 2900,
        "amount_remaining": 2900,
        "currency": "eur",
        "customer": f"cus_{unique}",
        "billing_reason": "subscription_cycle",
        "collection_method": "charge_automatically",
        "description": "x" * 2000,
    }
    event = {"id": f"evt_{unique}", "type": "invoice.payment_failed", "created": int(time.time())}
    return json.dumps({**event, "data": {"object": invoice}}).encode()


async def _api_environment(postgres: EmbeddedPostgres, port: int) -> dict[str, str]:
    return {
        "RECOUP_DATABASE_URL": await postgres.database("recoup"),
        "RECOUP_API_PORT": str(port),
        "RECOUP_WEBHOOK_SECRETS": json.dumps({"stripe/default": [SECRET]}),
        "RECOUP_LOG_LEVEL": "WARNING",
    }


async def _start(parts: AsyncExitStack, folder: Path, name: str, command: list[str], env: dict[str, str]) -> Child:
    child = Child(name, command, folder / f"{name}.log", child_environment(env), keep_alive=False)
    parts.push_async_callback(child.stop)
    await child.start()
    return child


async def _until_up(session: aiohttp.ClientSession, *urls: str) -> None:
    async with asyncio.timeout(60):
        for url in urls:
            while True:
                try:
                    async with session.get(url) as response:
                        if response.status == 200:
                            break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.1)
