"""The feed's front door: for whoever has a token, live, from the origins that were set up and no other."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import aiohttp
import pytest

from activities.links import Links
from activities.store.feed import FeedNow
from activities.store.store import Store
from api import feed as feed_module
from api.feed_streams import FeedStreams
from policies.keys import CustomerRef
from tests.activities.store.test_feed import NOON, letter_for, stranger
from tests.fixtures.store import RunningApi, dead_temporal, running_api

SHOP = "https://app.shop.example"
LINKS = Links("https://recoup.example.com", ["a key of the tests"])


@pytest.fixture
async def api(store: Store) -> AsyncIterator[RunningApi]:
    async with running_api(store, await dead_temporal(), links=LINKS, feed_origins=(SHOP,)) as running:
        yield running


def token_of(customer: CustomerRef) -> str:
    return LINKS.token("feed", customer)


class Events:
    """What EventSource makes of a stream."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self) -> dict[str, str]:
        """The fields of the next event; {} at the end of the stream."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(20):
            while line := (await self.response.content.readline()).decode():
                name, _, value = line.rstrip("\n").partition(": ")
                if name:
                    fields[name] = value
                elif "data" in fields:
                    return fields
                else:
                    fields = {}
        return {}

    async def subjects(self) -> list[str]:
        return [item["subject"] for item in json.loads((await self.next())["data"])["items"]]


@asynccontextmanager
async def watching(api: RunningApi, token: str, **headers: str) -> AsyncIterator[Events]:
    async with api.session.get(f"{api.url}/feed/{token}/stream", headers=headers) as response:
        assert response.status == 200, await response.text()
        yield Events(response)


async def test_the_back_end_gets_a_token_and_the_page_reads_with_it(api: RunningApi, store: Store) -> None:
    ada = stranger()
    position = await store.feed.add(letter_for(ada), NOON)
    made = await api.ask("POST", f"/feed/{ada.source}/{ada.account}/{ada.customer_id}/token")
    assert (made.status, made.body["expires_in_seconds"]) == (200, 3600)
    got = await api.ask("GET", f"/feed/{made.body['token']}", token=None)
    assert got.status == 200
    assert (got.body["unread"], got.body["items"][0]["position"]) == (1, position)
    assert got.body["items"][0]["link"] == "https://pay.example/p/1"


async def test_a_token_is_made_only_for_the_back_end(api: RunningApi) -> None:
    assert (await api.ask("POST", "/feed/stripe/acct/cus_1/token", token=None)).status == 401


async def test_a_token_reads_one_feed_and_no_other(api: RunningApi, store: Store) -> None:
    ada, bob = stranger(), stranger()
    await store.feed.add(letter_for(ada), NOON)
    assert (await api.ask("GET", f"/feed/{token_of(bob)}", token=None)).body == {"items": [], "unread": 0}


@pytest.mark.parametrize("path", ["", "/stream", "/read"])
async def test_a_token_that_is_forged_or_made_for_something_else_is_nobody(api: RunningApi, path: str) -> None:
    ada = stranger()
    other_key = Links("https://x.example", ["another key"]).token("feed", ada)
    for token in ("x", LINKS.token("preferences", ada), other_key):
        method, body = ("POST", {"up_to": 1}) if path == "/read" else ("GET", None)
        reply = await api.ask(method, f"/feed/{token}{path}", body, {"Origin": SHOP}, token=None)
        assert (reply.status, reply.body["error"]) == (404, "unknown_token")


async def test_without_a_key_there_is_no_feed(store: Store) -> None:
    async with running_api(store, await dead_temporal()) as api:
        assert (await api.ask("POST", "/feed/stripe/acct/cus_1/token")).body["error"] == "no_feed"
        assert (await api.ask("GET", f"/feed/{token_of(stranger())}", token=None)).status == 404


async def test_what_was_read_is_answered_with_what_is_left(api: RunningApi, store: Store) -> None:
    ada = stranger()
    first = await store.feed.add(letter_for(ada, case="in_1"), NOON)
    await store.feed.add(letter_for(ada, case="in_2"), NOON)
    reply = await api.ask("POST", f"/feed/{token_of(ada)}/read", {"up_to": first}, token=None)
    assert (reply.status, reply.body["unread"]) == (200, 1)


@pytest.mark.parametrize("body", [{}, {"up_to": "1"}, {"up_to": -1}, {"up_to": 2**63}, {"up_to": True}, [], {"to": 1}])
async def test_what_is_no_position_is_refused(api: RunningApi, body: Any) -> None:
    reply = await api.ask("POST", f"/feed/{token_of(stranger())}/read", body, token=None)
    assert (reply.status, reply.body["error"]) == (400, "invalid")


@pytest.mark.parametrize("path", ["", "/stream", "/read"])
async def test_only_the_origins_that_were_set_up_may_read(api: RunningApi, path: str) -> None:
    address = f"{api.url}/feed/{token_of(stranger())}{path}"
    for origin in (SHOP, "https://evil.example", "https://app.shop.example.evil.example", "null", "http" + SHOP[5:]):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        async with api.session.options(address, headers=headers) as response:
            allowed = response.headers.get("Access-Control-Allow-Origin")
            assert (response.status, allowed) == (200, SHOP if origin == SHOP else None)
            assert ("Access-Control-Allow-Methods" in response.headers) == (origin == SHOP)
            assert response.headers["Vary"] == "Origin"
            assert "Access-Control-Allow-Credentials" not in response.headers
        call = api.session.post(address, json={"up_to": 1}, headers={"Origin": origin}) if path == "/read" else None
        async with call or api.session.get(address, headers={"Origin": origin}) as response:
            assert response.headers.get("Access-Control-Allow-Origin") == (SHOP if origin == SHOP else None)
            assert (response.status, response.headers["Cache-Control"]) == (200, "no-store")


async def test_a_stream_tells_everything_at_once_and_each_change(api: RunningApi, store: Store) -> None:
    ada = stranger()
    first = letter_for(ada, subject="first")
    await store.feed.add(first, NOON)
    async with watching(api, token_of(ada)) as events:
        assert events.response.content_type == "text/event-stream"
        assert await events.subjects() == ["first"]
        position = await store.feed.add(letter_for(ada, subject="second"), NOON)
        event = await events.next()
        now = json.loads(event["data"])
        assert (event["event"], event["id"]) == ("feed", str(position))
        assert ([item["subject"] for item in now["items"]], now["unread"]) == (["second"], 1)
        await store.feed.read(ada, position, NOON)
        assert json.loads((await events.next())["data"])["unread"] == 0
        await store.feed.withdraw(first.case_id, NOON)
        assert await events.subjects() == []


async def test_a_stream_hears_only_of_its_customer(api: RunningApi, store: Store) -> None:
    ada, bob = stranger(), stranger()
    async with watching(api, token_of(ada)) as of_ada, watching(api, token_of(bob)) as of_bob:
        assert (await of_ada.subjects(), await of_bob.subjects()) == ([], [])
        await store.feed.add(letter_for(bob, subject="for bob"), NOON)
        assert await of_bob.subjects() == ["for bob"]
        await store.feed.add(letter_for(ada, subject="for ada"), NOON)
        assert await of_ada.subjects() == ["for ada"]


async def listeners(store: Store) -> list[int]:
    rows = await store.pool.fetch(
        "select pid from pg_stat_activity where datname = current_database() and query ilike 'listen%recoup_feed%'"
    )
    return [row["pid"] for row in rows]


async def test_many_pages_share_one_connection_and_miss_nothing_when_it_is_lost(api: RunningApi, store: Store) -> None:
    ada = stranger()
    async with watching(api, token_of(ada)) as one, watching(api, token_of(ada)) as other:
        assert (await one.subjects(), await other.subjects()) == ([], [])
        await store.feed.add(letter_for(ada, case="in_1", subject="before"), NOON)
        assert (await one.subjects(), await other.subjects()) == (["before"], ["before"])
        (pid,) = await listeners(store)
        await store.pool.execute("select pg_terminate_backend($1)", pid)
        await store.feed.add(letter_for(ada, case="in_2", subject="meanwhile"), NOON)
        assert (await one.subjects(), await other.subjects()) == (["meanwhile", "before"],) * 2


async def test_a_change_that_cannot_be_read_yet_is_told_later(
    api: RunningApi, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, tries = stranger(), list[str]()
    read = FeedStreams.now

    async def away_at_first(streams: FeedStreams, customer: CustomerRef) -> FeedNow:
        tries.append("read")
        if len(tries) == 1:
            raise ConnectionRefusedError
        return await read(streams, customer)

    monkeypatch.setattr(feed_module, "AGAIN_SECONDS", 0.05)
    async with watching(api, token_of(ada)) as events:
        assert await events.subjects() == []
        await store.feed.add(letter_for(ada, case="in_1", subject="one"), NOON)
        assert await events.subjects() == ["one"]
        monkeypatch.setattr(FeedStreams, "now", away_at_first)
        await store.feed.add(letter_for(ada, case="in_2", subject="two"), NOON)
        assert await events.subjects() == ["two", "one"]
        assert len(tries) >= 2


async def test_a_quiet_stream_is_kept_alive(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "HEARTBEAT_SECONDS", 0.05)
    async with watching(api, token_of(stranger())) as events:
        assert await events.subjects() == []
        async with asyncio.timeout(10):
            assert (await events.response.content.readline()).startswith(b": ")


async def test_a_stream_ends_with_its_token(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "HEARTBEAT_SECONDS", 0.05)
    links = ShortLived("https://recoup.example.com", ["a key of the tests"])
    async with (
        running_api(store, await dead_temporal(), links=links) as api,
        watching(api, token_of(stranger())) as events,
    ):
        assert await events.subjects() == []
        links.expired = True
        assert await events.next() == {}


class ShortLived(Links):
    expired = False

    def customer_of(self, purpose: Any, token: str) -> CustomerRef | None:
        return None if self.expired else super().customer_of(purpose, token)


async def test_a_stream_ends_when_the_server_does(store: Store) -> None:
    ada = stranger()
    async with aiohttp.ClientSession() as session:
        async with running_api(store, await dead_temporal(), links=LINKS) as api:
            response = await session.get(f"{api.url}/feed/{token_of(ada)}/stream")
            events = Events(response)
            assert await events.subjects() == []
        # Its end came as an end: a line that was cut would raise.
        assert await events.next() == {}
        response.close()


async def test_a_process_holds_so_many_streams_and_says_so(store: Store) -> None:
    full = FeedStreams(store, streams_max=1)
    with full.watching(stranger()) as first, full.watching(stranger()) as second:
        assert (first is not None, second) == (True, None)
    with full.watching(stranger()) as again:
        assert again is not None
    await full.stop()
    with full.watching(stranger()) as late:
        assert late is None


async def test_who_is_one_too_many_is_told_to_come_back(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FeedStreams, "watching", lambda *_: nullcontext(None))
    reply = await api.ask("GET", f"/feed/{token_of(stranger())}/stream", headers={"Origin": SHOP}, token=None)
    assert (reply.status, reply.body["error"]) == (503, "too_many_streams")


async def test_without_a_database_the_feed_asks_to_come_back(api_without_database: RunningApi) -> None:
    parts = api_without_database.parts
    async with running_api(parts.store, await dead_temporal(), links=LINKS) as api:
        for path in ("", "/stream"):
            reply = await api.ask("GET", f"/feed/{token_of(stranger())}{path}", token=None)
            assert (reply.status, reply.body["error"]) == (503, "unavailable")


async def test_the_element_is_served_to_any_page_and_is_small(api: RunningApi) -> None:
    async with api.session.get(f"{api.url}/feed/recoup.js") as response:
        script = await response.text()
        assert (response.status, response.content_type) == (200, "text/javascript")
        assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "innerHTML" not in script
    assert len(script.encode()) < 6_000
