"""Senders that are slow, broken or mean, against the real server: each is told no or cut off in time, memory stays
bounded, what they sent is in no log, and a good delivery right after works."""

import asyncio
import logging
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from multidict import CIMultiDict

from activities.store.store import Store
from api.server import LINGERING_SECONDS
from tests.api.senders import SENDERS, speakers
from tests.api.test_webhooks import HOOK, event, post, rows_in, signature
from tests.fixtures.store import ALICE, RunningApi, dead_temporal, running_api
from workers.sandbox.stripe_events import body_of_event

BODY_SECONDS = 0.4
PATIENCE_SECONDS = 10
PRIVATE = "ada.lovelace@private.example"
MEGABYTE = 1 << 20


class Line:
    """One connection, written by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, *pieces: bytes) -> None:
        """Until the other side hangs up."""
        try:
            for piece in pieces:
                self._writer.write(piece)
                await self._writer.drain()
        except ConnectionError:
            pass

    async def trickle(self, piece: bytes, seconds: float = 0.05) -> None:
        """For ever, or until the other side hangs up."""
        while not self._writer.is_closing():
            await self.send(piece)
            await asyncio.sleep(seconds)

    async def status(self) -> int | None:
        """Of the next answer; None when the line is cut instead."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        return int(head.split()[1])

    async def is_cut(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                while await self._reader.read(4096):
                    pass
        except TimeoutError:
            return False
        except ConnectionError:
            pass
        return True


@asynccontextmanager
async def line_to(api: RunningApi) -> AsyncIterator[Line]:
    host, _, port = api.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=MEGABYTE)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


@pytest.fixture
async def impatient(store: Store) -> AsyncIterator[RunningApi]:
    """Waits half a second for a body, not twenty."""
    async with running_api(store, await dead_temporal(), body_seconds=BODY_SECONDS) as api:
        yield api


@contextmanager
def no_more_memory_than(megabytes: float) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * MEGABYTE
    finally:
        tracemalloc.stop()


def head(*headers: str, method: str = "POST", path: str = HOOK) -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: x", *headers, "", "")).encode()


async def still_works(api: RunningApi) -> None:
    told = event()
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await post(api, told)).status == 200
    query = "select count(*) from inbox_keys where event_key = $1"
    assert await api.parts.store.pool.fetchval(query, told["id"]) == 1


# --- bodies that do not end -------------------------------------------------------------------------------------------

WITHOUT_END = {
    "by length": (head("Content-Length: 100000"), b"x"),
    "in chunks": (head("Transfer-Encoding: chunked"), b"1\r\nx\r\n"),
    "compressed": (head("Transfer-Encoding: chunked", "Content-Encoding: gzip"), b"1\r\n\x1f\r\n"),
    "of a colleague": (
        head("Content-Length: 9000", f"Authorization: Bearer {ALICE}", method="PUT", path="/customers/a/b/c"),
        b" ",
    ),
}


@pytest.mark.parametrize("how", WITHOUT_END)
async def test_a_body_that_trickles_in_for_ever_is_told_so_and_cut_off(impatient: RunningApi, how: str) -> None:
    beginning, piece = WITHOUT_END[how]
    async with line_to(impatient) as line:
        await line.send(beginning)
        trickling = asyncio.create_task(line.trickle(piece))
        began = time.monotonic()
        assert await line.status() in (400, 408)
        assert time.monotonic() - began < BODY_SECONDS + 2
        assert await line.is_cut(LINGERING_SECONDS + 2)
        trickling.cancel()
    await still_works(impatient)


async def test_chunks_without_end_are_cut_off_when_they_are_too_many(api: RunningApi) -> None:
    """As quickly as they can be sent: nothing is gathered beyond the largest body."""
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with no_more_memory_than(15):
        async with line_to(api) as line:
            await line.send(head("Transfer-Encoding: chunked"))
            flooding = asyncio.create_task(line.trickle(chunk, 0))
            assert await line.status() == 413
            assert await line.is_cut(LINGERING_SECONDS + 2)
            flooding.cancel()
    await still_works(api)


