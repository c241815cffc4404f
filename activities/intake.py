"""The one way in: what a source told is read, checked against the account's profile and stored, in one commit.

Webhooks, polled lists and replays come through here. A row that can become no fact is buried with what it is about and
what it weighs, so that people work the dearest first.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from activities.channels.news import MessageNews
from activities.scrubbed import scrubbed
from activities.sources.contract import UNRESOLVED, Addressed, Item, Speaker
from activities.sources.reading import key_by_hash
from activities.store.inbox import NOTHING_SAID, Burial, InboxRow, Verdict
from activities.store.store import Store
from activities.tally import Tally
from policies.base import Record
from policies.card_numbers import without_card_numbers
from policies.events import AnyEvent, Ignored, Unreadable
from policies.intake.checks import CONFLICT, Finding, amount_of, findings_of, limited, strictest
from policies.intake.impact import Stakes
from policies.intake.profile import Action, Profiles
from policies.money import EXPONENTS, Money


class Taken(Record):
    """What became of one event of a delivery. `note` says when it will not reach a case, and why."""

    event: str
    status: Literal["stored", "duplicate", "conflict", "quarantined", "refused"]
    note: str | None = None


class Intake:
    def __init__(
        self,
        store: Store,
        speakers: Mapping[str, Speaker],
        tally: Tally,
        profiles: Profiles | None = None,
        stakes: Stakes | None = None,
    ) -> None:
        self._store = store
        self._speakers = speakers
        self._tally = tally
        self._profiles = profiles or Profiles()
        self._stakes = stakes or Stakes()

    @property
    def base_currency(self) -> str:
        """In which dead letters are weighed."""
        return self._stakes.base

    async def receive(
        self,
        source: str,
        account: str,
        items: Sequence[Item],
        now: datetime,
        headers: Mapping[str, str] | None = None,
        traceparent: str | None = None,
        unproven: bool = False,
        polled: bool = False,
    ) -> tuple[Taken, ...]:
        """`polled`: we asked for it, so it says nothing of whether the source speaks. Every item is committed when this
        returns. One that is refused among others is quarantined instead: the
        delivery is answered with 2xx, and what was answered so is never sent again."""
        if not unproven:
            # What is still to be proven is needed as it came; the door lets nothing of that in with a card number.
            items = [_without_card_numbers(item) for item in items]
        strongest = Action.REFUSE if len(items) == 1 else Action.QUARANTINE
        taking = (
            self._take(source, account, item, now, headers or {}, traceparent, unproven, strongest) for item in items
        )
        # All of them have ended when the sender hears that one could not be kept.
        ended = await asyncio.gather(*taking, return_exceptions=True)
        for failure in ended:
            if isinstance(failure, BaseException):
                raise failure
        taken = tuple(one for one in ended if isinstance(one, Taken))
        for one in () if polled else taken:
            self._tally.count(source, account, "refused" if one.status == "refused" else "events", now)
        return taken

    def understands(self, source: str) -> bool:
        return source in self._speakers

    async def _take(
        self,
        source: str,
        account: str,
        item: Item,
        now: datetime,
        headers: Mapping[str, str],
        traceparent: str | None,
        unproven: bool,
        strongest: Action,
    ) -> Taken:
        said = self._speakers[source].normalise(item.body, item.event_key)
        verdict, clash = NOTHING_SAID, NOTHING_SAID
        if isinstance(said, Addressed):
            verdict, clash = await self._judged(source, account, said.dated(now).event, now, strongest)
        # Neither id nor time: the same bytes are a repetition on one day, and another event on the next.
        event_key = f"{item.event_key}@{now:%Y-%m-%d}" if item.nameless else item.event_key
        stored = await self._store.inbox.receive(
            source,
            account,
            event_key,
            headers,
            item.body,
            now,
            traceparent,
            unproven=unproven,
            verdict=verdict,
            clash=clash,
        )
        if not stored.first:
            is_refused = stored.state == "refused"
            note = "it was refused before, and waits for a person" if is_refused else _note(said)
            return Taken(event=event_key, status="refused" if is_refused else "duplicate", note=note)
        if burial := verdict.burial or (clash.burial if stored.conflict else None):
            status: Literal["quarantined", "refused"] = "refused" if burial.state == "refused" else "quarantined"
            return Taken(event=event_key, status=status, note=burial.detail)
        return Taken(event=event_key, status="conflict" if stored.conflict else "stored", note=_note(said))

    async def _judged(
        self, source: str, account: str, event: AnyEvent, now: datetime, strongest: Action
    ) -> tuple[Verdict, Verdict]:
        """What the rules say of it, and what they would add should its id have been here with another body. That is
        known only once it is stored, and what is stored so is never refused."""
        found = findings_of(self._profiles.of(source, account), event, now, is_conflict=True)
        of_clash = tuple(finding for finding in found if finding.field == CONFLICT)
        of_event = tuple(finding for finding in found if finding.field != CONFLICT)
        return (
            await self._verdict(source, account, event, limited(of_event, strongest)),
            await self._verdict(source, account, event, limited(of_clash, Action.QUARANTINE)),
        )

    async def _verdict(self, source: str, account: str, event: AnyEvent, findings: tuple[Finding, ...]) -> Verdict:
        verdict, decisive = Verdict(findings=findings, invoice_id=_invoice_of(event)), strictest(findings)
        if decisive is None or decisive.action is Action.WARN:
            return verdict
        is_refused = decisive.action is Action.REFUSE
        burial = Burial(
            state="refused" if is_refused else "dead",
            reason="refused" if is_refused else "quarantined",
            detail=f"rule {decisive.rule}: {decisive.detail}",
            field=decisive.field,
            **await self._about(source, account, event),
        )
        return verdict.model_copy(update={"burial": burial})

    async def bury(self, row: InboxRow, reason: str, detail: str, field: str | None, now: datetime) -> None:
        """A row that the relay could make nothing of."""
        speaker = self._speakers.get(row.source)
        said = speaker.normalise(row.body, row.id) if speaker else None
        if isinstance(said, Addressed):
            about = await self._about(row.source, row.account, said.event)
        else:
            amount, customer_id = _guessed(row.body)
            about = await self._weighed(row.source, row.account, amount, customer_id)
        burial = Burial(reason=reason, detail=detail, field=field, **about)
        await self._store.inbox.bury(row.id, burial, now)
        self._tally.count(row.source, row.account, "dead", now)

    async def _about(self, source: str, account: str, event: AnyEvent) -> dict[str, Any]:
        weighed = await self._weighed(source, account, amount_of(event), event.customer_id)
        return {"kind": event.kind, "invoice_id": _invoice_of(event), **weighed}

    async def _weighed(
        self, source: str, account: str, amount: Money | None, customer_id: str | None
    ) -> dict[str, Any]:
        customers = self._store.customers
        segment = (await customers.get(source, account, customer_id)).segment if customer_id else None
        return {"customer_id": customer_id, "amount": amount, "stake": self._stakes.stake(amount, segment)}


def _without_card_numbers(item: Item) -> Item:
    """A key that is a hash of the bytes becomes that of the bytes that are kept."""
    body, key = scrubbed(item.body), without_card_numbers(item.event_key)
    if body == item.body and key == item.event_key:
        return item
    return item.model_copy(
        update={"body": body, "event_key": key_by_hash(body) if key == key_by_hash(item.body) else key}
    )


def _invoice_of(event: AnyEvent) -> str | None:
    """None when its source does not say."""
    return None if event.invoice_id == UNRESOLVED else event.invoice_id


def _note(said: Addressed | MessageNews | Ignored | Unreadable) -> str | None:
    if isinstance(said, Ignored):
        return f"ignored ({said.reason.value}): {said.detail}"
    return f"unreadable: {said.field}: {said.reason}" if isinstance(said, Unreadable) else None


# --- what an event that cannot be read may be about -------------------------------------------------------------------

_AMOUNTS = ("amount_due", "amount_remaining", "balance", "amount", "amount_minor", "value", "total")
_CURRENCIES = ("currency", "currency_code")
_CUSTOMERS = ("customer_id", "customer")
_OBJECTS_LOOKED_AT = 200


def _guessed(body: bytes) -> tuple[Money | None, str | None]:
    """The first sum that stands beside its currency, and the first customer's id; only to tell what is urgent."""
    amount: Money | None = None
    customer_id: str | None = None
    for _, each in zip(range(_OBJECTS_LOOKED_AT), _objects(body), strict=False):
        amount = amount or _sum_in(each)
        customer_id = customer_id or next((each[n] for n in _CUSTOMERS if _is_short_text(each.get(n))), None)
    return amount, customer_id


def _objects(body: bytes) -> Iterator[dict[str, Any]]:
    try:
        layer: list[Any] = [json.loads(body)]
    except (ValueError, RecursionError):
        return
    while layer:
        yield from (each for each in layer if isinstance(each, dict))
        layer = [inner for each in layer for inner in (each.values() if isinstance(each, dict) else each)]
        layer = [each for each in layer if isinstance(each, dict | list)]


def _sum_in(fields: dict[str, Any]) -> Money | None:
    currency = next((fields[n].upper() for n in _CURRENCIES if isinstance(fields.get(n), str)), None)
    minor = next((fields[n] for n in _AMOUNTS if type(fields.get(n)) is int and 0 < fields[n] < 10**12), None)
    return Money(amount_minor=minor, currency=currency) if minor and currency in EXPONENTS else None


def _is_short_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()
