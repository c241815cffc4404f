"""Registering for push messages: the token in the address says for whom, and nothing is done without one."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import CDPSession, Page, Worker, async_playwright

from activities.links import Links
from activities.store.database import make_pool
from activities.store.push_devices import DEVICES_MAX
from activities.store.store import Store
from api import push
from api.errors import errors_as_json
from api.parts import PARTS
from policies.keys import CustomerRef
from tests.activities.channels.browser import Browser
from tests.fixtures.sandbox import serving
from tests.fixtures.store import DEAD_DATABASE, RunningApi, dead_temporal, running_api

LINKS = Links("https://recoup.example", ["key-of-the-push-tests"])
ADA = CustomerRef(source="stripe", account="default", customer_id="cus_ada")
TOKEN = LINKS.token("feed", ADA)
CHROMIUM = "/usr/bin/chromium"
KEY = "BPublicKeyOfThePushTests"
WEB: dict[str, Any] = {"kind": "web", "subscription": Browser().subscription("https://push.example/send/laptop")}
PHONE = {"kind": "fcm", "token": "token:of-a-phone"}


@asynccontextmanager
async def push_api(store: Store, **parts: Any) -> AsyncIterator[RunningApi]:
    """The routes of push alone, so that it does not matter to these tests what else the API has."""
    async with running_api(store, await dead_temporal(), **parts) as whole:
        app = web.Application(middlewares=[errors_as_json])
        app[PARTS] = whole.parts
        app.add_routes([route.served() for route in push.ROUTES])
        async with serving(app) as url:
            yield RunningApi(url, whole.session, whole.parts)


@pytest.fixture
async def api(store: Store) -> AsyncIterator[RunningApi]:
    await store.pool.execute("delete from push_devices")
    async with push_api(store, links=LINKS, vapid_public_key=KEY) as running:
        yield running


def test_every_route_is_open_for_the_token_says_who_it_is() -> None:
    assert all(route.is_open for route in push.ROUTES)


async def test_a_browser_is_told_the_key(api: RunningApi) -> None:
    reply = await api.ask("GET", f"/push/{TOKEN}/key", token=None)
    assert (reply.status, reply.body) == (200, {"key": KEY})


async def test_without_a_key_it_is_said_that_there_is_no_push(store: Store) -> None:
    async with push_api(store, links=LINKS) as api:
        reply = await api.ask("GET", f"/push/{TOKEN}/key", token=None)
    assert (reply.status, reply.body["error"]) == (404, "no_push")


@pytest.mark.parametrize("body", [WEB, PHONE], ids=["web", "fcm"])
async def test_a_device_registers_as_often_as_it_likes_and_is_taken_back_once(
    api: RunningApi, store: Store, body: dict[str, Any]
) -> None:
    for _ in range(2):
        added = await api.ask("POST", f"/push/{TOKEN}/devices", body, token=None)
        assert added.status == 200
    (device,) = await store.push_devices.of(ADA)
    assert device.kind == body["kind"]
    assert device.subscription == body.get("subscription", {"token": PHONE["token"]})
    assert added.body == {"device_hash": device.device_hash}
    removed = await api.ask("DELETE", f"/push/{TOKEN}/devices/{device.device_hash}", token=None)
    assert (removed.status, removed.body) == (200, {"device_hash": device.device_hash})
    assert await store.push_devices.of(ADA) == ()
    again = await api.ask("DELETE", f"/push/{TOKEN}/devices/{device.device_hash}", token=None)
    assert (again.status, again.body["error"]) == (404, "unknown_device")


async def test_a_subscription_may_come_as_the_browser_writes_it(api: RunningApi) -> None:
    said = {"kind": "web", "subscription": {**WEB["subscription"], "expirationTime": None}}
    assert (await api.ask("POST", f"/push/{TOKEN}/devices", said, token=None)).status == 200


async def test_nobody_takes_back_what_is_somebody_elses(api: RunningApi, store: Store) -> None:
    added = await api.ask("POST", f"/push/{TOKEN}/devices", WEB, token=None)
    bobs = LINKS.token("feed", ADA.model_copy(update={"customer_id": "cus_bob"}))
    reply = await api.ask("DELETE", f"/push/{bobs}/devices/{added.body['device_hash']}", token=None)
    assert (reply.status, reply.body["error"]) == (404, "unknown_device")
    assert len(await store.push_devices.of(ADA)) == 1


@pytest.mark.parametrize(
    "token",
    [
        # Not its last letter, some bits of which mean nothing.
        TOKEN[:-2] + ("A" if TOKEN[-2] != "A" else "B") + TOKEN[-1],
        LINKS.token("preferences", ADA),
        Links("https://recoup.example", ["another-key"]).token("feed", ADA),
        "x",
        "..",
        "x" * 2_000,
    ],
)
async def test_a_token_that_says_nobody_opens_nothing(api: RunningApi, store: Store, token: str) -> None:
    for method, path, body in (
        ("GET", f"/push/{token}/key", None),
        ("POST", f"/push/{token}/devices", WEB),
        ("DELETE", f"/push/{token}/devices/{'0' * 64}", None),
    ):
        reply = await api.ask(method, path, body, token=None)
        assert reply.status == 404
        assert token == ".." or reply.body["error"] == "unknown_token"
    assert await store.pool.fetchval("select count(*) from push_devices") == 0


async def test_without_keys_for_links_nobody_is_known(store: Store) -> None:
    async with push_api(store, vapid_public_key=KEY) as api:
        reply = await api.ask("GET", f"/push/{TOKEN}/key", token=None)
    assert (reply.status, reply.body["error"]) == (404, "unknown_token")


SECRET_VALUE = "https://ada.private.example"


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        b"junk",
        {"kind": "apns", "token": SECRET_VALUE},
        {"kind": "fcm"},
        {"kind": "fcm", "token": SECRET_VALUE + " "},
        {"kind": "fcm", "token": ""},
        {"kind": "fcm", "token": "x" * 4_097},
        {"kind": "fcm", "token": 7},
        {"kind": "fcm", "token": "4111111111111111"},
        {"kind": "fcm", "token": "abc", "customer_id": SECRET_VALUE},
        {"kind": "web", "token": "abc"},
        {"kind": "web", "subscription": {"endpoint": SECRET_VALUE}},
        {"kind": "web", "subscription": {**WEB["subscription"], "endpoint": "http://ada.private.example"}},
        {"kind": "web", "subscription": {**WEB["subscription"], "keys": {"p256dh": SECRET_VALUE, "auth": ""}}},
    ],
)
async def test_what_is_wrong_is_refused_and_never_repeated(api: RunningApi, store: Store, body: Any) -> None:
    reply = await api.ask("POST", f"/push/{TOKEN}/devices", body, token=None)
    assert (reply.status, reply.body["error"]) == (400, "invalid")
    assert "ada.private" not in reply.text
    assert await store.pool.fetchval("select count(*) from push_devices") == 0


async def test_twenty_devices_are_enough(api: RunningApi, store: Store) -> None:
    statuses = []
    for n in range(DEVICES_MAX + 1):
        reply = await api.ask("POST", f"/push/{TOKEN}/devices", {"kind": "fcm", "token": f"token:{n}"}, token=None)
        statuses.append(reply.status)
    assert statuses == [200] * DEVICES_MAX + [409]
    assert reply.body["error"] == "too_many_devices"


async def test_a_page_of_another_host_may_ask(api: RunningApi) -> None:
    for method, path in (
        ("OPTIONS", f"/push/{TOKEN}/devices"),
        ("OPTIONS", f"/push/{TOKEN}/devices/{'0' * 64}"),
        ("GET", f"/push/{TOKEN}/key"),
        ("GET", "/push/x/key"),
        ("GET", "/push/service-worker.js"),
    ):
        async with api.session.request(method, api.url + path) as reply:
            assert reply.headers["Access-Control-Allow-Origin"] == "*"
            if method == "OPTIONS":
                assert reply.status == 200
                assert "DELETE" in reply.headers["Access-Control-Allow-Methods"]


async def test_the_service_worker_is_a_script(api: RunningApi) -> None:
    async with api.session.get(api.url + "/push/service-worker.js") as reply:
        assert (reply.status, reply.content_type) == (200, "text/javascript")
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert "notificationclick" in await reply.text()


async def test_without_a_database_a_device_is_asked_to_come_back() -> None:
    pool = await make_pool(DEAD_DATABASE)
    async with push_api(Store(pool), links=LINKS, vapid_public_key=KEY) as api:
        reply = await api.ask("POST", f"/push/{TOKEN}/devices", WEB, token=None)
        assert (reply.status, reply.body["error"]) == (503, "unavailable")
    await pool.close()


class Screen:
    """A page in Chromium that has registered the service worker and may show notifications."""

    def __init__(self, url: str, page: Page, worker: Worker, push: CDPSession, registration: str) -> None:
        self._url = url
        self._page = page
        self._worker = worker
        self._push = push
        self._registration = registration

    async def receive(self, data: str) -> dict[str, Any]:
        """Hands the browser a message; what it shows. Only once: Chromium closes a notification late."""
        message = {"origin": self._url, "registrationId": self._registration, "data": data}
        for _ in range(DELIVERIES_MOST):
            await self._push.send("ServiceWorker.deliverPushMessage", message)
            shown: dict[str, Any] | None = await self._page.evaluate(SHOWN)
            if shown:
                return shown
        raise AssertionError("the browser has shown nothing")

    async def ask(self, data: str) -> dict[str, Any]:
        """What the worker would show, and what it opens at a click."""
        said: dict[str, Any] = await self._worker.evaluate(ASKED, data)
        return said


PATIENCE_SECONDS = 60
DELIVERIES_MOST = 3
"""A busy browser may lose the first; without an end a lost one would be waited for for ever."""
SHOWN = """async () => {
    const ready = await navigator.serviceWorker.ready;
    let all = [];
    for (let tries = 0; tries < 500 && !(all = await ready.getNotifications()).length; tries++) {
        await new Promise((go) => setTimeout(go, 10));
    }
    return all.map(({title, body, dir, lang, tag}) => ({title, body, dir, lang, tag}))[0];
}"""
ASKED = """(data) => {
    const told = {opens: []};
    self.registration.showNotification = async (title, options) => Object.assign(told, {title, ...options});
    self.clients.openWindow = async (link) => told.opens.push(link);
    const happen = (event, more) => self.dispatchEvent(Object.assign(event, {waitUntil() {}}, more));
    happen(new PushEvent("push", {data}));
    const notification = {data: told.data, close() { told.closed = true; }};
    happen(new Event("notificationclick"), {notification});
    return told;
}"""


@asynccontextmanager
async def screen(url: str) -> AsyncIterator[Screen]:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"there is no {CHROMIUM}")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = await browser.new_context()
        await context.grant_permissions(["notifications"], origin=url)
        page = await context.new_page()
        await page.goto(f"{url}/push/service-worker.js")
        async with context.expect_event("serviceworker") as started:
            await page.evaluate(
                "navigator.serviceWorker.register('/push/service-worker.js')"
                ".then(() => navigator.serviceWorker.ready).then(() => true)"
            )
        push = await context.new_cdp_session(page)
        told: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def registered(event: dict[str, Any]) -> None:
            if event["registrations"] and not told.done():
                told.set_result(event["registrations"][0]["registrationId"])

        push.on("ServiceWorker.workerRegistrationUpdated", registered)
        await push.send("ServiceWorker.enable")
        yield Screen(url, page, await started.value, push, await asyncio.wait_for(told, PATIENCE_SECONDS))
        await browser.close()


async def test_a_browser_shows_what_was_sent_and_opens_only_safe_links(api: RunningApi) -> None:
    link = "https://pay.example/p/1"
    letter = {"title": "התשלום לא עבר", "body": "<b>לחצו</b>", "link": link, "lang": "he", "dir": "rtl", "tag": "case"}
    async with screen(api.url) as browser:
        assert await browser.receive(json.dumps(letter)) == {k: v for k, v in letter.items() if k != "link"}
        for safe in (link, "http://localhost:8080/p/1", "http://127.0.0.1:8080/p/1"):
            said = await browser.ask(json.dumps({**letter, "link": safe}))
            assert (said["opens"], said["closed"]) == ([safe], True)
        for bad in ("javascript:alert(1)", "http://pay.example/p/1", "data:text/html,x", "//pay.example", "", 7, None):
            said = await browser.ask(json.dumps({**letter, "link": bad}))
            assert (said["title"], said["opens"], said["closed"]) == (letter["title"], [], True), bad
        # A browser shows a notice of its own when a message shows nothing.
        for odd in ("no JSON", "null", "[]", "{}", json.dumps({"title": 7, "body": {}, "dir": "up", "lang": 7})):
            said = await browser.ask(odd)
            assert (said["title"], said["body"], said["dir"], said["opens"]) == ("127.0.0.1", "", "auto", [])
