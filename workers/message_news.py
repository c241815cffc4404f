"""What a provider told of a message, or a person wrote back: kept beside the message, obeyed at once, told to its case.

A stop holds for the address everywhere, from the moment it is read, whatever becomes of the rest.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from activities.channels.news import MessageNews
from activities.errors import NotFound
from activities.sending import key_of_letter
from activities.store.cases import Task
from activities.store.channel_stops import Because
from activities.store.messages import Addressee
from activities.store.store import Store
from policies.events import MessageReported
from policies.keys import CaseRef

Told = Callable[[CaseRef, str, MessageReported], Awaitable[bool]]
"""Signals a case; False when none is open."""

_REPORTS = frozenset({"delivered", "undelivered", "opened", "clicked", "complained", "opted_out"})
_STOPS: dict[str, Because] = {"opted_out": "opted_out", "complained": "complained"}


class MessageDesk:
    def __init__(self, store: Store, tell: Told) -> None:
        self._store = store
        self._tell = tell

    async def take(self, event_id: str, news: MessageNews, received_at: datetime) -> str | None:
        """The case that heard it; None when none had to. Raises NotFound while the message is not in the ledger: its
        provider may have been faster than we were."""
        at = received_at if news.undated else news.happened_at
        addressee = await self._addressee(news)
        await self._obey(news, addressee, at)
        if news.cancels:
            await self._ask_what_was_meant(event_id, addressee, at)
        if addressee is None or news.what not in _REPORTS:
            return None
        detail = news.detail[:500] if news.detail else None
        await self._store.messages.receipt(addressee.key, news.channel, news.what, detail, at, received_at)
        case = CaseRef.from_case_id(addressee.case_id).model_copy(update={"reopen": addressee.reopen})
        reported = MessageReported.model_validate(
            {
                "event_id": event_id,
                "happened_at": at,
                "key": addressee.key,
                "channel": news.channel,
                "what": news.what,
            }
        )
        return case.case_id if await self._tell(case, reported.kind, reported) else None

    async def _addressee(self, news: MessageNews) -> Addressee | None:
        if news.key is None and news.reference is None:
            return None
        key = key_of_letter(news.key) if news.key else None
        found = await self._store.messages.addressee(key, news.reference)
        if found is None and news.address is None:
            raise NotFound(f"no message of ours has the {'key' if key else 'reference'} that {news.channel} names")
        return found

    async def _obey(self, news: MessageNews, addressee: Addressee | None, at: datetime) -> None:
        because: Because | None = "gone" if news.gone else _STOPS.get(news.what)
        if because is None and news.what != "opted_in":
            return
        stops = self._store.channel_stops
        if news.address:
            hashed: str | None = stops.hash_of(news.channel, news.address)
        else:
            hashed = await self._store.messages.address_hash(addressee.key, news.channel) if addressee else None
        if hashed is None:
            return
        if because:
            await stops.stop(news.channel, hashed, because, at)
        else:
            await stops.allow(news.channel, hashed, at)

    async def _ask_what_was_meant(self, event_id: str, addressee: Addressee | None, at: datetime) -> None:
        await self._store.cases.add_task(
            Task(
                key=f"cancel_intent/{event_id}",
                case_id=addressee.case_id if addressee else "",
                kind="cancel_intent",
                assignee="ops",
                summary=_CANCEL,
                created_at=at,
            )
        )


_CANCEL = (
    "a customer answered CANCEL to a text message: no texts are sent any more; ask whether they meant the "
    "subscription, which goes on"
)
