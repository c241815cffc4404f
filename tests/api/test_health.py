"""Live means the process answers; ready means it can keep what it would promise."""

from temporalio.client import Client

from activities.store.database import make_pool
from activities.store.store import Store
from tests.fixtures.store import DEAD_DATABASE, RunningApi, running_api


async def test_with_everything_up_it_is_ready(store: Store, temporal: Client) -> None:
    async with running_api(store, temporal) as api:
        reply = await api.ask("GET", "/health/ready", token=None)
    assert (reply.status, reply.body) == (200, {"database": True, "temporal": True})


async def test_without_temporal_it_is_ready_because_webhooks_are_kept(api: RunningApi) -> None:
    reply = await api.ask("GET", "/health/ready", token=None)
    assert (reply.status, reply.body) == (200, {"database": True, "temporal": False})


async def test_without_the_database_it_is_alive_but_not_ready(temporal: Client) -> None:
    pool = await make_pool(DEAD_DATABASE)
    async with running_api(Store(pool), temporal) as api:
        ready, live = (
            await api.ask("GET", "/health/ready", token=None),
            await api.ask("GET", "/health/live", token=None),
        )
    await pool.close()
    assert (ready.status, ready.body) == (503, {"database": False, "temporal": True})
    assert (live.status, live.body) == (200, {"status": "alive"})