async def test_a_sender_that_hangs_up_in_the_middle_leaves_nothing_behind(
    api: RunningApi, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    body = body_of_event(event())
    whole = head(f"Content-Length: {len(body)}", f"Stripe-Signature: {signature(body)['Stripe-Signature']}") + body
    with caplog.at_level(logging.WARNING):
        for length in (10, 60, len(whole) - len(body), len(whole) - 1):
            async with line_to(api) as line:
                await line.send(whole[:length])
        await still_works(api)
    assert caplog.records == []
    assert await rows_in(store) == 1


async def test_a_bomb_is_not_unpacked(api: RunningApi) -> None:
    """100 MB of zeros in 100 kB; the same with a second coat goes in as the bytes that it is."""
    packing = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packing.compress(bytes(MEGABYTE)) for _ in range(100)) + packing.flush()
    assert len(bomb) < 200_000
    with no_more_memory_than(15):
        for encoding in ("gzip", "deflate", "GZIP", "gzip, gzip", "br", "zstd", "identity", "x" * 50):
            began = time.monotonic()
            reply = await api.ask("POST", HOOK, bomb, {"Content-Encoding": encoding}, token=None)
            assert reply.status in (400, 401, 413), (encoding, reply.text)
            assert time.monotonic() - began < LINGERING_SECONDS + 3
    assert (await api.ask("POST", HOOK, bomb, {"Content-Encoding": "gzip"}, token=None)).status == 413
    await still_works(api)


# --- what is no HTTP --------------------------------------------------------------------------------------------------

