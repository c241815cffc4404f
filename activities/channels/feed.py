"""The in-app channel of our own: a message is an item in the customer's feed, which the merchant's application shows
(docs/channels/in-app.md). Whether anybody looked stands in the feed itself; there are no receipts."""

from datetime import UTC, datetime

from activities.channels.contract import Accepted, Letter, NotSent, SendOutcome, Unclear
from activities.errors import Unavailable
from activities.store.database import DATABASE_DOWN
from activities.store.feed import Feed


class FeedChannel:
    name = "in_app"
    receipts = False

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    async def send(self, letter: Letter) -> SendOutcome:
        """Raises Unavailable when certainly nothing was written."""
        if letter.customer is None:
            return NotSent(reason="the message names no customer whose feed it could stand in")
        try:
            return await self._written(letter)
        except DATABASE_DOWN:
            return await self._asked_again(letter)

    async def _written(self, letter: Letter) -> Accepted:
        return Accepted(reference=f"feed/{await self._feed.add(letter, datetime.now(UTC))}")

    async def _asked_again(self, letter: Letter) -> SendOutcome:
        """The database was lost in the moment of the commit. An item is known by its key, so asking once more finds out
        what became of it and writes it when it is not there; without an answer it stays unclear."""
        try:
            return await self._written(letter)
        except (Unavailable, *DATABASE_DOWN) as error:
            return Unclear(reason=f"the database was lost while the item was written: {type(error).__name__}")
