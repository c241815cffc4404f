"""The in-app feed as the merchant's application reads it (docs/channels/in-app.md). Open: the token in the address says
for whom (`Links`); the merchant's back end asks for it.

Pages of the merchant call it from another origin, with nothing of the browser's own (no cookie); which origins may is
set up (`feed_origins`), compared whole.
"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, Field, StringConstraints

from activities.links import MAX_AGE_SECONDS
from activities.store.database import DATABASE_DOWN
from activities.store.feed import FeedNow
from api.cross_origin import allowed_to_ask, as_served, public_script, readable_headers
from api.customers import Place as CustomerPlace
from api.errors import RETRY_AFTER_SECONDS, answer, refuse
from api.feed_streams import FeedStreams, Stream
from api.parts import PARTS, ApiParts
from api.routes import UNAVAILABLE, Address, Answer, Call, Nothing, Route, refused
from policies.base import WHOLE, Request
from policies.keys import CustomerRef

HEARTBEAT_SECONDS = 15.0
"""Keeps proxies from closing a quiet line, and finds pages that went away."""
WRITE_SECONDS = 20.0
"""A page that takes no bytes for so long is gone."""
AGAIN_SECONDS = 2.0
RETRY_MILLISECONDS = 3000
POSITION_MAX = 2**63 - 1

_SCRIPT = as_served(Path(__file__).parent / "static" / "recoup.js")

STREAMS = web.AppKey("feed_streams", FeedStreams)

Token = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,2000}$")]


class Place(Address):
    token: Token


class FeedToken(BaseModel):
    """`token`: for the page of this one customer; who has it reads their messages."""

    token: str
    expires_in_seconds: int


class ReadUpTo(Request):
    """`up_to`: the position of the newest item that was seen."""

    up_to: Annotated[int, Field(ge=0, le=POSITION_MAX), WHOLE]


def prepare(app: web.Application) -> None:
    """The streams of this application, which end before its server waits for them."""
    app[STREAMS] = FeedStreams(app[PARTS].store)

    async def end(app: web.Application) -> None:
        await app[STREAMS].stop()

    app.on_shutdown.append(end)


async def make_token(call: Call[CustomerPlace, Nothing, None]) -> web.Response:
    links = call.parts.links
    if links is None:
        return refuse(404, "no_feed", "no key is set up to sign tokens with (RECOUP_LINK_KEYS)")
    token = links.token("feed", CustomerRef.model_validate(call.path.model_dump()))
    return answer(
        200, FeedToken(token=token, expires_in_seconds=MAX_AGE_SECONDS["feed"]), {"Cache-Control": "no-store"}
    )


async def read_feed(call: Call[Place, Nothing, None]) -> web.Response:
    customer, headers = _customer(call.parts, call.path.token), readable_headers(call.request)
    if customer is None:
        return _stranger(headers)
    return answer(200, await call.parts.store.feed.of(customer), headers)


async def mark_read(call: Call[Place, Nothing, ReadUpTo]) -> web.Response:
    customer, headers = _customer(call.parts, call.path.token), readable_headers(call.request)
    if customer is None:
        return _stranger(headers)
    await call.parts.store.feed.read(customer, (await call.body()).up_to, datetime.now(UTC))
    return answer(200, await call.parts.store.feed.of(customer), headers)


async def stream_feed(call: Call[Place, Nothing, None]) -> web.StreamResponse:
    """The whole feed at once and after each change. Ends when the token expires and at shutdown."""
    customer, headers = _customer(call.parts, call.path.token), readable_headers(call.request)
    if customer is None:
        return _stranger(headers)
    streams = call.request.app[STREAMS]
    with streams.watching(customer) as stream:
        if stream is None:
            detail = "too many pages watch their feeds here; read /feed/{token} from time to time, or try again"
            return refuse(503, "too_many_streams", detail, {**headers, "Retry-After": RETRY_AFTER_SECONDS})
        first = await streams.now(customer)
        response = web.StreamResponse(headers={**headers, "X-Accel-Buffering": "no"})
        response.content_type = "text/event-stream"
        try:
            await response.prepare(call.request)
            await _write(response, f"retry: {RETRY_MILLISECONDS}\n\n" + _as_event(first))
            await _follow(call, stream, response, first)
            await response.write_eof()
        except (ConnectionError, TimeoutError):
            # The page is gone; whoever comes back gets everything anew.
            response.force_close()
        return response


async def _follow(
    call: Call[Place, Nothing, None], stream: Stream, response: web.StreamResponse, last: FeedNow
) -> None:
    streams = call.request.app[STREAMS]
    while not stream.over and (customer := _customer(call.parts, call.path.token)):
        try:
            await asyncio.wait_for(stream.changed.wait(), HEARTBEAT_SECONDS)
        except TimeoutError:
            await _write(response, ": still here\n\n")
            continue
        stream.changed.clear()
        try:
            now = last if stream.over else await streams.now(customer)
        except DATABASE_DOWN:
            # What has changed is still to be told.
            await asyncio.sleep(AGAIN_SECONDS)
            stream.changed.set()
            continue
        if now != last:
            await _write(response, _as_event(now))
            last = now


async def _write(response: web.StreamResponse, text: str) -> None:
    async with asyncio.timeout(WRITE_SECONDS):
        await response.write(text.encode())


def _as_event(now: FeedNow) -> str:
    """JSON has no line breaks of its own, so it is one line of data."""
    return f"id: {now.newest}\nevent: feed\ndata: {now.model_dump_json()}\n\n"


async def allow_page(call: Call[Place, Nothing, None]) -> web.Response:
    return allowed_to_ask(call.request)


async def script(call: Call[Nothing, Nothing, None]) -> web.Response:
    return public_script(_SCRIPT)


def _customer(parts: ApiParts, token: str) -> CustomerRef | None:
    return parts.links.customer_of("feed", token) if parts.links else None


def _stranger(headers: dict[str, str]) -> web.Response:
    return refuse(404, "unknown_token", "the token is no token, or too old; ask your back end for a new one", headers)


_TOKEN, _FEED = "/feed/{source}/{account}/{customer_id}/token", "/feed/{token}"
_UNKNOWN = refused("the token says nobody", "unknown_token")
_MADE = {200: Answer("the token", FeedToken), 404: refused("no key is set up", "no_feed")}
_READ = {200: Answer("what is shown now", FeedNow), 404: _UNKNOWN, 503: UNAVAILABLE}
_STREAMED = {
    200: Answer("`feed` events, each with all that is shown (FeedNow) as data", content_type="text/event-stream"),
    404: _UNKNOWN,
    503: refused("too many pages watch here, or the database is away", "too_many_streams", "unavailable"),
}
_SCRIPT_SENT = {200: Answer("the script", content_type="text/javascript")}
_ALLOWED = {200: Answer("the headers say whether it may")}
_MAY_IT = "Whether a page of another origin may ask"

ROUTES = (
    Route("POST", _TOKEN, make_token, "A token for the page of one customer", _MADE),
    Route("GET", "/feed/recoup.js", script, "The element that shows a feed", _SCRIPT_SENT, is_open=True),
    Route("GET", _FEED, read_feed, "What a customer is shown now", _READ, is_open=True),
    Route("GET", f"{_FEED}/stream", stream_feed, "The same, live (server-sent events)", _STREAMED, is_open=True),
    Route("POST", f"{_FEED}/read", mark_read, "The customer has seen it", _READ, is_open=True),
    *(
        Route("OPTIONS", address, allow_page, _MAY_IT, _ALLOWED, is_open=True)
        for address in (_FEED, f"{_FEED}/stream", f"{_FEED}/read")
    ),
)
