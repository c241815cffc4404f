"""Dead letters: listed by impact, looked at, let through or left aside; by themselves or many at once. Who acts is the
token's actor."""

import uuid
from datetime import UTC, datetime
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from activities.store.dead_letters import MOST_AT_ONCE, WAYS_OUT, Act, After, By, LeftAlone, Wanted, Why, other_act
from api.errors import answer, refuse
from api.parts import ACTOR, PARTS, ApiParts
from policies.base import Request

UNKNOWN = "unknown_dead_letter"


class Asked(Wanted):
    """The query of a list. `after`: what the page before said as `next`."""

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    after: After | None = None

    @property
    def wanted(self) -> Wanted:
        return Wanted.model_validate(self.model_dump(include=set(Wanted.model_fields)))


class Look(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    raw: bool = False


class Acting(Request):
    reason: Why


class ActingOnMany(Request):
    """`filter` is named even when it is empty, which means every dead letter."""

    action: Act
    reason: Why
    filter: Wanted
    limit: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] = 1000
    dry_run: bool = False


async def list_letters(request: web.Request) -> web.Response:
    parts, now = request.app[PARTS], datetime.now(UTC)
    if twice := _given_twice(request):
        return twice
    asked = Asked.model_validate(dict(request.query))
    letters = parts.store.dead_letters
    page = await letters.page(asked.wanted, now, asked.limit, asked.after)
    counts = await letters.counts(asked.source, asked.account)
    said = page.model_dump(mode="json")
    listed = {"dead_letters": said["letters"], "next": said["next"]}
    return answer(200, {**listed, "currency": parts.intake.base_currency, "counts": counts})


async def show_letter(request: web.Request) -> web.Response:
    if twice := _given_twice(request):
        return twice
    look = Look.model_validate(dict(request.query))
    letter_id = _id(request)
    letters = request.app[PARTS].store.dead_letters
    letter = await letters.show(letter_id, datetime.now(UTC), look.raw) if letter_id else None
    return answer(200, letter) if letter else refuse(404, UNKNOWN, "there is no such dead letter")


async def act_on_letter(request: web.Request) -> web.Response:
    parts, act, letter_id = request.app[PARTS], Act(request.match_info["action"]), _id(request)
    acting = Acting.model_validate_json(await request.read())
    if letter_id is None:
        return refuse(404, UNKNOWN, "there is no such dead letter")
    by = By(actor=request[ACTOR], reason=acting.reason)
    outcome = await parts.store.dead_letters.act(act, [letter_id], by, datetime.now(UTC))
    parts.waker.wake()
    if outcome.left_alone:
        return _left_alone(outcome.left_alone[0])
    return answer(200, {"id": letter_id, "result": "done"})


async def act_on_letters(request: web.Request) -> web.Response:
    acting = ActingOnMany.model_validate_json(await request.read())
    act, wanted = acting.action, acting.filter
    if wanted.reason and (other := other_act(act, wanted.reason)):
        return refuse(409, other, f"letters of reason {wanted.reason}: {WAYS_OUT[other]}")
    parts, now = request.app[PARTS], datetime.now(UTC)
    ids = await parts.store.dead_letters.fitting(act, wanted, now, acting.limit)
    if acting.dry_run:
        return answer(200, {"action": act, "dry_run": True, "count": len(ids), "ids": list(ids), "left_alone": []})
    return await _act_on_many(parts, act, ids, By(actor=request[ACTOR], reason=acting.reason), now)


async def _act_on_many(parts: ApiParts, act: Act, ids: tuple[str, ...], by: By, now: datetime) -> web.Response:
    outcome = await parts.store.dead_letters.act(act, ids, by, now)
    parts.waker.wake()
    said = outcome.model_dump(mode="json")
    counted = {"action": act, "dry_run": False, "count": len(outcome.done), "ids": said["done"]}
    return answer(200, {**counted, "left_alone": said["left_alone"]})


def _left_alone(left: LeftAlone) -> web.Response:
    if left.why == "already":
        return answer(200, {"id": left.id, "result": "unchanged", "detail": left.detail})
    if left.why == "unknown":
        return refuse(404, UNKNOWN, left.detail)
    return refuse(409, left.why, left.detail)


def _id(request: web.Request) -> str | None:
    try:
        return str(uuid.UUID(request.match_info["id"]))
    except ValueError:
        return None


def _given_twice(request: web.Request) -> web.Response | None:
    for name in request.query:
        if len(request.query.getall(name)) > 1:
            return refuse(400, "invalid", f"{name[:50]}: is given twice; give it once")
    return None
