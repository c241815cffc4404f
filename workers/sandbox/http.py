"""How the sandbox speaks HTTP: strict bodies in, JSON out, refusals as `{"error": sentence, "code": word}`.

`X-Recoup-Now` is the caller's time (ISO 8601 with a zone); without it the wall clock counts.
"""

import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from aiohttp import web
from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, ValidationError

from policies.base import Identifier, Request
from policies.card_numbers import WHY_REFUSED, place_of_card_number, without_card_numbers

NOW_HEADER = "X-Recoup-Now"
Body = TypeVar("Body", bound=Request)


class Refused(Exception):
    """The request is answered with an error; nothing was changed."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def _no_card_number(text: str) -> str:
    for run in re.finditer(r"\d(?:[ .:_-]?\d){12,}", text):
        if _holds_card_number(re.sub(r"\D", "", run.group())):
            raise ValueError("holds what looks like a card number; send the gateway's token of the card")
    return text


def _holds_card_number(digits: str) -> bool:
    """Also in the middle of a longer run. Strict on purpose: half of all long numbers hold one by accident, and a
    token has no need of thirteen digits in a row."""
    return any(
        _passes_luhn(digits[start : start + length])
        for length in range(13, 20)
        for start in range(len(digits) - length + 1)
    )


def _passes_luhn(digits: str) -> bool:
    doubled = (int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits)))
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("holds a NUL character")
    return text


def _one_line(text: str) -> str:
    if re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", text):
        raise ValueError("must be one line without control characters")
    return text


CardToken = Annotated[Identifier, AfterValidator(_no_card_number)]
"""The token of a card. Card numbers are refused, wherever in the token they hide (promise P9)."""

AmountMinor = Annotated[int, Field(gt=0, lt=10**15)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_one_line)]
LineOrNothing = Annotated[str, StringConstraints(max_length=500), AfterValidator(_one_line)]
Text = Annotated[str, StringConstraints(max_length=100_000), AfterValidator(_storable)]


async def body_of(request: web.Request, model: type[Body]) -> Body:
    """The validated body; an empty one counts as `{}`. Raises Refused 400 naming the field, never its value."""
    sent = await request.read() or b"{}"
    try:
        read = model.model_validate_json(sent)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise Refused(400, "bad_input", f"{without_card_numbers(field)}: {first['msg']}") from None
    if place := place_of_card_number(json.loads(sent)):
        raise Refused(400, "bad_input", f"{place}: {WHY_REFUSED}")
    return read


def id_in_path(request: web.Request, name: str) -> str:
    try:
        return TypeAdapter[str](Identifier).validate_python(request.match_info[name])
    except ValidationError:
        raise Refused(400, "bad_input", f"{name}: is no id") from None


def now_of(request: web.Request) -> datetime:
    text = request.headers.get(NOW_HEADER)
    return datetime.now(UTC) if text is None else _time(NOW_HEADER, text)


def time_in_query(request: web.Request, name: str) -> datetime:
    return _time(name, request.query.get(name, ""))


def number_in_query(request: web.Request, name: str) -> int:
    """0 when it is left out."""
    text = request.query.get(name, "0")
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise Refused(400, "bad_input", f"{name}: is no whole number")
    return int(text)


def _time(name: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(400, "bad_input", f"{name}: is no ISO 8601 time") from None
    if moment.tzinfo is None:
        raise Refused(400, "bad_input", f"{name}: needs a zone, such as +00:00")
    return moment.astimezone(UTC)


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def refusals_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        return web.json_response({"error": str(refused), "code": refused.code}, status=refused.status)


def html(page: str) -> web.Response:
    """The policy of the pages: their own style, no script, nothing from elsewhere."""
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return web.Response(text=page, content_type="text/html", headers=headers)


def hang_up(request: web.Request) -> web.Response:
    """The connection is closed and no byte of an answer is sent."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()
