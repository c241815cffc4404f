"""Deny by default: whatever route is added later needs a token until somebody decides otherwise."""

import hmac
import re
from collections.abc import Callable

import pytest
from aiohttp import web

from activities.store.store import Store
from api.app import make_app
from tests.fixtures.store import ALICE, BOB, RunningApi, dead_temporal, running_api

OPEN = {"/webhooks/x", "/webhooks/x/x", "/health/live", "/health/ready", "/openapi.json"}
# What customers' browsers ask: the token in the address is the key, or there is nothing to keep.
OPEN |= {"/feed/recoup.js", "/feed/x", "/feed/x/stream", "/feed/x/read", "/push/service-worker.js", "/push/x/key"}
OPEN |= {"/console/messages/x.html", "/push/x/devices", "/push/x/devices/x"}
OPEN |= {"/preferences/x", "/preferences/x/unsubscribe/x"}
OPEN |= {"/pay/static/pay.js", "/pay/static/recoup-pay.js", "/pay/fields/x.js", "/pay/x", "/pay/x/checkout/x"}
OPEN |= {f"/pay/x/{each}" for each in "checkout promise mistake help code verify renew seen summary stream api".split()}
OPEN |= {f"/pay/x/api/{each}" for each in "checkouts checkouts/x promise mistake help code verify".split()}
SHUT = {
    "nothing": "",
    "no scheme": ALICE,
    "another scheme": f"Basic {ALICE}",
    "no token": "Bearer",
    "a blank token": "Bearer   ",
    "half a token": f"Bearer {ALICE[:-1]}",
    "a longer token": f"Bearer {ALICE}x",
    "both tokens": f"Bearer {ALICE} {BOB}",
    "another case": f"Bearer {ALICE.upper()}",
    "an actor": "Bearer alice",
    "letters outside ASCII": "Bearer tökén",
}


def every_route(app: web.Application) -> list[tuple[str, str]]:
    """Method and an address of each route, with something in the place of its variables."""
    routes = []
    for route in app.router.routes():
        assert route.resource is not None
        routes.append((route.method, re.sub(r"\{[^}]*\}", "x", route.resource.canonical)))
    return routes


async def test_every_route_but_webhooks_and_health_wants_a_token(api: RunningApi) -> None:
    routes = every_route(make_app(api.parts))
    shut = [(method, path) for method, path in routes if path not in OPEN]
    assert len(shut) >= 8
    for method, path in [*shut, ("GET", "/"), ("GET", "/cases/"), ("DELETE", "/cases"), ("GET", "/no/such/route")]:
        reply = await api.ask(method, path, b"" if method in ("PUT", "POST") else None, token=None)
        assert reply.status == 401, (method, path)
        if method != "HEAD":
            assert reply.body["error"] == "unauthorized"
    for method, path in set(routes) - set(shut):
        assert (await api.ask(method, path, b"" if method == "POST" else None, token=None)).status != 401, path


async def test_who_misspells_an_open_address_is_told_so_without_a_token(api: RunningApi) -> None:
    for method, path, status in (
        ("PUT", "/webhooks/stripe", 405),
        ("DELETE", "/health/live", 405),
        ("POST", "/webhooks/stripe/default/", 404),
        ("GET", "/health/sources", 401),
        ("GET", "/health/", 401),
    ):
        assert (await api.ask(method, path, token=None)).status == status, path


@pytest.mark.parametrize("header", SHUT.values(), ids=SHUT.keys())
async def test_only_a_known_bearer_token_opens(api: RunningApi, header: str) -> None:
    url = api.url + "/cases"
    async with api.session.get(url, headers={"Authorization": header} if header else {}) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        text = await response.text()
    assert ALICE not in text
    assert BOB not in text


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_every_token_opens_whatever_the_case_of_the_scheme(api: RunningApi, scheme: str) -> None:
    for token in (ALICE, BOB):
        reply = await api.ask("GET", "/cases", headers={"Authorization": f"{scheme} {token}"}, token=None)
        assert reply.status == 200


async def test_all_tokens_are_compared_in_constant_time(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after a match: the time taken must not tell which token was the right one."""
    compared: list[bytes] = []
    real: Callable[[bytes, bytes], bool] = hmac.compare_digest

    def counting(known: bytes, given: bytes) -> bool:
        compared.append(known)
        return real(known, given)

    monkeypatch.setattr("api.auth.hmac.compare_digest", counting)
    for token in (ALICE, BOB, "nobody"):
        compared.clear()
        await api.ask("GET", "/cases", token=token)
        assert compared == [ALICE.encode(), BOB.encode()]


async def test_without_tokens_nobody_gets_in(store: Store) -> None:
    async with running_api(store, await dead_temporal(), tokens={}) as api:
        for token in ("", " ", "x", ALICE):
            assert (await api.ask("GET", "/cases", headers={"Authorization": f"Bearer {token}"})).status == 401


@pytest.mark.parametrize("path", ["/webhooks/../cases", "/health/../cases", "/health/%2e%2e/cases", "//webhooks/x"])
async def test_no_spelling_of_an_address_goes_around_the_door(api: RunningApi, path: str) -> None:
    reply = await api.ask("GET", path, token=None)
    assert reply.status in (401, 404, 405)
    assert "cases" not in reply.body


async def test_an_unknown_route_with_a_token_is_a_404_with_a_sentence(api: RunningApi) -> None:
    reply = await api.ask("GET", "/no/such/route")
    assert (reply.status, reply.body["error"]) == (404, "not_found")
    reply = await api.ask("DELETE", "/cases")
    assert (reply.status, reply.body["error"]) == (405, "method_not_allowed")
