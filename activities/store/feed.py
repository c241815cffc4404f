"""The in-app feed: what a customer is shown in the merchant's application, newest first. What is paid, closed or said
anew is withdrawn at once, and whoever looks is told by NOTIFY (`api/feed_streams.py` listens)."""

import hashlib
from datetime import datetime
from typing import Any, Literal

from activities.channels.contract import Letter
from activities.errors import Unavailable
from activities.store.database import DATABASE_DOWN, Pool, queries
from policies.base import Record, UtcTime
from policies.keys import CustomerRef

CHANNEL = "recoup_feed"
SHOWN_MAX = 50


class FeedItem(Record):
    """`position` grows from item to item. `stage`: how firmly it is said (`policies.document.STAGES`); `link`: where
    the customer can act. `locale`, `direction`: of the words."""

    position: int
    stage: str
    template: str
    subject: str
    text: str
    link: str | None = None
    locale: str
    direction: Literal["ltr", "rtl"]
    at: UtcTime
    read: bool


class FeedNow(Record):
    """`items`: newest first, fifty at most; `unread` counts all of them."""

    items: tuple[FeedItem, ...] = ()
    unread: int = 0

    @property
    def newest(self) -> int:
        """Position of the newest item, 0 without one."""
        return self.items[0].position if self.items else 0


def customer_hash(customer: CustomerRef) -> str:
    """What a notification says of whose feed changed: SHA-256 in hexadecimal, so that no id goes over that wire."""
    told = f"{customer.source}\n{customer.account}\n{customer.customer_id}"
    return hashlib.sha256(told.encode()).hexdigest()


class Feed:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("feed")

    async def add(self, letter: Letter, now: datetime) -> int:
        """Returns its position. The same key twice is one item; earlier ones of the case are withdrawn with it. Raises
        Unavailable when certainly nothing was written, ValueError when the letter names no customer; any other error of
        the database leaves open whether it was."""
        customer, only_the_commit_is_left = letter.customer, False
        if customer is None:
            raise ValueError("a letter for the feed names its customer")
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                position = await self._write(connection, customer, letter, now)
                only_the_commit_is_left = True
        except DATABASE_DOWN as error:
            if only_the_commit_is_left:
                raise
            raise Unavailable(f"the feed cannot be written: {type(error).__name__}") from error
        return position

    async def _write(self, connection: Any, customer: CustomerRef, letter: Letter, now: datetime) -> int:
        await self._queries.alone(connection, case_id=letter.case_id)
        said = letter.model_dump(
            include={"key", "case_id", "stage", "template", "subject", "text", "link", "locale", "direction"}
        )
        position: int | None = await self._queries.add(
            connection, **customer.model_dump(), **said, at=letter.now, created_at=now
        )
        if position is None:
            known: int = await self._queries.position_of(connection, key=letter.key)
            return known
        await self._queries.replace(connection, case_id=letter.case_id, position=position, now=now)
        await self._tell(connection, customer)
        return position

    async def of(self, customer: CustomerRef) -> FeedNow:
        """What is shown now; of a stranger, nothing."""
        named = customer.model_dump()
        async with self._pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
            rows = [dict(row) async for row in self._queries.of(connection, **named, count=SHOWN_MAX)]
            unread = await self._queries.unread(connection, **named) if rows else 0
        return FeedNow(items=tuple(FeedItem.model_validate(row) for row in rows), unread=unread)

    async def read(self, customer: CustomerRef, up_to_position: int, now: datetime) -> None:
        """The customer has seen everything up to there; other pages of theirs are told."""
        async with self._pool.acquire() as connection, connection.transaction():
            asked = self._queries.read(connection, **customer.model_dump(), position=up_to_position, now=now)
            if [row async for row in asked]:
                await self._tell(connection, customer)

    async def withdraw(self, case_id: str, now: datetime) -> None:
        """Nothing that asks for money is shown any more: it is paid, or closed. Thanks and the end stay."""
        async with self._pool.acquire() as connection, connection.transaction():
            asked = self._queries.withdraw(connection, case_id=case_id, now=now)
            for customer in {CustomerRef.model_validate(dict(row)) async for row in asked}:
                await self._tell(connection, customer)

    async def _tell(self, connection: Any, customer: CustomerRef) -> None:
        await self._queries.tell(connection, channel=CHANNEL, customer=customer_hash(customer))
