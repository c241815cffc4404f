"""What could not become a fact, worked by impact: people look, then let it through or leave it aside, and say why.

A row is a dead letter while its state is `dead` or `refused` and nobody has discarded it. What people did is recorded
in the same commit as what it did; doing it twice is doing it once.
"""

import base64
import uuid
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from activities.store.database import Pool, queries
from policies.base import Record, Request, ShortText, UtcTime
from policies.events import Why
from policies.masked import masked
from policies.money import Money
from policies.written import Duration

MOST_AT_ONCE = 10_000
"""Letters that one act may be about."""

HELD_BACK = ("quarantined", "refused")
"""Reasons of letters that could be read and that a rule keeps: only a person can say that they are good."""

_PRIVATE_HEADERS = ("authorization", "proxy-authorization", "cookie")


class Act(StrEnum):
    """`retry`: what was wrong is mended, so it is tried again. `release`: a rule was wrong, it is good. `discard`: it
    stays what it is and leaves the list."""

    RETRY = "retry"
    RELEASE = "release"
    DISCARD = "discard"


class By(Request):
    actor: ShortText
    reason: Why


class Wanted(BaseModel):
    """Which dead letters; what is left out does not matter. `rule`: one that spoke of it. `text`: stands in its field
    or detail. `older_than`, `newer_than`: since it came first."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    source: ShortText | None = None
    account: ShortText | None = None
    reason: ShortText | None = None
    rule: ShortText | None = None
    text: ShortText | None = None
    kind: ShortText | None = None
    invoice_id: ShortText | None = None
    customer_id: ShortText | None = None
    older_than: Duration | None = None
    newer_than: Duration | None = None

    def parameters(self, now: datetime) -> dict[str, Any]:
        plain = self.model_dump(exclude={"older_than", "newer_than"})
        came_before = now - self.older_than if self.older_than else None
        came_after = now - self.newer_than if self.newer_than else None
        return {**plain, "came_before": came_before, "came_after": came_after}


class Place(Record):
    """Where a page ended. `now`: when the first page was asked for; all pages weigh as of then, else letters that grow
    heavier would be seen twice or never."""

    now: UtcTime
    impact: float
    id: uuid.UUID

    @property
    def text(self) -> str:
        return base64.urlsafe_b64encode(self.model_dump_json().encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: Any) -> "Place":
        if isinstance(text, Place):
            return text
        try:
            return cls.model_validate_json(base64.urlsafe_b64decode(f"{text}==="))
        except ValueError:
            raise ValueError("is no place in a list; send what `next` said, as it is") from None


_PlaceText = Annotated[str, Field(json_schema_extra={"format": "place-in-list"})]

After = Annotated[
    Place,
    BeforeValidator(Place.read, json_schema_input_type=_PlaceText),
    PlainSerializer(lambda place: place.text, return_type=str),
]


class Acted(Record):
    """`was`: the reason that the letter had then."""

    action: Act
    actor: str
    reason: str
    was: str | None
    at: UtcTime


class DeadLetter(Record):
    """`stake`: in minor units of the base currency, times the weight of the customer's segment. `impact`: the stake,
    grown with its age. `kind` to `amount`: what it is about, as far as it could be read."""

    id: str
    source: str
    account: str
    event_key: str
    state: str
    reason: str | None
    field: str | None
    detail: str | None
    kind: str | None
    invoice_id: str | None
    customer_id: str | None
    amount: Money | None
    stake: float
    impact: float
    first_seen: UtcTime
    last_seen: UtcTime
    times_received: int
    tries: int
    discarded_at: UtcTime | None
    actions: tuple[Acted, ...]


class ShownLetter(DeadLetter):
    """`body`: None when its bytes are gone. What is no text in UTF-8 is written in base64."""

    headers: dict[str, str] | None
    body: str | None
    body_encoding: Literal["text", "base64"] | None


class Page(Record):
    """Heaviest first. `next`: where to go on; None at the end."""

    letters: tuple[DeadLetter, ...]
    next: After | None


class LeftAlone(Record):
    """`why`: `unknown` (no dead letter), `already` (somebody was quicker, or it is repeated), `use_retry`,
    `use_release` (another act is meant), `bytes_gone`. `detail`: a sentence."""

    id: str
    why: Literal["unknown", "already", "use_retry", "use_release", "bytes_gone"]
    detail: str


class Outcome(Record):
    done: tuple[str, ...]
    left_alone: tuple[LeftAlone, ...]


class DeadLetters:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = queries("dead_letters")

    async def page(self, wanted: Wanted, now: datetime, count: int = 50, after: Place | None = None) -> Page:
        at = after.now if after else now
        async with self._pool.acquire() as connection:
            rows = await self._fitting(connection, wanted, at, count + 1, after)
        letters = tuple(_letter(row) for row in rows[:count])
        last = letters[-1] if len(rows) > count else None
        return Page(letters=letters, next=Place(now=at, impact=last.impact, id=uuid.UUID(last.id)) if last else None)

    async def show(self, letter_id: str, now: datetime, raw: bool = False) -> ShownLetter | None:
        """None when there is no such dead letter. Only `raw` shows card numbers and e-mail addresses of the body."""
        async with self._pool.acquire() as connection:
            row = await self._queries.shown(connection, id=uuid.UUID(letter_id), now=now)
        if row is None:
            return None
        body, encoding = (None, None) if row["body"] is None else _readable(row["body"], raw)
        kept = {name: value for name, value in (row["headers"] or {}).items() if name not in _PRIVATE_HEADERS}
        headers = None if row["headers"] is None else kept
        return ShownLetter(**_letter(row).model_dump(), headers=headers, body=body, body_encoding=encoding)

    async def counts(self, source: str | None = None, account: str | None = None) -> dict[str, int]:
        """How many there are, by reason; most first."""
        async with self._pool.acquire() as connection:
            rows = self._queries.counts(connection, source=source, account=account)
            return {row["reason"] or "unknown": row["letters"] async for row in rows}

    async def fitting(self, act: Act, wanted: Wanted, now: datetime, limit: int = MOST_AT_ONCE) -> tuple[str, ...]:
        """The ids of those that the act can be done to, heaviest first."""
        held_back = None if act is Act.DISCARD else act is Act.RELEASE
        async with self._pool.acquire() as connection:
            rows = await self._fitting(connection, wanted, now, limit, held_back=held_back)
        return tuple(str(row["id"]) for row in rows)

    async def act(self, act: Act, ids: Sequence[str], by: By, now: datetime) -> Outcome:
        """One commit: either all of them, or none when the database fails. The caller wakes the relays."""
        asked = [uuid.UUID(each) for each in dict.fromkeys(ids)]
        which = {"ids": asked, "actor": by.actor, "reason": by.reason, "at": now}
        async with self._pool.acquire() as connection, connection.transaction():
            if act is Act.DISCARD:
                rows = self._queries.discard(connection, **which)
            else:
                rows = self._queries.let_through(connection, action=act.value, **which)
            done = {row["id"] async for row in rows}
            rest = [each for each in asked if each not in done]
            known = {row["id"]: row async for row in self._queries.left_alone(connection, ids=rest)}
        return Outcome(
            done=tuple(str(each) for each in asked if each in done),
            left_alone=tuple(_left_alone(str(each), act, known.get(each)) for each in rest),
        )

    async def _fitting(
        self,
        connection: Any,
        wanted: Wanted,
        now: datetime,
        count: int,
        after: Place | None = None,
        held_back: bool | None = None,
    ) -> list[Any]:
        rows = self._queries.fitting(
            connection,
            now=now,
            **wanted.parameters(now),
            held_back=held_back,
            after_impact=after.impact if after else None,
            after_id=after.id if after else None,
            count=count,
        )
        return [row async for row in rows]


def other_act(act: Act, reason: str | None) -> Literal["use_retry", "use_release"] | None:
    """What is meant instead, for letters of this reason."""
    if act is Act.RETRY and reason in HELD_BACK:
        return "use_release"
    return "use_retry" if act is Act.RELEASE and reason not in HELD_BACK else None


WAYS_OUT = {
    "use_release": "a rule holds it back, and trying again would pass the rule by; release it when it is good",
    "use_retry": "no rule holds it back, it could not be delivered; mend what is wrong, then retry it",
}


def _left_alone(letter_id: str, act: Act, row: Any) -> LeftAlone:
    if row is None or not row["was_letter"]:
        return LeftAlone(id=letter_id, why="unknown", detail="there is no such dead letter")
    if row["state"] not in ("dead", "refused"):
        ended = {"waiting": "waits to be delivered", "delivered": "was delivered", "ignored": "was ignored"}[
            row["state"]
        ]
        return LeftAlone(id=letter_id, why="already", detail=f"it {ended}; nothing was changed")
    if other := other_act(act, row["reason"]):
        return LeftAlone(id=letter_id, why=other, detail=WAYS_OUT[other])
    if act is Act.DISCARD:
        return LeftAlone(id=letter_id, why="already", detail="it was discarded; nothing was changed")
    return LeftAlone(id=letter_id, why="bytes_gone", detail="it was discarded, and its bytes are gone since")


def _letter(row: Any) -> DeadLetter:
    amount = Money(amount_minor=row["amount_minor"], currency=row["currency"]) if row["currency"] else None
    return DeadLetter.model_validate(
        {
            **dict(row),
            "id": str(row["id"]),
            "amount": amount,
            "stake": row["stake"] or 0,
            "first_seen": row["received_at"],
            "last_seen": row["last_received_at"] or row["received_at"],
        }
    )


def _readable(body: bytes, raw: bool) -> tuple[str, Literal["text", "base64"]]:
    hide = (lambda text: text) if raw else masked
    try:
        return hide(body.decode()), "text"
    except UnicodeDecodeError:
        # Latin-1 has a letter for every byte, so that addresses are hidden there as well.
        return base64.b64encode(hide(body.decode("latin-1")).encode("latin-1")).decode(), "base64"
