"""5,000 signed events while Temporal, PostgreSQL and the worker with its relay are each killed twice (promise P1).

A fifth comes twice, a fifth out of order, a twentieth is malformed, a twentieth forged. Whatever was answered 2xx ends
as exactly one of delivered, ignored or dead, and what becomes of each invoice is the same as on a calm day.
"""

import asyncio
import copy
import json
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from workers.embedded.postgres import get_server
from workers.embedded.processes import Child
from workers.embedded.stack import Stack, running_stack
from workers.sandbox.stripe_events import body_of_event, sign
from workers.temporal import leave

EVENTS, INVOICES = 5000, 300
SHARES = {"twice": 0.2, "malformed": 0.05, "forged": 0.05}
OUT_OF_ORDER = 0.2
SENDERS = 16
PATIENCE_SECONDS = 240
FAILED_AT = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)
FATES = ("paid", "paid", "void", "open", "open")


@dataclass(frozen=True)
class Sent:
    """`key`: the event's id; `kind`: genuine, twice, malformed or forged."""

    key: str
    kind: str
    body: bytes


@dataclass
class Answers:
    by_kind: dict[str, Counter[int]] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)

    def take(self, sent: Sent, status: int) -> None:
        self.by_kind.setdefault(sent.kind, Counter())[status] += 1
        if 200 <= status < 300:
            self.accepted.add(sent.key)


@pytest.mark.timeout(600)
async def test_nothing_is_lost_and_nothing_differs_when_everything_is_killed_twice(tmp_path: Path) -> None:
    calm, calm_answers, deliveries = await one_day(tmp_path / "calm", [])
    wild, answers, _ = await one_day(tmp_path / "wild", ["worker", "temporal", "postgres"] * 2)
    assert wild == calm
    assert Counter(wild.values()).keys() == {"running", "over"}
    for taken in (calm_answers, answers):
        assert {kind: set(statuses) for kind, statuses in taken.by_kind.items()} == {
            "genuine": {200},
            "twice": {200},
            "malformed": {200, 400},
            "forged": {401},
        }
    assert len(deliveries) == EVENTS


async def one_day(folder: Path, blows: list[str]) -> tuple[dict[str, str], Answers, list[Sent]]:
    """What became of each invoice, what was answered, and what was sent; the same for the same seed."""
    chance = random.Random(7)
    async with running_stack(folder, {}, lambda _: None) as stack:
        deliveries = await the_days_post(stack, chance)
        answers = await all_sent(stack, deliveries, blows)
        database = await asyncpg.connect(stack.environment["RECOUP_DATABASE_URL"])
        try:
            await until_all_has_an_end(database)
            await every_accepted_event_has_exactly_one_end(database, deliveries, answers)
            what_became = await states(database)
        finally:
            await database.close()
        await leave()
    return what_became, answers, deliveries


# --- what is sent -----------------------------------------------------------------------------------------------------


async def the_days_post(stack: Stack, chance: random.Random) -> list[Sent]:
    news = await what_happens(stack, chance)
    bad = [spoiled(chance, chance.choice(news), n) for n in range(int(EVENTS * SHARES["malformed"]))]
    forged = [
        Sent(f"evt_forged_{n}", "forged", chance.choice(news).body) for n in range(int(EVENTS * SHARES["forged"]))
    ]
    again = [Sent(one.key, "twice", one.body) for one in chance.sample(news, int(EVENTS * SHARES["twice"]))]
    post = news + again + bad + forged
    places = sorted(range(len(post)), key=lambda place: place % len(news) + chance.random())
    return [post[place] for place in shuffled_a_little(places, chance)]


def shuffled_a_little(places: list[int], chance: random.Random) -> list[int]:
    """A fifth comes up to two hundred places too early or too late."""
    late = {place: chance.randint(-200, 200) if chance.random() < OUT_OF_ORDER else 0 for place in places}
    return [place for _, place in sorted((position + late[place], place) for position, place in enumerate(places))]


