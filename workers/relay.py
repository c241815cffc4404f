"""The loop from the inbox to the cases. The one queue we write: leases rows, delivers at least once, holds no
transaction. Every row ends as delivered, ignored with a reason, or dead with a reason (promise P1). Any number may run.

What becomes of a row is decided in `delivery.py`.
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
from temporalio.service import RPCError, RPCStatusCode

from activities.adapters import Adapters
from activities.errors import Misconfigured, NotFound, Unavailable
from activities.intake import Intake
from activities.sources.contract import Speaker
from activities.store.database import DATABASE_DOWN
from activities.store.inbox import InboxRow
from activities.store.store import Store
from activities.tally import Tally
from api.errors import first_complaint
from api.wake import CHANNEL
from policies.events import Ignored
from workers.delivery import Deliveries, UnknownSource
from workers.fates import Dead, Delivered, Fate
from workflows.contracts import TASK_QUEUE

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

log = logging.getLogger(__name__)
TRACER = trace.get_tracer("recoup.relay")
METER = metrics.get_meter("recoup.relay")
ROWS = METER.create_counter("recoup_relay_rows", description="finished rows by state and reason")
LAG = METER.create_histogram("recoup_relay_lag_seconds", unit="s", description="from received to finished")


def make_relay(
    store: Store,
    temporal: Client,
    speakers: Mapping[str, Speaker],
    adapters: Adapters,
    task_queue: str = TASK_QUEUE,
    batch: int = 100,
    intake: Intake | None = None,
    webhook_secrets: Mapping[str, Sequence[str]] | None = None,
) -> "Relay":
    deliveries = Deliveries(store, temporal, speakers, adapters, webhook_secrets or {}, task_queue)
    return Relay(store, deliveries, intake or Intake(store, speakers, Tally()), batch)


class Relay:
    def __init__(self, store: Store, deliveries: Deliveries, intake: Intake, batch: int = 100) -> None:
        self._store = store
        self._deliveries = deliveries
        self._intake = intake
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
        try:
            return self._deliveries.group_of(row)
        except Exception:
            log.exception("the speaker of %s failed on row %s", row.source, row.id)
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
                fate = await self._deliveries.fate_of(row)
            except NotFound as error:
                # Perhaps its owner is behind; for ever it is not.
                await self._try_again(row, f"NotFound: {error}"[:300])
                return
            except (RPCError, Unavailable, Misconfigured, *DATABASE_DOWN) as error:
                # A wrong key or address is an outage of ours: it is mended, and then the row goes through.
                is_outage = not isinstance(error, RPCError) or error.status in OUTAGES
                await self._try_again(row, f"{type(error).__name__}: {error}"[:300], is_outage)
                return
            except UnknownSource as error:
                # Perhaps this worker has not been started again since the source was set up.
                await self._try_again(row, f"UnknownSource: {error}", gives_up_as="unknown_source")
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

    async def _finish(self, row: InboxRow, fate: Fate) -> None:
        now, inbox = datetime.now(UTC), self._store.inbox
        match fate:
            case Delivered():
                await inbox.finish(row.id, "delivered", now, case_id=fate.case_id, customer_id=fate.customer_id)
                state, reason = "delivered", ""
            case Ignored():
                await inbox.finish(row.id, "ignored", now, fate.reason.value, fate.detail)
                state, reason = "ignored", fate.reason.value
            case Dead():
                log.error("row %s of %s is a dead letter: %s, %s", row.id, row.source, fate.reason, fate.field)
                await self._intake.bury(row, fate.reason, fate.detail, fate.field, now)
                state, reason = "dead", fate.reason
        if row.replay:
            await inbox.replayed(row.id)
        ROWS.add(1, {"source": row.source, "state": state, "reason": reason})
        LAG.record((now - row.received_at).total_seconds(), {"source": row.source})

    async def _try_again(self, row: InboxRow, why: str, is_outage: bool = False, gives_up_as: str = "gave_up") -> None:
        """Back-off by the tries so far; a row that never goes through ends as a dead letter, with the last reason."""
        if row.tries >= MAX_TRIES and not is_outage:
            await self._finish(row, Dead(reason=gives_up_as, detail=f"gave up after {row.tries} tries: {why}"))
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