NO_HTTP = {
    "a header of 100 kB": head(f"X-Large: {PRIVATE * 4000}"),
    "200 headers": head(*(f"X-{number}: {PRIVATE}" for number in range(200))),
    "an address of 100 kB": head(path=f"/webhooks/stripe/{'a' * 100_000}"),
    "two lengths": head("Content-Length: 2", "Content-Length: 3"),
    "a length and chunks": head("Content-Length: 2", "Transfer-Encoding: chunked"),
    "a length below nothing": head("Content-Length: -1"),
    "a length in words": head("Content-Length: two"),
    "a length with a sign": head("Content-Length: +2"),
    "a length beyond all": head(f"Content-Length: {'9' * 40}"),
    "a chunk of no size": head("Transfer-Encoding: chunked") + f"{PRIVATE}\r\n".encode(),
    "a chunk that is larger than it says": head("Transfer-Encoding: chunked") + b"1\r\nxxxxxxx\r\n0\r\n\r\n",
    "a NUL in a header": head(f"Authorization: {PRIVATE}\x00"),
    "a folded header": head("X-Folded: a\r\n b"),
    "a line without a colon": head(PRIVATE),
    "a space before the colon": head("Content-Length : 2"),
    "another protocol": f"EHLO {PRIVATE}\r\n\r\n".encode(),
    "an encrypted greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "a version from the future": b"POST /webhooks/stripe HTTP/9.9\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("what", NO_HTTP)
async def test_what_is_no_http_is_told_so_or_cut_off_and_is_in_no_log(
    impatient: RunningApi, store: Store, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with line_to(impatient) as line:
            await line.send(NO_HTTP[what])
            assert await line.status() in (None, 400, 401, 404, 408, 413, 414, 431)
            assert await line.is_cut(LINGERING_SECONDS + 2)
    assert PRIVATE not in caplog.text
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    await still_works(impatient)
    assert await rows_in(store) == 1


async def test_what_follows_a_body_that_is_longer_than_it_says_is_no_delivery(api: RunningApi, store: Store) -> None:
    body = body_of_event(event())
    signed = f"Stripe-Signature: {signature(body)['Stripe-Signature']}"
    async with line_to(api) as line:
        await line.send(head(f"Content-Length: {len(body) - 5}", signed) + body)
        assert await line.status() in (400, 401)
        assert await line.is_cut(LINGERING_SECONDS + 2)
    assert await rows_in(store) == 0
    await still_works(api)


# --- heads ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(SENDERS))
async def test_headers_given_twice_or_in_no_alphabet_are_no_unexpected_error(name: str, store: Store) -> None:
    sender = SENDERS[name]
    secrets = {f"{sender.source}/default": [sender.secret]}
    async with running_api(store, await dead_temporal(), speakers=speakers(), webhook_secrets=secrets) as api:
        headers, body = sender.sent(sender.told[0], datetime.now(UTC))
        names = {*headers, *speakers()[sender.source].kept_headers, "Content-Type", "User-Agent", "traceparent"}
        for each in sorted(names):
            given = headers.get(each, "x")
            twice = CIMultiDict([*headers.items(), (each, given), (each, given)])
            async with api.session.post(f"{api.url}/webhooks/{sender.source}", data=body, headers=twice) as response:
                assert response.status in (200, 400, 401), await response.text()
            for odd in (b"\xff\xfe", b"\xf0\x9f\x92\xa3", b"", b" ", b"=" * 5000, b"\x80" + given.encode()):
                async with line_to(api) as line:
                    rest = [f"{key}: {value}" for key, value in headers.items() if key.lower() != each.lower()]
                    path = f"/webhooks/{sender.source}"
                    of_it = head(*rest, f"Content-Length: {len(body)}", path=path)[:-2] + each.encode() + b": " + odd
                    await line.send(of_it + b"\r\n\r\n" + body)
                    assert await line.status() in (200, 400, 401), (each, odd)


# --- many, and deep ---------------------------------------------------------------------------------------------------


async def test_two_hundred_idle_connections_are_in_nobodys_way(api: RunningApi) -> None:
    beginnings = (b"", b"POST", head("Content-Length: 5000")[:-2], head("Content-Length: 5000") + b"{")
    idle = [line_to(api) for _ in range(200)]
    lines = [await one.__aenter__() for one in idle]
    await asyncio.gather(*(line.send(beginnings[place % 4]) for place, line in enumerate(lines)))
    began = time.monotonic()
    await asyncio.gather(*(still_works(api) for _ in range(20)))
    assert time.monotonic() - began < 5
    for one in idle:
        await one.__aexit__(None, None, None)
    await still_works(api)


DEPTHS = (50, 900, 4000, 300_000)
NESTS: tuple[tuple[Any, Any], ...] = ((b"[", b"]"), (b'{"a":', b"1}"), (b"<a>", b"</a>"), (b"a[", b"]"))


@pytest.mark.parametrize("name", sorted(SENDERS))
async def test_no_nesting_is_too_deep_to_be_answered(name: str, store: Store) -> None:
    """As a whole body, and as one more field of what a source sends."""
    sender = SENDERS[name]
    secrets = {f"{sender.source}/default": [sender.secret]}
    async with running_api(store, await dead_temporal(), speakers=speakers(), webhook_secrets=secrets) as api:
        for depth in DEPTHS:
            for opens, closes in NESTS:
                nest = opens * min(depth, 900_000 // (len(opens) + len(closes))) + closes * depth
                for told in (nest[:900_000], with_field(sender.told[0], nest)[:950_000]):
                    headers, body = sender.sent(told, datetime.now(UTC))
                    if len(body) > MEGABYTE:
                        continue
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        reply = await api.ask("POST", f"/webhooks/{sender.source}", body, dict(headers), token=None)
                    assert reply.status in (200, 400, 401, 413), (depth, opens, reply.text)


def with_field(told: bytes, nest: bytes) -> bytes:
    opens = told.index(b"{") + 1 if b"{" in told else told.index(b">", told.index(b"<", 10)) + 1
    return told[:opens] + (b'"deep":' + nest + b"," if b"{" in told else nest) + told[opens:]
