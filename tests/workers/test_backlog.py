"""800 charges are due at once behind a gateway account that takes 20 a second: who goes first, and who waits.

Real cases on a real Temporal with fairness, PostgreSQL and the sandbox's gateway. The worker that charges starts when
all of them wait, the least important having come first. What the sandbox's ledger shows is the order that counts;
figures are printed (`pytest -s`), and no time is asserted.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from temporalio.client import Client

from activities.gateways.accounts import SandboxAccount
from activities.store.database import migrate
from policies.events import PaymentFailed
from policies.keys import CaseRef
from tests.fixtures.sandbox import RunningSandbox, running_sandbox
from tests.fixtures.town import new_databases
from workers.settings import SANDBOX, Settings
from workers.wiring import read_policies, wired
from workers.worker import Activity, activities_of, make_charging_worker, make_worker
from workflows.contracts import DunningInput
from workflows.dunning import DunningWorkflow

PER_SECOND = 20.0
BIG, SMALL = "big", ("small_1", "small_2", "small_3", "small_4")
BIG_ONES, SMALL_ONES, ENTERPRISE_ONES = 648, 18, 80
FAILED_BEFORE = timedelta(minutes=40)
"""The rung of 15 minutes is overdue then, and the next one is not."""
AT_ONCE = 24
UNDER_WAY = 16
"""Charges at one time: so far they may overtake each other on their way to the ledger."""
PATIENCE_SECONDS = 240


class Due(NamedTuple):
    """One case whose charge is due; invoices are named after the merchant account and the segment."""

    account: str
    segment: str
    number: int

    @property
    def case(self) -> CaseRef:
        return CaseRef(
            source="stripe", account=self.account, invoice_id=f"in_{self.account}.{self.segment}.{self.number}"
        )

    @classmethod
    def of(cls, invoice_id: str) -> "Due":
        account, segment, number = invoice_id.removeprefix("in_").split(".")
        return cls(account, segment, int(number))


SELF_SERVE = [Due(BIG, "self_serve", n) for n in range(BIG_ONES)]
SELF_SERVE += [Due(account, "self_serve", n) for account in SMALL for n in range(SMALL_ONES)]
ENTERPRISE = [Due(account, "enterprise", n) for account in (BIG, *SMALL) for n in range(ENTERPRISE_ONES // 5)]


@dataclass(frozen=True)
class Scene:
    """A worker for cases runs; none for charges does."""

    temporal: Client
    sandbox: RunningSandbox
    settings: Settings
    activities: list[Activity]

    async def falls_due(self, due: Due) -> None:
        now = datetime.now(UTC)
        failed = {"invoice_id": due.case.invoice_id, "customer_id": f"cus_{uuid.uuid4().hex}", "segment": due.segment}
        await self.sandbox.failure("generic", at=(now - FAILED_BEFORE).isoformat(), **failed)
        news = PaymentFailed(event_id=uuid.uuid4().hex, happened_at=now, invoice_id=due.case.invoice_id)
        await self.temporal.start_workflow(
            DunningWorkflow.run,
            DunningInput(case=due.case),
            id=due.case.workflow_id,
            task_queue=self.settings.task_queue,
            start_signal=news.kind,
            start_signal_args=[news],
        )

    async def until_it_waits(self, due: Due) -> None:
        """For its turn at the gateway."""
        handle = self.temporal.get_workflow_handle(due.case.workflow_id)
        while True:
            described = await handle.describe()
            pending = described.raw_description.pending_activities
            if any(each.activity_type.name == "charge" for each in pending):
                return
            await asyncio.sleep(0.2)

    async def ledger(self) -> list[Due]:
        """In the order in which the charges arrived."""
        reply = await self.sandbox.get("/world/ledger")
        assert {charge["status"] for charge in reply.body["charges"]} <= {"succeeded"}
        return [Due.of(charge["invoice_id"]) for charge in reply.body["charges"]]

    async def until_charged(self, count: int) -> list[Due]:
        while len(charged := await self.ledger()) < count:
            await asyncio.sleep(0.5)
        return charged


@asynccontextmanager
async def scene(temporal: Client, database_url: str) -> AsyncIterator[Scene]:
    database, sandbox_database = await new_databases(database_url)
    async with running_sandbox(sandbox_database) as sandbox:
        settings = Settings(
            database_url=database,
            sandbox_url=sandbox.url,
            task_queue=f"backlog-{uuid.uuid4().hex[:8]}",
            gateways={SANDBOX: SandboxAccount(rate_per_second=PER_SECOND)},
            max_concurrent_activities=UNDER_WAY,
        )
        async with wired(settings) as wiring:
            await migrate(wiring.store.pool)
            activities = activities_of(wiring, read_policies([]), settings)
            async with make_worker(temporal, activities, settings):
                yield Scene(temporal, sandbox, settings, activities)


async def some_at_once(act: Callable[[Due], Awaitable[Any]], many: Iterable[Due]) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(due: Due) -> None:
        async with slots:
            await act(due)

    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        for due in many:
            group.create_task(one(due))


async def test_in_a_backlog_enterprise_goes_first_and_no_merchant_account_keeps_the_others_waiting(
    temporal: Client, database_url: str
) -> None:
    async with scene(temporal, database_url) as here:
        began = time.monotonic()
        for many in (SELF_SERVE, ENTERPRISE):
            await some_at_once(here.falls_due, many)
            await some_at_once(here.until_it_waits, many)
        assert await here.ledger() == []
        waiting = time.monotonic()
        rate = here.settings.gateway_accounts()[SANDBOX].rate_per_second
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            make_charging_worker(temporal, here.activities, SANDBOX, rate, here.settings),
        ):
            charged = await here.until_charged(len(SELF_SERVE) + len(ENTERPRISE))
        ended = time.monotonic()
    tell(charged, waiting - began, ended - waiting)
    assert len(charged) == len(set(charged)) == 800
    check_enterprise_first(charged)
    check_nobody_starves([due for due in charged if due.segment == "self_serve"])


def check_enterprise_first(charged: list[Due]) -> None:
    last = max(position for position, due in enumerate(charged) if due.segment == "enterprise")
    before = [due for due in charged[:last] if due.segment == "self_serve"]
    assert len(before) <= 0.05 * len(SELF_SERVE)


def check_nobody_starves(self_serve: list[Due]) -> None:
    """The small ones have nine tenths of the big one's charges behind them, however much of it came first."""
    for account in SMALL:
        assert last_of(account, self_serve) < 0.25 * len(self_serve)
    assert last_of(BIG, self_serve) == len(self_serve) - 1
    turns = [position for position, due in enumerate(self_serve) if due.account == SMALL[0]]
    assert max(later - earlier for earlier, later in pairwise(turns)) <= 0.1 * len(self_serve)


def last_of(account: str, charged: list[Due]) -> int:
    return max(position for position, due in enumerate(charged) if due.account == account)


def tell(charged: list[Due], to_come: float, to_go: float) -> None:
    total = len(charged)
    print(f"\n{total} charges: due within {to_come:.1f} s, then {total / to_go:.1f} a second for {to_go:.1f} s")
    placed = list(enumerate(charged, start=1))
    enterprise = [place for place, due in placed if due.segment == "enterprise"]
    print(f"enterprise: {len(enterprise)} at positions {enterprise[0]} to {enterprise[-1]}")
    for account in (BIG, *SMALL):
        places = [place for place, due in placed if due.segment == "self_serve" and due.account == account]
        print(f"self-serve of {account}: {len(places)} at positions {places[0]} to {places[-1]}")
    before, of = enterprise[-1] - len(enterprise), len(SELF_SERVE)
    print(f"self-serve before the last of enterprise: {before} of {of} ({100 * before / of:.1f} %)")
