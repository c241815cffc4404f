"""The run: the embedded stack, a lossy wire, everybody fails, the days are walked in lock step, the worker is killed.

No query is asked of a case on the way (docs/operations.md, the known limit). Everything goes over HTTP, signed webhooks
and Temporal; only the customers of the sandbox, who have no route of their own, are written into its tables.
"""

import asyncio
import random
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import asyncpg
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper

from policies.keys import CaseRef
from tests.soak.blows import Blows, planned
from tests.soak.people import Card, Deed, Person, people
from workers.embedded.stack import ACCOUNT, Say, Stack

LAST_DAY = 80
"""Every policy shipped closes within 61 days, and some ten more where nobody is suspended over the turn of the year."""

PATIENCE_SECONDS = 240
ANSWER_WITHIN_SECONDS = 60


@dataclass(frozen=True)
class Ask:
    """`dropped`: the share of charge requests lost before, and again after the money moved. `slow_seconds`: how long
    the gateway thinks, so that kills find charges under way. `last_blow_on_day`: the blows fall while many cases are
    open."""

    cases: int = 300
    kills: int = 20
    dropped: float = 0.05
    slow_seconds: float = 0.1
    last_blow_on_day: float = 25
    seed: int = 7


@dataclass
class Claim:
    """One invoice of a person, and the cards that they gave us on the way."""

    person: Person
    case: CaseRef
    customer_id: str
    credential_id: str