async def what_happens(stack: Stack, chance: random.Random) -> list[Sent]:
    """In the order in which it happened: failures, what ended some invoices, and much that is no matter of ours."""
    told: list[tuple[int, Sent]] = []
    each = int(EVENTS * (1 - sum(SHARES.values()))) // INVOICES
    async with aiohttp.ClientSession() as session:
        for number in range(INVOICES):
            events = await invoice_in_the_world(stack, session, number)
            while len(events) < each:
                events.append(one_more(chance, events[0], number, len(events)))
            told += [(event["created"], genuine(event)) for event in events]
    rest = int(EVENTS * (1 - sum(SHARES.values()))) - len(told)
    for number in range(rest):
        event = {"id": f"evt_rest_{number}", "type": "product.created", "created": stamp(0), "data": {"object": {}}}
        told.append((event["created"], genuine(event)))
    return [sent for _, sent in sorted(told, key=lambda pair: (pair[0], pair[1].key))]


async def invoice_in_the_world(stack: Stack, session: aiohttp.ClientSession, number: int) -> list[dict[str, Any]]:
    """Its failure, and its payment or end; the world knows all of it before anything is told. A worker may ask for what
    no webhook brought, and then the webhook is the second to come: its bytes are the same."""
    at = FAILED_AT + timedelta(minutes=number % 120)
    names = {"invoice_id": f"in_chaos_{number}", "customer_id": f"cus_chaos_{number}"}
    ask = {"story": "do_not_honor", **names, "at": at.isoformat(), "deliver": False}
    failed = await asked(session, f"{stack.sandbox_url}/world/failures", ask)
    events = [failed["event"]]
    change = {"paid": "pay", "void": "void"}.get(FATES[number % len(FATES)])
    if change:
        later = (at + timedelta(hours=2)).isoformat()
        address = f"{stack.sandbox_url}/world/invoices/{names['invoice_id']}/{change}"
        events.append((await asked(session, address, {"deliver": False}, {"X-Recoup-Now": later}))["event"])
    return events


