"""`recoup gateways` as people meet it, and what the watch tells of the same."""

import asyncio
import json
import logging
from datetime import UTC, datetime

import pytest
from click.testing import Result as Ended
from opentelemetry.metrics import CallbackOptions
from typer.testing import CliRunner

from activities.store.store import Store
from policies.gateway_health import Kind, Result, State
from tests.activities.store.test_gateway_health import Calls
from tests.fixtures.store import DEAD_DATABASE
from workers.cli import app
from workers.gateway_watch import GatewayWatch

NO_OPTIONS = CallbackOptions()


@pytest.fixture
def database(database_url: str) -> str:
    return database_url.replace("/postgres?", "/one_store?")


async def gateways(database: str, *arguments: str) -> Ended:
    """In a thread: it has a loop of its own."""
    environment = {"RECOUP_DATABASE_URL": database}
    ended = await asyncio.to_thread(CliRunner().invoke, app, ("gateways", *arguments), env=environment)
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended


async def test_nothing_called_is_said_in_a_sentence(store: Store, database: str) -> None:
    assert (await gateways(database)).stdout == "no gateway was called in the last day\n"


async def test_the_table_has_the_worst_first(store: Store, database: str) -> None:
    calls, now = Calls(store), datetime.now(UTC)
    await calls.make(times=15, at=now)
    await calls.make(Result.FAILED, times=5, at=now, region="DE", issuer="Bad\x1bBank")
    head, *lines = (await gateways(database)).stdout.splitlines()
    assert head.split()[:5] == ["gateway", "of", "state", "since", "calls"]
    assert lines[0].startswith("stripe/default  region DE")
    assert lines[0].endswith("5 of 5 calls failed in the last ten minutes")
    assert "\x1b" not in "".join(lines)
    assert any("all" in line and "degraded" in line and "25%" in line and "100%" in line for line in lines)


async def test_programs_get_json(store: Store, database: str) -> None:
    await Calls(store).make(at=datetime.now(UTC))
    (one,) = json.loads((await gateways(database, "--json")).stdout)["gateways"]
    assert (one["gateway"], one["scope"], one["state"], one["figures"]["calls"]) == ("stripe", "account", "healthy", 1)


async def test_a_database_that_is_away_is_told_in_one_sentence() -> None:
    ended = await gateways(DEAD_DATABASE)
    assert ended.exit_code == 2
    assert len(ended.stderr.splitlines()) == 1


async def test_the_watch_warns_of_what_does_not_work_and_leaves_healthy_issuers_out(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    calls, now = Calls(store), datetime.now(UTC)
    await calls.make(times=20, at=now, region="FR", issuer="BNP")
    await calls.make(Result.FAILED, times=5, at=now, region="DE")
    watch = GatewayWatch(store.gateway_health)
    with caplog.at_level(logging.WARNING):
        seen = await watch.look(now)
    assert {each.scope.kind for each in seen} == {Kind.ACCOUNT, Kind.REGION}
    assert "gateway stripe/default (region DE) is down: 5 of 5 calls failed in the last ten minutes" in caplog.messages
    states = [each for each in watch.gauges.states(NO_OPTIONS) if each.value]
    assert {"gateway": "stripe/default", "scope": "region", "name": "DE", "state": "down"} in [
        each.attributes for each in states
    ]
    shares = {
        each.attributes["name"]: each.value
        for each in watch.gauges.figure("figures.failure_share")(NO_OPTIONS)
        if each.attributes
    }
    assert shares == {"": 0.2, "FR": 0.0, "DE": 1.0}
    rates = {
        each.attributes["name"]: each.value
        for each in watch.gauges.figure("figures.approval_rate")(NO_OPTIONS)
        if each.attributes
    }
    assert rates == {"": 1.0, "FR": 1.0}
    assert {each.state for each in seen} == {State.HEALTHY, State.DOWN}
