"""The health of gateways over HTTP: the worst first, and an outage ended by a person whose name is the token's."""

from datetime import UTC, datetime
from typing import Any

import pytest

from activities.store.store import Store
from policies.gateway_health import Result
from tests.activities.store.test_gateway_health import Calls
from tests.fixtures.store import BOB, RunningApi

RESUME = "/gateways/stripe/default/resume"
WHY = {"reason": "their status page says it is over"}


@pytest.fixture
def calls(store: Store) -> Calls:
    return Calls(store)


async def make(calls: Calls, result: Result = Result.APPROVED, times: int = 5, **more: Any) -> None:
    await calls.make(result, times, at=datetime.now(UTC), **more)


async def listed(api: RunningApi, query: str = "") -> list[tuple[str, ...]]:
    reply = await api.ask("GET", f"/gateways{query}")
    assert reply.status == 200, reply.text
    return [(one["gateway"], one["account"], one["scope"], one["name"], one["state"]) for one in reply.body["gateways"]]


@pytest.mark.parametrize(("method", "path"), [("GET", "/gateways"), ("GET", "/gateways/outages"), ("POST", RESUME)])
async def test_without_a_token_nobody_sees_or_does_anything(api: RunningApi, method: str, path: str) -> None:
    assert (await api.ask(method, path, WHY, token=None)).status == 401


async def test_nothing_called_is_an_empty_list_and_healthy(api: RunningApi) -> None:
    assert (await api.ask("GET", "/gateways")).body == {"state": "healthy", "gateways": []}
    assert (await api.ask("GET", "/gateways/outages")).body == {"outages": []}


async def test_the_worst_come_first_with_figures_and_reasons(api: RunningApi, calls: Calls) -> None:
    await make(calls, times=20, region="FR")
    await make(calls, Result.FAILED, region="DE")
    await make(calls, gateway="adyen/eu")
    down, *others = (await api.ask("GET", "/gateways")).body["gateways"]
    assert (down["gateway"], down["account"], down["scope"], down["name"]) == ("stripe", "default", "region", "DE")
    assert (down["state"], down["because"]) == ("down", "5 of 5 calls failed in the last ten minutes")
    assert down["since"] < down["next_probe_at"]
    assert (down["figures"]["calls"], down["figures"]["failure_share"]) == (5, 1.0)
    assert [other["state"] for other in others] == ["healthy"] * 3
    assert others[0]["since"] is None


async def test_every_filter_is_a_parameter(api: RunningApi, calls: Calls) -> None:
    await make(calls, Result.FAILED)
    await make(calls, gateway="adyen/eu")
    assert await listed(api, "?state=down") == [("stripe", "default", "account", None, "down")]
    assert await listed(api, "?gateway=adyen") == [("adyen", "eu", "account", None, "healthy")]
    assert await listed(api, "?gateway=adyen&account=us") == []
    assert (await api.ask("GET", "/gateways?state=odd")).status == 400


async def test_a_person_ends_an_outage_once_and_it_is_remembered(api: RunningApi, calls: Calls) -> None:
    await make(calls, Result.FAILED)
    reply = await api.ask("POST", RESUME, WHY, token=BOB)
    whole = {"gateway": "stripe", "account": "default", "scope": "account", "name": None}
    assert (reply.status, reply.body) == (200, {"result": "done", "ended": [whole]})
    assert (await api.ask("POST", RESUME, WHY)).body == {"result": "unchanged", "ended": []}
    (outage,) = (await api.ask("GET", "/gateways/outages")).body["outages"]
    assert (outage["ended_by"], outage["ended_because"]) == ("bob", WHY["reason"])
    assert [state for *_, state in await listed(api)] != ["down"]


async def test_only_the_named_region_or_issuer_is_resumed(api: RunningApi, calls: Calls) -> None:
    await make(calls, times=40)
    await make(calls, Result.FAILED, region="DE")
    await make(calls, Result.FAILED, region="FR")
    await make(calls, Result.ISSUER_FAILED, issuer="Sparkasse")
    ended = (await api.ask("POST", RESUME, {**WHY, "region": "DE", "issuer": "Sparkasse"})).body["ended"]
    assert [(one["scope"], one["name"]) for one in ended] == [("region", "DE"), ("issuer", "Sparkasse")]
    assert await listed(api, "?state=down") == [("stripe", "default", "region", "FR", "down")]


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {**WHY, "actor": "mallory"}, {"reason": "4242 4242 4242 4242"}])
async def test_who_ends_one_says_why_and_nothing_else(api: RunningApi, body: Any) -> None:
    assert (await api.ask("POST", RESUME, body)).status == 400


async def test_without_its_database_it_says_when_to_come_back(api_without_database: RunningApi) -> None:
    for method, path in (("GET", "/gateways"), ("GET", "/gateways/outages"), ("POST", RESUME)):
        body = WHY if method == "POST" else None
        assert (await api_without_database.ask(method, path, body)).status == 503