@dataclass
class Run:
    """`given`: credentials that customers gave themselves. `networks`: of those in the directory. `forbidden`: those to
    which nobody agreed."""

    stack: Stack
    ask: Ask
    session: aiohttp.ClientSession
    temporal: Client
    database: asyncpg.Pool
    sandbox_database: asyncpg.Pool
    began: datetime
    say: Say
    claims: list[Claim] = field(default_factory=list)
    given: set[str] = field(default_factory=set)
    networks: dict[str, str] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)

    # --- what happens -------------------------------------------------------------------------------------------------

    async def go(self, blows: Blows) -> None:
        faults: dict[str, Any] = {
            "drop_before": self.ask.dropped,
            "drop_after": self.ask.dropped,
            "seed": self.ask.seed,
        }
        faults["slow_seconds"] = self.ask.slow_seconds
        for gateway in ("sandbox", "channels"):
            await self.sandbox("POST", "/world/faults", {**faults, "gateway": gateway})
        for person in people(self.ask.cases, self.ask.seed):
            await self._meet(person)
        await self._under_blows(blows, 0, self._everybody_fails())
        since = 0.0
        for step, day in enumerate(moments(), start=1):
            await self._under_blows(blows, step, self._to_day(day))
            if not self.open:
                break
            await asyncio.gather(*(self._act(claim, since, day) for claim in self._still_open()))
            await self._until_news_arrived()
            since = day
            self.say(f"day {day:g}: {len(self.open)} cases go on, the worker was killed {blows.killed} times")
        await blows.what_is_left()

    async def _under_blows(self, blows: Blows, step: int, work: Any) -> None:
        over = asyncio.Event()
        striking = asyncio.create_task(blows.during(step, over))
        try:
            await work
        finally:
            over.set()
            await striking

    def _still_open(self) -> Iterator[Claim]:
        return (claim for claim in self.claims if claim.case.workflow_id in self.open)

    # --- the beginning ------------------------------------------------------------------------------------------------

    async def _meet(self, person: Person) -> None:
        customer_id = f"cus_{person.name}"
        await self.sandbox_database.execute(
            "insert into customers (customer_id, segment, benefits) values ($1, $2, $3)",
            customer_id,
            person.segment,
            ["bonus_credits", "add_ons"],
        )
        card = await self._new_card(customer_id, person.card)
        ways = []
        for backup in person.backups:
            token = await self._new_card(customer_id, backup)
            self.networks[token] = backup.network
            if not backup.consent:
                self.forbidden.add(token)
            ways.append({"credential_id": token, "consent": backup.consent, "network": backup.network})
        described = {
            "name": person.name.replace("_", " ").title(),
            "segment": person.segment,
            "zone": person.zone,
            "email": {"address": f"{person.name}@customers.example"},
            "sms": {"address": "+15005550006"},
            "in_app": {"address": customer_id},
            "support_contact": {"name": "Sam Support", "email": "sam.support@example.com"},
            "ways_to_pay": ways,
        }
        await self.api("PUT", f"/customers/stripe/{ACCOUNT}/{customer_id}", described)
        for number in range(person.invoices):
            case = CaseRef(source="stripe", account=ACCOUNT, invoice_id=f"in_{person.name}_{number}")
            self.claims.append(Claim(person, case, customer_id, card))

    async def _everybody_fails(self) -> None:
        await asyncio.gather(*(self._fail(claim) for claim in self.claims))
        self.open = {claim.case.workflow_id for claim in self.claims}
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.database.fetchval("select count(*) from cases") < len(self.claims):
                await asyncio.sleep(0.1)

    async def _fail(self, claim: Claim) -> None:
        body = {
            "story": claim.person.story,
            "invoice_id": claim.case.invoice_id,
            "customer_id": claim.customer_id,
            "credential_id": claim.credential_id,
            "amount_minor": claim.person.amount_minor,
            "currency": claim.person.currency,
            "at": self.began.isoformat(),
        }
        answer = await self.sandbox("POST", "/world/failures", body)
        assert answer["delivered"], f"the webhook of {claim.case.invoice_id} was not accepted"

    async def _new_card(self, customer_id: str, card: Card) -> str:
        body = {"kind": card.kind, "params": card.params(self.began)}
        answer = await self.sandbox("POST", f"/world/customers/{customer_id}/cards", body)
        return str(answer["credential_id"])

    # --- the days -----------------------------------------------------------------------------------------------------

    async def _to_day(self, day: float) -> None:
        workflow_ids = sorted(self.open)
        there = await asyncio.gather(*(self._forward(workflow_id, day) for workflow_id in workflow_ids))
        self.open = {workflow_id for workflow_id, goes_on in zip(workflow_ids, there, strict=True) if goes_on}

    async def _forward(self, workflow_id: str, day: float) -> bool:
        """False when the case ended on the way."""
        handle, skipper = self.temporal.get_workflow_handle(workflow_id), TimeSkipper(self.temporal)
        ahead = self.began + timedelta(days=day) - await skipper.get_current_time(handle)
        async with asyncio.timeout(PATIENCE_SECONDS):
            with suppress(RPCError):
                if ahead > timedelta():
                    return await skipper.fast_forward(handle, ahead)
        # A case that has ended takes no skip any more; any other trouble shows at the next step, and in the end.
        return (await handle.describe()).status is WorkflowExecutionStatus.RUNNING

    async def _act(self, claim: Claim, since: float, day: float) -> None:
        for deed in claim.person.deeds:
            if since < deed.day <= day:
                await self._do(claim, deed, self.began + timedelta(days=day))

    async def _do(self, claim: Claim, deed: Deed, now: datetime) -> None:
        """What comes too late is refused (409), by the owner as by us."""
        if deed.card is None:
            path = f"/world/invoices/{claim.case.invoice_id}/{deed.change}"
            await self.sandbox("POST", path, {}, now, too_late_is_fine=True)
            return
        token = await self._new_card(claim.customer_id, deed.card)
        self.given.add(token)
        action = {"action_id": uuid.uuid4().hex, "credential_id": token}
        path = f"/cases/{claim.case.case_id}/actions/update_payment_method"
        await self.api("POST", path, action, too_late_is_fine=True)

    async def _until_news_arrived(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.database.fetchval("select count(*) from inbox_keys where state = 'waiting'"):
                await asyncio.sleep(0.05)

    # --- asking -------------------------------------------------------------------------------------------------------

    async def sandbox(
        self, method: str, path: str, body: Any = None, now: datetime | None = None, too_late_is_fine: bool = False
    ) -> Any:
        headers = {"X-Recoup-Now": now.isoformat()} if now else {}
        return await self._asked(method, self.stack.sandbox_url + path, body, headers, too_late_is_fine)

    async def api(self, method: str, path: str, body: Any, too_late_is_fine: bool = False) -> Any:
        headers = {"Authorization": f"Bearer {self.stack.api_token}"}
        return await self._asked(method, self.stack.api_url + path, body, headers, too_late_is_fine)

    async def _asked(self, method: str, url: str, body: Any, headers: dict[str, str], too_late_is_fine: bool) -> Any:
        """As a person does: what gets a 5xx while a worker is dead is asked again, under the same action id."""
        async with asyncio.timeout(ANSWER_WITHIN_SECONDS):
            while True:
                async with self.session.request(method, url, json=body, headers=headers) as response:
                    answer = await response.json()
                    if response.status < 300 or (too_late_is_fine and response.status in (404, 409)):
                        return answer
                    assert response.status >= 500, f"{method} {url}: {response.status} {answer}"
                await asyncio.sleep(0.5)


def moments() -> list[float]:
    """Quarters of the first day, halves of the first fortnight, then days."""
    quarters = [0.25, 0.5, 0.75, 1.0]
    halves = [1 + half / 2 for half in range(1, 27)]
    return quarters + halves + [float(day) for day in range(15, LAST_DAY + 1)]


def blows_of(ask: Ask, stack: Stack, database: asyncpg.Pool) -> Blows:
    early = [day for day in moments() if day <= ask.last_blow_on_day]
    plan = planned(ask.kills, len(early) + 1, random.Random(ask.seed))
    return Blows(stack.children["worker"], database, plan)
