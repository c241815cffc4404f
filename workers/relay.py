"""From the inbox to the cases. The one queue we write: leases rows, delivers at least once, holds no transaction.

Every row ends as delivered, ignored with a reason, or dead with a reason (promise P1). Any number of relays may run.
Only PaymentFailed and ActionRequired open a case; everything else is told to a running one or remembered.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from opentelemetry import metrics, propagate, trace
from pydantic import ValidationError
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.adapters import Adapters
from activities.errors import Misconfigured, NotFound, Unavailable
from activities.sources.contract import Addressed, Lookup, Speaker
from activities.store.cases import CaseRow, Task
from activities.store.inbox import InboxRow
from activities.store.store import Store
from api.cases import ACTIONS_SOURCE
from api.errors import DATABASE_DOWN, first_complaint
from api.wake import CHANNEL
from policies.base import Record
from policies.events import (
    ActionRequired,
    CaseEvent,
    CloseOutcome,
    CustomerChanged,
    Ignored,
    IgnoredBecause,
    InvoiceVoided,
    OpeningEvent,
    PaymentFailed,
    PaymentSucceeded,
    Unreadable,
)
from policies.facts import InvoiceStatus
from policies.keys import CaseRef
from workflows.contracts import TASK_QUEUE, ActionEnvelope, DunningInput
from workflows.dunning import DunningWorkflow

POLL_SECONDS = 1.0
AT_ONCE = 20
"""Deliveries under way at a time; events of one invoice go one after the other."""
MAX_TRIES = 50
"""Of a row that fails by itself. What is down is waited for, however long: the answer is late, never wrong."""
LONGEST_PAUSE = timedelta(minutes=5)
OUTAGES = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.ABORTED,
    }
)

RPC_PATIENCE = timedelta(seconds=10)

log = logging.getLogger(__name__)
TRACER = trace.get_tracer("recoup.relay")
METER = metrics.get_meter("recoup.relay")
ROWS = METER.create_counter("recoup_relay_rows", description="finished rows by state and reason")
LAG = METER.create_histogram("recoup_relay_lag_seconds", unit="s", description="from received to finished")


class Delivered(Record):
    case_id: str


class Dead(Record):
    reason: str


Fate = Delivered | Ignored | Dead
_NOT_DUNNING = IgnoredBecause.NOT_DUNNING


class Relay:
    def __init__(
        self,
        store: Store,
        temporal: Client,
        speakers: Mapping[str, Speaker],
        adapters: Adapters,
        task_queue: str = TASK_QUEUE,
        batch: int = 100,
    ) -> None:
        self._store = store
        self._temporal = temporal
        self._speakers = speakers
        self._adapters = adapters
        self._task_queue = task_queue
        self._batch = batch
        self._woken = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set. A database that is down is waited for."""
        listening = asyncio.create_task(self._listen(stop))
        try:
            while not stop.is_set():
                try:
                    delivered = await self.deliver_batch()
                except (*DATABASE_DOWN, asyncpg.PostgresError) as error:
                    log.warning("the inbox cannot be read (%s); trying again", type(error).__name__)
                    delivered = 0
                if not delivered:
                    await self._rest()
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening

    async def deliver_batch(self) -> int:
        """Leases and delivers what is due now; returns how many rows that were."""
        rows = await self._store.inbox.lease(datetime.now(UTC), self._batch)
        groups: dict[str, list[InboxRow]] = defaultdict(list)
        for row in rows:
            groups[self._group_of(row)].append(row)
        slots = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._deliver_in_order(group, slots) for group in groups.values()))
        return len(rows)

    def _group_of(self, row: InboxRow) -> str:
        """Events of one invoice are delivered in order; what cannot be read is a group of its own."""
        speaker = self._speakers.get(row.source)
        try:
            said = speaker.normalise(row.body, row.id) if speaker else None
        except Exception:
            log.exception("the speaker of %s failed on row %s", row.source, row.id)
            return row.id
        if isinstance(said, Addressed) and said.lookup is None:
            return f"{row.source}/{row.account}/{said.event.invoice_id}"
        return row.id

    async def _deliver_in_order(self, rows: Sequence[InboxRow], slots: asyncio.Semaphore) -> None:
        for row in rows:
            async with slots:
                await self._deliver(row)

    async def _deliver(self, row: InboxRow) -> None:
        context = propagate.extract({"traceparent": row.traceparent}) if row.traceparent else None
        with TRACER.start_as_current_span("relay deliver", context=context) as span:
            span.set_attribute("recoup.source", row.source)
            try:
                fate = await self._fate_of(row)
            except NotFound as error:
                # Perhaps its owner is behind; for ever it is not.
                await self._try_again(row, f"NotFound: {error}"[:300])
                return
            except (RPCError, Unavailable, Misconfigured, *DATABASE_DOWN) as error:
                # A wrong key or address is an outage of ours: it is mended, and then the row goes through.
                is_outage = not isinstance(error, RPCError) or error.status in OUTAGES
                await self._try_again(row, f"{type(error).__name__}: {error}"[:300], is_outage)
                return
            except ValidationError as error:
                # Perhaps from a newer version: this one may be replaced in time. Its values are not for the log.
                log.error("row %s cannot be read: %s", row.id, error.title)
                await self._try_again(row, f"{error.title}: {first_complaint(error)}"[:300])
                return
            except Exception as error:
                log.exception("row %s could not be delivered", row.id)
                await self._try_again(row, f"{type(error).__name__}: {error}"[:300])
                return
            await self._finish(row, fate)

    async def _fate_of(self, row: InboxRow) -> Fate:
        if row.source == ACTIONS_SOURCE:
            return await self._deliver_action(row)
        speaker = self._speakers.get(row.source)
        if speaker is None:
            return Dead(reason=f"no source {row.source} is set up any more")
        said = speaker.normalise(row.body, row.id)
        match said:
            case Ignored():
                return said
            case Unreadable():
                return Dead(reason=f"{said.field}: {said.reason}")
            case Addressed():
                return await self._deliver_event(row, said)

    async def _deliver_event(self, row: InboxRow, said: Addressed) -> Fate:
        invoices = [said.event.invoice_id]
        if said.lookup:
            invoices = await self._find_invoices(row, said.lookup)
        fates: list[Fate] = []
        for invoice_id in invoices:
            case = CaseRef(source=row.source, account=row.account, invoice_id=invoice_id)
            event = said.event.model_copy(update={"invoice_id": invoice_id})
            if isinstance(event, CustomerChanged):
                continue
            fates.append(await self._not_dunning(case, said) or await self._deliver_to_case(case, event))
        nothing = Ignored(reason=_NOT_DUNNING, detail="it belongs to no invoice that is being recovered")
        # One case that heard it makes it delivered.
        return next((fate for fate in fates if isinstance(fate, Delivered)), fates[0] if fates else nothing)

    async def _not_dunning(self, case: CaseRef, said: Addressed) -> Ignored | None:
        """An event that names no invoice does not tell what kind of invoice it is about either; its owner does."""
        if said.lookup is None or not isinstance(said.event, PaymentFailed | ActionRequired):
            return None
        invoice = await self._adapters.owner_of(case.source, case.account).invoice_now(
            case.invoice_id, datetime.now(UTC)
        )
        if invoice.first_payment:
            return Ignored(reason=_NOT_DUNNING, detail="first payment of a new subscription")
        if invoice.collected_manually or invoice.due.amount_minor <= 0:
            return Ignored(reason=_NOT_DUNNING, detail="the invoice is collected manually or nothing is owed")
        return None

    async def _find_invoices(self, row: InboxRow, lookup: Lookup) -> list[str]:
        if lookup.subscription_id:
            cases = self._store.cases
            return await cases.open_invoices_of_subscription(row.source, row.account, lookup.subscription_id)
        if lookup.payment_id:
            owner = self._adapters.owner_of(row.source, row.account)
            invoice = await owner.invoice_of_payment(lookup.payment_id)
            return [invoice] if invoice else []
        return []

    async def _deliver_to_case(self, case: CaseRef, event: CaseEvent) -> Fate:
        closed = await self._closed_case(case)
        if closed:
            return await self._late(closed, event)
        if isinstance(event, PaymentFailed | ActionRequired):
            return await self._open_or_tell(case, event)
        return await self._remember_and_tell(case, event)

    async def _open_or_tell(self, case: CaseRef, event: OpeningEvent) -> Fate:
        remembered = await self._store.cases.remembered_invoice(case)
        if remembered and remembered.happened_at >= event.happened_at:
            newer = f"{remembered.happened_at:%Y-%m-%d %H:%M:%S}"
            detail = f"the invoice was {remembered.status.value} at {newer}, which is not older than the failure"
            return Ignored(reason=IgnoredBecause.SUPERSEDED, detail=detail)
        try:
            await self._temporal.start_workflow(
                DunningWorkflow.run,
                DunningInput(case=case),
                id=case.workflow_id,
                task_queue=self._task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                start_signal=event.kind,
                start_signal_args=[event],
                static_summary=f"recovers invoice {case.invoice_id}",
                static_details=_STATIC_DETAILS.format(case=case, at=event.happened_at),
                rpc_timeout=RPC_PATIENCE,
            )
        except WorkflowAlreadyStartedError:
            detail = f"the case of {case.case_id} is closed"
            return Ignored(reason=IgnoredBecause.LATE, detail=detail)
        return Delivered(case_id=case.case_id)

    async def _remember_and_tell(self, case: CaseRef, event: CaseEvent) -> Fate:
        status = _settles(event)
        if status:
            await self._store.cases.remember_invoice(case, status, event.happened_at)
        if await self._signal(case, event.kind, event):
            return Delivered(case_id=case.case_id)
        closed = await self._closed_case(case)
        if closed:
            return await self._late(closed, event)
        return Ignored(reason=IgnoredBecause.NOT_DUNNING, detail="no case is open for the invoice")

    async def _deliver_action(self, row: InboxRow) -> Fate:
        envelope = ActionEnvelope.model_validate_json(row.body)
        if await self._signal(envelope.case, envelope.action.kind, envelope.action):
            return Delivered(case_id=envelope.case.case_id)
        return Ignored(reason=IgnoredBecause.LATE, detail="no case is open for the invoice")

    async def _signal(self, case: CaseRef, name: str, news: Record | object) -> bool:
        """False when no run of the case is open."""
        try:
            await self._temporal.get_workflow_handle(case.workflow_id).signal(name, news, rpc_timeout=RPC_PATIENCE)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True

    async def _closed_case(self, case: CaseRef) -> CaseRow | None:
        row = await self._store.cases.latest(case.case_id)
        return row if row and row.outcome else None

    async def _late(self, closed: CaseRow, event: CaseEvent) -> Ignored:
        """Money that arrives after we gave up is good news that a person must book."""
        gave_up = closed.outcome in (CloseOutcome.WRITTEN_OFF, CloseOutcome.CANCELLED)
        if isinstance(event, PaymentSucceeded) and gave_up:
            await self._store.cases.add_task(
                Task(
                    key=f"late_payment/{event.event_id}",
                    case_id=closed.case_id,
                    kind="late_payment",
                    assignee="ops",
                    summary=f"a payment arrived after the case was {closed.outcome}; book it, and give service back",
                    created_at=datetime.now(UTC),
                )
            )
        detail = f"the case closed as {closed.outcome} at {closed.closed_at:%Y-%m-%d %H:%M}"
        return Ignored(reason=IgnoredBecause.LATE, detail=detail)

    async def _finish(self, row: InboxRow, fate: Fate) -> None:
        now, inbox = datetime.now(UTC), self._store.inbox
        match fate:
            case Delivered():
                await inbox.finish(row.id, "delivered", now, case_id=fate.case_id)
                state, reason = "delivered", ""
            case Ignored():
                await inbox.finish(row.id, "ignored", now, fate.reason.value, fate.detail)
                state, reason = "ignored", fate.reason.value
            case Dead():
                log.error("row %s of %s is a dead letter: %s", row.id, row.source, fate.reason)
                await inbox.finish(row.id, "dead", now, "unreadable", fate.reason)
                state, reason = "dead", "unreadable"
        ROWS.add(1, {"source": row.source, "state": state, "reason": reason})
        LAG.record((now - row.received_at).total_seconds(), {"source": row.source})

    async def _try_again(self, row: InboxRow, why: str, is_outage: bool = False) -> None:
        """Back-off by the tries so far; a row that never goes through ends as a dead letter, with the last reason."""
        if row.tries >= MAX_TRIES and not is_outage:
            await self._finish(row, Dead(reason=f"gave up after {row.tries} tries: {why}"))
            return
        pause = min(timedelta(seconds=2 ** min(row.tries, 10)), LONGEST_PAUSE)
        with suppress(*DATABASE_DOWN):
            await self._store.inbox.try_again(row.id, datetime.now(UTC) + pause, why)

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), POLL_SECONDS)
        self._woken.clear()

    async def _listen(self, stop: asyncio.Event) -> None:
        """Woken by NOTIFY; without a connection the relay polls."""
        while not stop.is_set():
            try:
                async with self._store.pool.acquire() as connection:
                    await self._listen_on(connection)
            except (*DATABASE_DOWN, asyncpg.PostgresError):
                await asyncio.sleep(POLL_SECONDS)

    async def _listen_on(self, connection: PoolConnectionProxy) -> None:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda *_: lost.set())
        await connection.add_listener(CHANNEL, self._wake)
        try:
            await lost.wait()
        finally:
            if not connection.is_closed():
                await connection.remove_listener(CHANNEL, self._wake)

    def _wake(self, *_: object) -> None:
        self._woken.set()


_STATIC_DETAILS = """Recovers invoice `{case.invoice_id}` of source `{case.source}`, account `{case.account}`.

First failure reported {at:%Y-%m-%d %H:%M} UTC. **Current details** say who owes how much, why, and what is next.
Act on it with *More Actions*: `pause`, `resume`, `close` (updates answer, signals are delivered later)."""


def _settles(event: CaseEvent) -> InvoiceStatus | None:
    if isinstance(event, PaymentSucceeded):
        return InvoiceStatus.PAID
    return InvoiceStatus.VOID if isinstance(event, InvoiceVoided) else None
