"""Webhooks accepted per second (relay off), beside a bare handler with one INSERT: rounds alternate, medians count."""

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
from workers.embedded.ports import choose_port
from workers.embedded.postgres import EmbeddedPostgres
from workers.embedded.processes import Child, child_environment, own_command
from workers.sandbox.stripe_events import sign

ROUNDS, SECONDS_A_ROUND, CONNECTIONS = 5, 3.0, 16
SECRET = "whsec_bench"
GOAL = 0.7


async def measure(folder: Path) -> list[Figure]:
    async with AsyncExitStack() as parts:
        postgres = EmbeddedPostgres(folder / "pg")
        parts.push_async_callback(postgres.stop)
        await postgres.start()
        taken: set[int] = set()
        ours, bare = choose_port(None, None, 0, taken), choose_port(None, None, 0, taken)
        await _start(parts, folder, "api", own_command("api"), await _api_environment(postgres, ours))
        command = [sys.executable, "-m", "benchmarks.bare_server", await postgres.database("bare"), str(bare)]
        await _start(parts, folder, "bare", command, {})
        session = await parts.enter_async_context(aiohttp.ClientSession())
        await _until_up(session, f"http://127.0.0.1:{ours}/health/live", f"http://127.0.0.1:{bare}/")
        return await _rounds(session, f"http://127.0.0.1:{ours}/webhooks/stripe", f"http://127.0.0.1:{bare}/")


async def _rounds(session: aiohttp.ClientSession, ours_url: str, bare_url: str) -> list[Figure]:
    await _load(session, ours_url, 1.0)
    await _load(session, bare_url, 1.0)
    ours: list[list[float]] = []
    bare: list[list[float]] = []
    for _ in range(ROUNDS):
        ours.append(await _load(session, ours_url, SECONDS_A_ROUND))
        bare.append(await _load(session, bare_url, SECONDS_A_ROUND))
    our_rate, bare_rate = (median([len(r) / SECONDS_A_ROUND for r in rounds]) for rounds in (ours, bare))
    our_times, bare_times = ([ms for r in rounds for ms in r] for rounds in (ours, bare))
    return [
        Figure(
            name="webhooks accepted per second",
            ours=f"{our_rate:,.0f}/s",
            baseline=f"{bare_rate:,.0f}/s (one INSERT)",
            ratio=our_rate / bare_rate,
            goal=f">= {GOAL}",
        ),
        *(
            Figure(
                name=f"webhook answer p{share:.0%}".replace("%", ""),
                ours=f"{percentile(our_times, share):.1f} ms",
                baseline=f"{percentile(bare_times, share):.1f} ms",
                ratio=percentile(our_times, share) / percentile(bare_times, share),
            )
            for share in (0.5, 0.99)
        ),
    ]


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


async def _start(parts: AsyncExitStack, folder: Path, name: str, command: list[str], env: dict[str, str]) -> None:
    child = Child(name, command, folder / f"{name}.log", child_environment(env), keep_alive=False)
    parts.push_async_callback(child.stop)
    await child.start()


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