async def asked(
    session: aiohttp.ClientSession, address: str, body: Any, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    async with session.post(address, json=body, headers=headers) as response:
        assert response.status == 200, await response.text()
        return dict(await response.json())


def one_more(chance: random.Random, failed: dict[str, Any], number: int, place: int) -> dict[str, Any]:
    """Another failure of the same invoice before it was paid, or something that is no matter of ours."""
    event = copy.deepcopy(failed)
    event["id"] = f"evt_{number}_{place}"
    event["created"] += chance.randint(1, 3600)
    if chance.random() < 0.3:
        event["type"] = chance.choice(["invoice.updated", "product.created", "invoice.finalized"])
    return event


def genuine(event: dict[str, Any]) -> Sent:
    return Sent(event["id"], "genuine", body_of_event(event))


def spoiled(chance: random.Random, good: Sent, number: int) -> Sent:
    """Signed all the same: no JSON, no event, or an event that lacks what it is about."""
    key = f"evt_spoiled_{number}"
    event = {**json.loads(good.body), "id": key, "type": "invoice.payment_failed"}
    ways: list[Callable[[], bytes]] = [
        lambda: good.body[: len(good.body) // 2],
        lambda: b"[1, 2, 3]",
        lambda: json.dumps({**event, "data": {"object": {"id": "no id"}}}).encode(),
        lambda: json.dumps({**event, "created": "yesterday"}).encode(),
    ]
    return Sent(key, "malformed", chance.choice(ways)())


def stamp(minutes: int) -> int:
    return int((FAILED_AT + timedelta(minutes=minutes)).timestamp())


# --- sending and killing ----------------------------------------------------------------------------------------------


async def all_sent(stack: Stack, deliveries: list[Sent], blows: list[str]) -> Answers:
    answers, waiting = Answers(), list(reversed(deliveries))
    at = {int(len(deliveries) * (n + 1) / (len(blows) + 1)): blow for n, blow in enumerate(blows)}
    struck: list[asyncio.Task[None]] = []

    async def sender(session: aiohttp.ClientSession) -> None:
        while waiting:
            sent = waiting.pop()
            if blow := at.pop(len(deliveries) - len(waiting), None):
                struck.append(asyncio.create_task(BLOWS[blow](stack)))
            answers.take(sent, await until_answered(stack, session, sent))

    async with asyncio.timeout(PATIENCE_SECONDS), aiohttp.ClientSession() as session:
        await asyncio.gather(*(sender(session) for _ in range(SENDERS)))
        await asyncio.gather(*struck)
    assert len(struck) == len(blows)
    return answers


async def until_answered(stack: Stack, session: aiohttp.ClientSession, sent: Sent) -> int:
    """As a source does: what is not answered, or with a 5xx, is sent again."""
    while True:
        secret = "whsec_of_a_forger" if sent.kind == "forged" else stack.webhook_secret
        headers = {"Stripe-Signature": sign(sent.body, secret, datetime.now(UTC))}
        with suppress(aiohttp.ClientError, TimeoutError):
            async with session.post(
                stack.webhook_url, data=sent.body, headers=headers, timeout=aiohttp.ClientTimeout(total=15)
            ) as response:
                if response.status < 500:
                    return response.status
        await asyncio.sleep(0.2)


async def kill_worker(stack: Stack) -> None:
    await kill_child(stack.children["worker"])


async def kill_temporal(stack: Stack) -> None:
    await kill_child(stack.children["temporal"])


async def kill_child(child: Child) -> None:
    """One that ended by itself, since another was just killed, is started again a moment later, and killed then."""
    while child.has_ended:
        await asyncio.sleep(0.1)
    os.kill(child.pid, signal.SIGKILL)


async def kill_postgres(stack: Stack) -> None:
    folder = stack.folder / "pg"
    pid_file = folder / "postmaster.pid"
    os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGKILL)
    await asyncio.sleep(1)
    # Where nobody buries the dead its process still counts as running, and no other one would start.
    for left_over in (pid_file, folder / ".s.PGSQL.5432.lock"):
        left_over.unlink(missing_ok=True)
    await asyncio.to_thread(get_server(folder).ensure_postgres_running)


BLOWS: dict[str, Callable[[Stack], Awaitable[None]]] = {
    "worker": kill_worker,
    "temporal": kill_temporal,
    "postgres": kill_postgres,
}


# --- what became of it ------------------------------------------------------------------------------------------------


async def until_all_has_an_end(database: asyncpg.Connection) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while waiting := await database.fetchval("select count(*) from inbox_keys where state = 'waiting'"):
            # What failed while everything was down waits for up to minutes; nobody here has so long.
            await database.execute("update inbox_keys set next_try_at = now() where state = 'waiting'")
            await asyncio.sleep(1 if waiting else 0)
        while await database.fetchval(UNSETTLED):
            await asyncio.sleep(0.5)


UNSETTLED = """select count(*) from cases c join inbox_keys k on k.case_id = c.case_id
    where c.outcome is null and k.state = 'delivered' and substring(c.invoice_id from '\\d+$')::int % 5 in (0, 1, 2)"""
"""Cases of invoices that the world knows as paid or void; they close as soon as they have read that."""


async def every_accepted_event_has_exactly_one_end(
    database: asyncpg.Connection, deliveries: list[Sent], answers: Answers
) -> None:
    rows = await database.fetch("select * from inbox_keys where source = 'stripe'")
    ends = {row["event_key"]: (row["state"], row["reason"]) for row in rows}
    assert len(ends) == len(rows), "no event was stored twice"
    assert ends.keys() == answers.accepted
    by_kind: dict[str, set[str]] = {}
    for sent in deliveries:
        by_kind.setdefault(sent.kind, set()).add(sent.key)
    assert not by_kind["forged"] & ends.keys()
    assert by_kind["genuine"] <= ends.keys()
    assert {ends[key] for key in by_kind["malformed"] & ends.keys()} == {("dead", "unreadable")}
    assert {state for state, _ in ends.values()} == {"delivered", "ignored", "dead"}
    assert all(reason for state, reason in ends.values() if state != "delivered")
    bodies = await database.fetch("select k.event_key, b.body from inbox_keys k join inbox_bodies b using (id)")
    sent_as = {sent.key: sent.body for sent in deliveries if sent.kind != "forged"}
    assert all(sent_as[row["event_key"]] == row["body"] for row in bodies if row["event_key"] in sent_as)


async def states(database: asyncpg.Connection) -> dict[str, str]:
    """Of every invoice: running, or over (closed, or never opened since it was known to be paid or void)."""
    rows = await database.fetch("select invoice_id, outcome from cases")
    running = {row["invoice_id"] for row in rows if row["outcome"] is None}
    assert len({row["invoice_id"] for row in rows}) == len(rows), "an invoice has one case"
    names = [f"in_chaos_{number}" for number in range(INVOICES)]
    return {name: "running" if name in running else "over" for name in names}
