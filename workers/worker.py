"""`recoup worker`: runs workflows and activities, and a relay beside them. Any number of workers may run."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from activities.cases import Casework
from activities.charging import Charging
from activities.deciding import Deciding
from activities.messaging import Messaging
from activities.notices import Notices
from activities.sending import Sender
from activities.service import Service
from activities.store.database import migrate
from policies.document import PolicyDocument
from workers.discreet_errors import DiscreetErrors
from workers.gateway_watch import GatewayWatch
from workers.heartbeats import Heartbeats
from workers.housekeeping import keep_keeping_house
from workers.relay import make_relay
from workers.settings import Settings
from workers.shutdown import stop_on_signals
from workers.source_watch import SourceWatch
from workers.telemetry import telemetry
from workers.temporal import connect_when_up, prepare_namespace
from workers.wiring import Wiring, read_policies, wired
from workflows.contracts import charging_queue
from workflows.dunning import DunningWorkflow
from workflows.notice import NoticeWorkflow

GRACE = timedelta(seconds=10)
"""Activities under way may finish this long after SIGTERM; longer ones are taken over by another worker."""

STICKY_TIMEOUT = timedelta(seconds=2)
"""After a worker died its cases wait this long for it before another worker takes them over."""

CHARGING = frozenset({Charging.charge.__name__, Charging.look_up.__name__})
"""The activities that wait in the queue of a gateway account."""

Activity = Callable[..., Awaitable[Any]]

log = logging.getLogger(__name__)


async def run_worker(settings: Settings) -> None:
    """Until SIGTERM or SIGINT. Waits for Temporal and PostgreSQL when they are not up yet."""
    policies = read_policies(settings.policies)
    stop = stop_on_signals()
    with telemetry(settings, "worker") as interceptors:
        async with wired(settings) as wiring:
            client = await connect_when_up(settings, interceptors)
            await migrate(wiring.store.pool)
            for complaint in await prepare_namespace(client, timedelta(days=settings.temporal_retention_days)):
                log.warning("the namespace could not be prepared: %s", complaint)
            relay = make_relay(
                wiring.store,
                client,
                wiring.speakers,
                wiring.adapters,
                settings.task_queue,
                settings.relay_batch,
                wiring.intake,
                settings.secrets_by_account(),
            )
            watch = SourceWatch(wiring.store, wiring.adapters, wiring.intake, settings.places_that_send())
            retention = timedelta(days=settings.inbox_retention_days)
            beside = [
                asyncio.create_task(watch.run(), name="source watch"),
                asyncio.create_task(GatewayWatch(wiring.store.gateway_health).run(), name="gateway watch"),
                asyncio.create_task(keep_keeping_house(wiring.store, retention), name="housekeeping"),
            ]
            async with working(client, activities_of(wiring, policies, settings), settings):
                log.info("worker is up: %s policies, task queue %s", len(policies), settings.task_queue)
                await relay.run(stop)
            for task in beside:
                task.cancel()


@asynccontextmanager
async def working(client: Client, activities: Sequence[Activity], settings: Settings) -> AsyncIterator[None]:
    """A worker for the cases, and one for the charges of each gateway account."""
    async with AsyncExitStack() as workers:
        for gateway, account in settings.gateway_accounts().items():
            await workers.enter_async_context(
                make_charging_worker(client, activities, gateway, account.rate_per_second, settings)
            )
        await workers.enter_async_context(make_worker(client, activities, settings))
        yield


def activities_of(wiring: Wiring, policies: Sequence[PolicyDocument], settings: Settings) -> list[Activity]:
    """One method for each signature of `activities/contracts.py`."""
    store, adapters = wiring.store, wiring.adapters
    charging = Charging(store, adapters)
    casework = Casework(store, adapters, policies, charging)
    sender = Sender(store, adapters, wiring.renderer, settings.links())
    messaging = Messaging(store, adapters, sender)
    return [
        casework.open_case,
        casework.read_invoice,
        casework.close_case,
        Deciding(store, adapters.routes).decide,
        charging.charge,
        charging.look_up,
        charging.keep_for_later,
        messaging.send_message,
        messaging.escalate,
        Notices(store, adapters, sender).send_notice,
        Service(store, adapters).change_access,
    ]


def make_worker(client: Client, activities: Sequence[Activity], settings: Settings) -> Worker:
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=[DunningWorkflow, NoticeWorkflow],
        activities=activities,
        interceptors=[Heartbeats(), DiscreetErrors()],
        max_cached_workflows=settings.max_cached_workflows,
        max_concurrent_activities=settings.max_concurrent_activities,
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        graceful_shutdown_timeout=GRACE,
    )


def make_charging_worker(
    client: Client, activities: Sequence[Activity], gateway: str, rate_per_second: float, settings: Settings
) -> Worker:
    """The server lets so many charges a second through, whatever the number of workers; the rest waits in its order."""
    return Worker(
        client,
        task_queue=charging_queue(settings.task_queue, gateway),
        activities=[activity for activity in activities if activity.__name__ in CHARGING],
        interceptors=[Heartbeats(), DiscreetErrors()],
        max_concurrent_activities=settings.max_concurrent_activities,
        max_task_queue_activities_per_second=rate_per_second,
        graceful_shutdown_timeout=GRACE,
    )
