"""What the merchant's own application shows of the page (docs/payment-wall.md): a token for one customer that its back
end asks for, a summary that pages of other origins may read, also live, and the scripts.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, StringConstraints
from temporalio.service import RPCError

from activities.links import MAX_AGE_SECONDS, PayLink
from api.cross_origin import allowed_to_ask, as_served, public_script, readable_headers
from api.customers import Place as CustomerPlace
from api.errors import RETRY_AFTER_SECONDS, TemporalUnreachable, answer, refuse
from api.pay.acting import Visitor
from api.pay.claims import Claim, claims_of
from api.pay.entering import Entered, enter
from api.pay.forms import Place
from api.pay.offering import step_up_of, who_are_you
from api.pay.sentences import headline, state_of, what_happens, why
from api.pay.view import lowest_access, total_of
from api.routes import UNAVAILABLE, Address, Answer, Call, Nothing, Route, refused
from policies.base import Record
from policies.keys import CustomerRef

STATIC = Path(__file__).parents[1] / "static"
STREAMS_MAX = 1000
LOOKS_EVERY_SECONDS = 2.0
LOOKS_RARELY_AFTER_SECONDS, LOOKS_RARELY_SECONDS = 60.0, 10.0
LASTS_SECONDS = 900.0
"""A page is looked after closely at first, for a bank mostly answers within the minute; later it asks anew."""

_STREAMS = web.AppKey("pay_streams", set[asyncio.Event])


class PayToken(BaseModel):
    """`token`: for the page of this one customer, `url`: that page; who has either may pay for them."""

    token: str
    url: str
    expires_in_seconds: int


class Summary(Record):
    """What a banner or a wall says. `access`: the lowest level of the open claims; `deadline`: what happens next
    without a payment. `embed_url`: the page as it may be shown inside of another."""

    locale: str
    direction: Literal["ltr", "rtl"]
    state: Literal["owed", "processing", "settled"]
    access: str
    headline: str
    text: str
    due: tuple[str, ...]
    deadline: str | None
    button: str
    later: str
    url: str
    embed_url: str


class ScriptName(Address):
    name: Annotated[str, StringConstraints(pattern=r"^[a-z]{1,20}$")]


def prepare(app: web.Application) -> None:
    """Streams end before their server waits for them."""
    app[_STREAMS] = set()

    async def end(app: web.Application) -> None:
        for over in app[_STREAMS]:
            over.set()

    app.on_shutdown.append(end)


async def make_token(call: Call[CustomerPlace, Nothing, None]) -> web.Response:
    links, now = call.parts.links, datetime.now(UTC)
    if links is None:
        return refuse(404, "no_page", "no key is set up to sign links with (RECOUP_LINK_KEYS)")
    link = PayLink.of_wall(CustomerRef.model_validate(call.path.model_dump()), now)
    await call.parts.store.pay_links.made(link, "wall", now)
    made = PayToken(token=links.pay_token(link), url=links.pay(link), expires_in_seconds=MAX_AGE_SECONDS["wall"])
    return answer(200, made, {"Cache-Control": "no-store"})


async def read_summary(call: Call[Place, Nothing, None]) -> web.Response:
    headers = readable_headers(call.request)
    entered = await _entered(call, headers)
    if isinstance(entered, web.Response):
        return entered
    return answer(200, await summary_for(entered.visitor), headers)


async def stream_summary(call: Call[Place, Nothing, None]) -> web.StreamResponse:
    """The summary at once and after each change, for a quarter of an hour."""
    headers = readable_headers(call.request)
    entered, streams = await _entered(call, headers), call.request.app[_STREAMS]
    if isinstance(entered, web.Response):
        return entered
    if len(streams) >= STREAMS_MAX:
        detail = "too many pages watch here; read /pay/{token}/summary from time to time, or try again"
        return refuse(503, "too_many_streams", detail, {**headers, "Retry-After": RETRY_AFTER_SECONDS})
    response = web.StreamResponse(headers={**headers, "X-Accel-Buffering": "no"})
    response.content_type = "text/event-stream"
    over = asyncio.Event()
    streams.add(over)
    try:
        await response.prepare(call.request)
        async for text in _told(entered.visitor, over):
            await response.write(text.encode())
        await response.write_eof()
    except (ConnectionError, TimeoutError):
        # The page is gone; whoever comes back gets everything anew.
        response.force_close()
    finally:
        streams.discard(over)
    return response


async def _told(visitor: Visitor, over: asyncio.Event) -> AsyncIterator[str]:
    """Events, and a comment where nothing has changed, which finds pages that went away."""
    last, began = "", asyncio.get_running_loop().time()
    while not over.is_set():
        try:
            now = (await summary_for(visitor)).model_dump_json()
        except (RPCError, TemporalUnreachable):
            now = last
        yield f"event: summary\ndata: {now}\n\n" if now != last else ":\n\n"
        last, age = now, asyncio.get_running_loop().time() - began
        if age > LASTS_SECONDS:
            return
        try:
            pause = LOOKS_EVERY_SECONDS if age < LOOKS_RARELY_AFTER_SECONDS else LOOKS_RARELY_SECONDS
            await asyncio.wait_for(over.wait(), pause)
        except TimeoutError:
            continue


async def summary_for(visitor: Visitor) -> Summary:
    claims = await claims_of(visitor.parts, visitor.page, visitor.link.customer)
    links = visitor.parts.links
    return _summary(visitor, claims, links.pay(visitor.link) if links else "")


def _summary(visitor: Visitor, claims: tuple[Claim, ...], url: str) -> Summary:
    voice, state = visitor.voice, state_of(claims)
    open_claims = [claim for claim in claims if claim.state in ("owed", "processing")]
    total = total_of([claim.facts.due for claim in open_claims])
    amounts = [total] if total else [claim.facts.due for claim in open_claims]
    # As on the page itself: who only has the link is told that there is something, and no more.
    hidden = step_up_of(claims) == "always" and not visitor.verified
    return Summary(
        locale=voice.tag,
        direction=voice.direction,
        # What a colleague looks into asks for nothing, so nothing stands in the customer's way.
        state="settled" if state == "held" else state,
        access=lowest_access(claims),
        headline=headline(voice, state, claims),
        text=who_are_you(visitor) if hidden else why(voice, state, claims),
        due=() if hidden else tuple(voice.money(amount) for amount in amounts),
        deadline=None if hidden else next(iter(what_happens(voice, claims, visitor.zone)), None),
        button=voice.gettext("Pay now"),
        later=voice.gettext("Later"),
        url=url,
        embed_url=f"{url}?in=frame",
    )


async def _entered(call: Call[Place, Nothing, None], headers: dict[str, str]) -> Entered | web.Response:
    parts = call.parts
    if parts.page is None:
        return refuse(404, "no_page", "no key is set up to sign links with (RECOUP_LINK_KEYS)", headers)
    found = await enter(call.request, parts, parts.page, call.path.token, "view", ended_too=True)
    if isinstance(found, Entered):
        return found
    if found.retry_after:
        detail = "too many requests by this token or address; try again later"
        return refuse(429, "too_many_requests", detail, {**headers, "Retry-After": str(found.retry_after)})
    return refuse(404, "unknown_token", "the token is no token, or too old; ask your back end for a new one", headers)


async def allow_page(call: Call[Place, Nothing, None]) -> web.Response:
    return allowed_to_ask(call.request)


async def element(call: Call[Nothing, Nothing, None]) -> web.Response:
    return public_script(_ELEMENT)


async def page_script(call: Call[Nothing, Nothing, None]) -> web.Response:
    return public_script(_PAGE_SCRIPT)


async def fields_script(call: Call[ScriptName, Nothing, None]) -> web.Response:
    script = _FIELDS.get(call.path.name)
    return public_script(script) if script else refuse(404, "unknown_script", "no gateway has fields of this name")


_ELEMENT = as_served(STATIC / "recoup-pay.js")
_PAGE_SCRIPT = as_served(STATIC / "pay.js")
_FIELDS = {path.stem: as_served(path) for path in sorted((STATIC / "fields").glob("*.js"))}

_ADDRESS = "/pay/{token}"
_UNKNOWN = refused("the token says nobody, or no key is set up", "unknown_token", "no_page")
_CROWDED = refused("too many requests; `Retry-After` says when to try again", "too_many_requests")
_MADE = {200: Answer("the token", PayToken), 404: refused("no key is set up", "no_page"), 503: UNAVAILABLE}
_READ = {200: Answer("what a banner or a wall says now", Summary), 404: _UNKNOWN, 429: _CROWDED, 503: UNAVAILABLE}
_STREAMED = {
    200: Answer("`summary` events, each with a Summary as data", content_type="text/event-stream"),
    404: _UNKNOWN,
    429: _CROWDED,
    503: refused("too many pages watch here, or a part is away", "too_many_streams", "unavailable"),
}
_SCRIPT = {200: Answer("the script", content_type="text/javascript")}
_FIELDS_SENT = {**_SCRIPT, 404: refused("no gateway has fields of this name", "unknown_script")}
_ALLOWED = {200: Answer("the headers say whether it may")}
_MAY_IT = "Whether a page of another origin may ask"

STATIC_ROUTES = (
    Route("GET", "/pay/static/pay.js", page_script, "The script of the customer's page", _SCRIPT, is_open=True),
    Route("GET", "/pay/static/recoup-pay.js", element, "The elements banner and wall", _SCRIPT, is_open=True),
    Route("GET", "/pay/fields/{name}.js", fields_script, "Opens a gateway's fields", _FIELDS_SENT, is_open=True),
)
"""Before the others: their addresses are more exact."""

ROUTES = (
    Route("POST", "/pay/{source}/{account}/{customer_id}/token", make_token, "A token for one customer", _MADE),
    Route("GET", f"{_ADDRESS}/summary", read_summary, "What a banner or a wall says", _READ, is_open=True),
    Route("GET", f"{_ADDRESS}/stream", stream_summary, "The same, live (server-sent events)", _STREAMED, is_open=True),
    *(
        Route("OPTIONS", f"{_ADDRESS}/{what}", allow_page, _MAY_IT, _ALLOWED, is_open=True)
        for what in ("summary", "stream")
    ),
)
