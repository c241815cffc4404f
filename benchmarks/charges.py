"""Charges per second of the charge activity, without a limit, beside the bare request to the same gateway.

The activity reads the invoice, checks for fraud, asks for the gateway's health, reserves in the ledger, charges and
settles: three requests to the sandbox, a process of its own, where the baseline makes one. It is called as it is: what
Temporal needs to hand it to a worker is not in the figure. Rounds alternate, medians count.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import SecretStr

from activities.charging import Charging
from activities.contracts import Attempted, ChargeRequest
from activities.store.database import migrate
from benchmarks.figures import Figure, median
from policies.facts import Outcome
from policies.keys import CaseRef, attempt_key
from policies.money import Money
from workers.embedded.ports import choose_port
from workers.embedded.postgres import EmbeddedPostgres
from workers.embedded.processes import Child, child_environment, own_command
from workers.settings import Settings
from workers.wiring import wired

ROUNDS, CHARGES_A_ROUND, AT_ONCE = 5, 200, 10
DUE = Money(amount_minor=2900, currency="EUR")
UP_WITHIN_SECONDS = 30


async def measure(folder: Path) -> list[Figure]:
    async with AsyncExitStack() as parts:
        postgres = EmbeddedPostgres(folder / "pg")
        parts.push_async_callback(postgres.stop)
        await postgres.start()
        session = await parts.enter_async_context(aiohttp.ClientSession())
        url = await _sandbox(parts, folder, await postgres.database("sandbox"), session)
        settings = Settings(database_url=SecretStr(await postgres.database("recoup")), sandbox_url=url)
        wiring = await parts.enter_async_context(wired(settings))
        await migrate(wiring.store.pool)
        charging = Charging(wiring.store, wiring.adapters)

        async def through_activity(request: ChargeRequest) -> None:
            answer = await charging.charge(request)
            assert isinstance(answer, Attempted), answer
            assert answer.outcome is Outcome.SUCCEEDED, answer

        async def bare(request: ChargeRequest) -> None:
            await _post(session, f"{url}/gateway/charges", _bare_body(request))

        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(await _rate(through_activity, await _due(session, url)))
            theirs.append(await _rate(bare, await _due(session, url)))
        return [
            Figure(
                name="charges through the activity, per second",
                ours=f"{median(ours):,.0f}/s ({min(ours):,.0f}..{max(ours):,.0f})",
                baseline=f"{median(theirs):,.0f}/s (bare POST)",
                ratio=median(ours) / median(theirs),
            )
        ]


async def _sandbox(parts: AsyncExitStack, folder: Path, dsn: str, session: aiohttp.ClientSession) -> str:
    port = choose_port(None, None, 0, set())
    environment = {"RECOUP_SANDBOX_DATABASE_URL": dsn, "RECOUP_SANDBOX_PORT": str(port), "RECOUP_LOG_LEVEL": "ERROR"}
    log = folder / "sandbox.log"
    child = Child("sandbox", own_command("sandbox"), log, child_environment(environment), keep_alive=False)
    parts.push_async_callback(child.stop)
    await child.start()
    url = f"http://127.0.0.1:{port}"
    async with asyncio.timeout(UP_WITHIN_SECONDS):
        while True:
            try:
                async with session.get(url):
                    return url
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)


async def _due(session: aiohttp.ClientSession, url: str) -> list[ChargeRequest]:
    return [await _one_due(session, url) for _ in range(CHARGES_A_ROUND)]


async def _one_due(session: aiohttp.ClientSession, url: str) -> ChargeRequest:
    now = datetime.now(UTC)
    body = {"story": "generic", "amount_minor": DUE.amount_minor, "at": now.isoformat(), "deliver": False}
    failed = await _post(session, f"{url}/world/failures", body)
    case = CaseRef(source="stripe", account="bench", invoice_id=failed["invoice_id"])
    return ChargeRequest(
        case=case,
        ordinal=1,
        key=attempt_key(case, 1),
        gateway="sandbox",
        customer_id=failed["customer_id"],
        credential_id=failed["credential_id"],
        amount=DUE,
        now=now,
    )


def _bare_body(request: ChargeRequest) -> dict[str, Any]:
    return {
        "idempotency_key": uuid.uuid4().hex,
        "invoice_id": request.case.invoice_id,
        "credential_id": request.credential_id,
        "amount_minor": request.amount.amount_minor,
        "currency": request.amount.currency,
    }


async def _post(session: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> dict[str, Any]:
    async with session.post(url, json=body) as response:
        response.raise_for_status()
        answer: dict[str, Any] = await response.json()
        return answer


async def _rate(charge: Callable[[ChargeRequest], Awaitable[None]], due: Iterable[ChargeRequest]) -> float:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(request: ChargeRequest) -> None:
        async with slots:
            await charge(request)

    began = time.perf_counter()
    await asyncio.gather(*(one(request) for request in due))
    return CHARGES_A_ROUND / (time.perf_counter() - began)
