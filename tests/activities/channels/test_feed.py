"""The in-app channel. Its provider is our own database, reached through a wire that is cut at a chosen word."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, urlsplit

import pytest

from activities.channels.contract import Accepted, NotSent, Unclear
from activities.channels.feed import FeedChannel
from activities.errors import Unavailable
from activities.store.database import make_pool
from activities.store.feed import Feed
from activities.store.store import Store
from tests.activities.store.test_feed import letter_for, stranger
from tests.fixtures.store import DEAD_DATABASE


class Wire:
    """Carries PostgreSQL's protocol from a port to its socket. Hears `word`: passes it on and cuts the line before the
    answer, `times` times; from then on, when `closes`, nobody can connect any more."""

    def __init__(self, socket: str, word: bytes, times: int = 1, closes: bool = False) -> None:
        self.socket, self.word, self.left, self.closes = socket, word, times, closes
        self.closed = False
        self.carriers: set[asyncio.Task[None]] = set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            self.carriers.add(task)
        if self.closed:
            await _end(writer)
            return
        there, to_there = await asyncio.open_unix_connection(self.socket)
        back = asyncio.create_task(self._back(there, writer))
        with suppress(ConnectionError):
            while said := await reader.read(65536):
                heard = self.left > 0 and self.word in said
                if heard:
                    self.left -= 1
                    self.closed = self.closes
                    back.cancel()
                    await asyncio.wait([back])
                to_there.write(said)
                await to_there.drain()
                if heard:
                    # PostgreSQL has done it when it has answered.
                    await there.read(1)
                    break
        back.cancel()
        await asyncio.wait([back])
        await _end(to_there)
        await _end(writer)

    async def _back(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while said := await there.read(65536):
                writer.write(said)
                await writer.drain()
        writer.close()


async def _end(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


@asynccontextmanager
async def channel_over(dsn: str, word: bytes, times: int = 1, closes: bool = False) -> AsyncIterator[FeedChannel]:
    """`dsn`: of the embedded server, which listens on a unix socket."""
    parts = urlsplit(dsn)
    folder = parse_qs(parts.query)["host"][0]
    wire = Wire(f"{folder}/.s.PGSQL.{parts.port or 5432}", word, times, closes)
    server = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    user = parts.username or "postgres"
    pool = await make_pool(f"postgresql://{user}@127.0.0.1:{port}/one_store?sslmode=disable")
    try:
        yield FeedChannel(Feed(pool))
    finally:
        await asyncio.wait_for(pool.close(), 10)
        server.close()
        await asyncio.gather(*wire.carriers)


async def test_a_message_is_an_item_of_the_feed(store: Store) -> None:
    ada = stranger()
    letter = letter_for(ada)
    outcome = await FeedChannel(store.feed).send(letter)
    (item,) = (await store.feed.of(ada)).items
    assert outcome == Accepted(reference=f"feed/{item.position}")
    assert (item.subject, item.text) == (letter.subject, letter.text)


async def test_the_same_message_twice_is_one(store: Store) -> None:
    ada = stranger()
    letter = letter_for(ada)
    channel = FeedChannel(store.feed)
    assert await channel.send(letter) == await channel.send(letter)
    assert len((await store.feed.of(ada)).items) == 1


async def test_without_a_customer_it_is_not_sent(store: Store) -> None:
    outcome = await FeedChannel(store.feed).send(letter_for(None))
    assert isinstance(outcome, NotSent)
    assert outcome.withdrawn is None


async def test_a_database_that_is_down_has_certainly_written_nothing() -> None:
    pool = await make_pool(DEAD_DATABASE)
    with pytest.raises(Unavailable):
        await FeedChannel(Feed(pool)).send(letter_for(stranger()))
    await pool.close()


async def test_a_line_cut_before_the_commit_has_certainly_written_nothing(store: Store, database_url: str) -> None:
    ada = stranger()
    async with channel_over(database_url, b"feed_items") as channel:
        with pytest.raises(Unavailable):
            await channel.send(letter_for(ada))
    assert (await store.feed.of(ada)).items == ()


async def test_a_line_cut_at_the_commit_is_asked_again_and_the_item_is_there_once(
    store: Store, database_url: str
) -> None:
    ada = stranger()
    async with channel_over(database_url, b"COMMIT") as channel:
        outcome = await channel.send(letter_for(ada))
    (item,) = (await store.feed.of(ada)).items
    assert outcome == Accepted(reference=f"feed/{item.position}")


async def test_a_line_that_stays_cut_after_the_commit_is_unclear(store: Store, database_url: str) -> None:
    ada = stranger()
    async with channel_over(database_url, b"COMMIT", closes=True) as channel:
        assert isinstance(await channel.send(letter_for(ada)), Unclear)
    assert len((await store.feed.of(ada)).items) == 1


def test_it_promises_no_receipts(store: Store) -> None:
    channel = FeedChannel(store.feed)
    assert (channel.name, channel.receipts) == ("in_app", False)
