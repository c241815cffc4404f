"""The cases that run: which ones are meant, and what each of them knows, asked by a query, many at a time.

Which there are stands in PostgreSQL; the truth about each is in its workflow. Nothing here changes a case.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal, TypeVar

from rich.console import Console
from rich.progress import Progress
from temporalio.client import Client, WorkflowHandle, WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.common import QueryRejectCondition
from temporalio.service import RPCError

from activities.routes import Routes
from activities.store.cases import RunningCase, Selection
from activities.store.store import Store
from policies.base import Record
from policies.document import PolicySnapshot
from workers.mistakes import Mistake
from workers.opened_store import opened_store
from workers.settings import Settings
from workers.temporal import connect, retention_of
from workers.wiring import routes_of
from workflows.contracts import CaseNow, DunningResult
from workflows.dunning import DunningWorkflow

AT_ONCE = 20
"""Cases asked at the same time: enough to keep a server busy, few enough that workers go on with their own work."""

PATIENCE = timedelta(seconds=10)

_FROM = re.compile(r"([a-z0-9_]{1,40})(@\d{1,9})?")

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Reach:
    """Where cases are found and asked."""

    store: Store
    temporal: Client
    routes: Routes

    def handle(self, case: RunningCase) -> WorkflowHandle[DunningWorkflow, DunningResult]:
        return self.temporal.get_workflow_handle_for(DunningWorkflow.run, case.ref.workflow_id)


class Unasked(Record):
    """`ended`: there is nobody to ask any more. `unreachable`: asking again later may help."""

    case_id: str
    why: Literal["ended", "unreachable"]
    reason: str


@asynccontextmanager
async def reached(settings: Settings) -> AsyncIterator[Reach]:
    """Raises Mistake when Temporal or the database cannot be asked, at the start or on the way."""
    try:
        temporal = await connect(settings)
        await retention_of(temporal)
    except (RuntimeError, ValueError, RPCError) as error:
        way_out = "start it, or mend RECOUP_TEMPORAL_ADDRESS and RECOUP_TEMPORAL_NAMESPACE"
        raise Mistake(f"Temporal at {settings.temporal_address} does not answer; {way_out}") from error
    async with opened_store(settings) as store:
        yield Reach(store, temporal, _routes(settings))


def _routes(settings: Settings) -> Routes:
    """As in a worker, whose decisions know what each gateway collects."""
    from workers.gateway_matrix import GATEWAYS

    collects = {name: GATEWAYS[account.kind].payment_types for name, account in settings.gateway_accounts().items()}
    return replace(routes_of(settings), payment_types=collects)


def selection(new: PolicySnapshot, held: str | None, segment: str | None, every: bool) -> Selection:
    """`held`: NAME or NAME@VERSION of the policy they have; left out, the name of the new one; `every`: whatever it is.
    Raises Mistake."""
    if held is None:
        name = None if every else new.document.name
        return Selection(without_sha256=new.sha256, name=name, segment=segment)
    if every or not _FROM.fullmatch(held):
        raise Mistake(f"--from {held!r}: write NAME or NAME@VERSION, such as self_serve@1, and leave --every out")
    which = {"edition": held} if "@" in held else {"name": held}
    return Selection(without_sha256=new.sha256, segment=segment, **which)


async def ask(reach: Reach, case: RunningCase) -> CaseNow | Unasked:
    """Only a running case is asked. A query costs no history; see the known limit in docs/operations.md."""
    try:
        return await reach.handle(case).query(
            DunningWorkflow.case_now, reject_condition=QueryRejectCondition.NOT_OPEN, rpc_timeout=PATIENCE
        )
    except WorkflowQueryRejectedError:
        return Unasked(case_id=case.case_id, why="ended", reason="its workflow does not run any more")
    except WorkflowQueryFailedError as error:
        reason = f"its worker could not answer: {error.message[:200]}"
    except RPCError as error:
        reason = f"no answer: {error.status.name.lower()}"
    except RuntimeError as error:
        # How the client says that an answer is not what it expected: a newer worker's.
        reason = f"the answer could not be read ({error}); use the version that the workers run"
    return Unasked(case_id=case.case_id, why="unreachable", reason=reason)


async def for_each(
    cases: AsyncIterator[RunningCase],
    act: Callable[[RunningCase], Awaitable[Answer]],
    done: Callable[[], None],
) -> list[Answer]:
    """In the order of the cases; AT_ONCE at a time, `done` after each."""
    places = asyncio.Semaphore(AT_ONCE)

    async def in_turn(case: RunningCase) -> Answer:
        try:
            return await act(case)
        finally:
            places.release()
            done()

    tasks: list[asyncio.Task[Answer]] = []
    try:
        async for case in cases:
            await places.acquire()
            tasks.append(asyncio.create_task(in_turn(case)))
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on the terminal of whoever waits; nothing when nobody looks. Yields what to call after each case."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)
