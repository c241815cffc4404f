"""Dead letters: listed by impact, looked at, let through or left aside; by themselves or many at once. Who acts is the
token's actor."""

import uuid
from datetime import UTC, datetime
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from activities.store.dead_letters import (
    MOST_AT_ONCE,
    WAYS_OUT,
    Act,
    After,
    By,
    DeadLetter,
    LeftAlone,
    ShownLetter,
    Wanted,
    other_act,
)
from api.errors import answer, refuse
from api.parts import ApiParts
from api.routes import UNAVAILABLE, Address, Answer, Call, Nothing, Route, refused
from policies.base import WHOLE, Record, Request
from policies.events import Why

UNKNOWN = "unknown_dead_letter"


class Asked(Wanted):
    """The query of a list. `after`: what the page before said as `next`."""

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    after: After | None = None

    @property
    def wanted(self) -> Wanted:
        return Wanted.model_validate(self.model_dump(include=set(Wanted.model_fields)))


class Letter(Address):
    id: str

    @property
    def uuid(self) -> str | None:
        """None when it is none, and so no letter's."""
        try:
            return str(uuid.UUID(self.id))
        except ValueError:
            return None


class Deed(Letter):
    action: Act


class Look(Address):
    raw: bool = False


class Acting(Request):
    reason: Why


class ActingOnMany(Request):
    """`filter` is named even when it is empty, which means every dead letter."""

    action: Act
    reason: Why
    filter: Wanted
    limit: Annotated[int, Field(ge=1, le=MOST_AT_ONCE), WHOLE] = 1000
    dry_run: bool = False


class Listed(Record):
    """Heaviest first. `next`: where to go on; None at the end. `currency`: in which they are weighed. `counts`: of all
    letters of that source and account, by reason."""

    dead_letters: tuple[DeadLetter, ...]
    next: After | None
    currency: str
    counts: dict[str, int]


class Done(Record):
    id: str
    result: Literal["done"] = "done"


class Unchanged(Record):
    """It was done before, or somebody was quicker; `detail` says what became of it."""

    id: str
    result: Literal["unchanged"] = "unchanged"
    detail: str


class DoneToMany(Record):
    """`count` and `ids`: of those that it was done to; of a dry run, that it would be done to."""

    action: Act
    dry_run: bool
    count: int
    ids: tuple[str, ...]
    left_alone: tuple[LeftAlone, ...] = ()


async def list_letters(call: Call[Nothing, Asked, None]) -> web.Response:
    asked, letters = call.query, call.parts.store.dead_letters
    page = await letters.page(asked.wanted, datetime.now(UTC), asked.limit, asked.after)
    counts = await letters.counts(asked.source, asked.account)
    currency = call.parts.intake.base_currency
    return answer(200, Listed(dead_letters=page.letters, next=page.next, currency=currency, counts=counts))


async def show_letter(call: Call[Letter, Look, None]) -> web.Response:
    letter_id, letters = call.path.uuid, call.parts.store.dead_letters
    letter = await letters.show(letter_id, datetime.now(UTC), call.query.raw) if letter_id else None
    return answer(200, letter) if letter else refuse(404, UNKNOWN, "there is no such dead letter")


async def act_on_letter(call: Call[Deed, Nothing, Acting]) -> web.Response:
    acting, letter_id, parts = await call.body(), call.path.uuid, call.parts
    if letter_id is None:
        return refuse(404, UNKNOWN, "there is no such dead letter")
    by = By(actor=call.actor, reason=acting.reason)
    outcome = await parts.store.dead_letters.act(call.path.action, [letter_id], by, datetime.now(UTC))
    parts.waker.wake()
    if outcome.left_alone:
        return _left_alone(outcome.left_alone[0])
    return answer(200, Done(id=letter_id))


async def act_on_letters(call: Call[Nothing, Nothing, ActingOnMany]) -> web.Response:
    acting = await call.body()
    act, wanted = acting.action, acting.filter
    if wanted.reason and (other := other_act(act, wanted.reason)):
        return refuse(409, other, f"letters of reason {wanted.reason}: {WAYS_OUT[other]}")
    parts, now = call.parts, datetime.now(UTC)
    ids = await parts.store.dead_letters.fitting(act, wanted, now, acting.limit)
    if acting.dry_run:
        return answer(200, DoneToMany(action=act, dry_run=True, count=len(ids), ids=ids))
    return await _act_on_many(parts, act, ids, By(actor=call.actor, reason=acting.reason), now)


async def _act_on_many(parts: ApiParts, act: Act, ids: tuple[str, ...], by: By, now: datetime) -> web.Response:
    outcome = await parts.store.dead_letters.act(act, ids, by, now)
    parts.waker.wake()
    done, left_alone = outcome.done, outcome.left_alone
    return answer(200, DoneToMany(action=act, dry_run=False, count=len(done), ids=done, left_alone=left_alone))


def _left_alone(left: LeftAlone) -> web.Response:
    if left.why == "already":
        return answer(200, Unchanged(id=left.id, detail=left.detail))
    if left.why == "unknown":
        return refuse(404, UNKNOWN, left.detail)
    return refuse(409, left.why, left.detail)


_LISTED = {200: Answer("a page of them", Listed), 503: UNAVAILABLE}
_NO_LETTER = refused("there is no such dead letter", UNKNOWN)
_SHOWN = {200: Answer("the letter", ShownLetter), 404: _NO_LETTER, 503: UNAVAILABLE}
_ACTED = {
    200: Answer("it is done, or was done before", Done, Unchanged),
    404: _NO_LETTER,
    409: refused("another act is meant, or nothing is left to act on", "use_retry", "use_release", "bytes_gone"),
    503: UNAVAILABLE,
}
_ACTED_ON_MANY = {
    200: Answer("what was done, or would be", DoneToMany),
    409: refused("another act is meant", "use_retry", "use_release"),
    503: UNAVAILABLE,
}
_ONE, _MANY = (
    "Let a dead letter through, or leave it aside",
    "Let many through, or leave them aside; look with `dry_run`",
)

ROUTES = (
    Route("GET", "/dead-letters", list_letters, "Dead letters, heaviest first", _LISTED),
    Route("POST", "/dead-letters/bulk", act_on_letters, _MANY, _ACTED_ON_MANY),
    Route("GET", "/dead-letters/{id:(?!bulk$)[^/]+}", show_letter, "One dead letter with its body", _SHOWN),
    Route("POST", "/dead-letters/{id}/{action}", act_on_letter, _ONE, _ACTED),
)
