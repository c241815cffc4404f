"""The page where customers choose how they are written to, and the one-click unsubscribe of mail programs (RFC 8058).
Open: the token in the address says for whom. Nothing changes by opening it, since mail scanners open every link.

No script, no cookie, and of the customer nothing but which channels there are: the link may be passed on.
"""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from typing import Annotated

from aiohttp import web
from pydantic import StringConstraints

from activities.customers import Customer
from api.errors import refuse
from api.forms import fields_of
from api.parts import ApiParts
from api.preferences_words import WORDS, Words, words_for
from api.routes import UNAVAILABLE, Address, Answer, Call, Nothing, Route, refused
from policies.channels import CHANNELS
from policies.keys import CustomerRef

ONE_CLICK = "List-Unsubscribe=One-Click"
OPTIONAL = tuple(channel for channel in CHANNELS if channel != "email")

_STYLE = """
:root{color-scheme:light dark;--ink:#1c1c1e;--soft:#5c5c66;--paper:#f5f5f7;--card:#fff;--line:#d8d8de;--go:#1d4ed8}
@media(prefers-color-scheme:dark){:root{--ink:#f2f2f4;--soft:#b4b4be;--paper:#131316;--card:#1f1f24;--line:#3a3a42;
--go:#8ab4ff}}
*{box-sizing:border-box}
body{margin:0;padding:1rem;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
main{max-width:34rem;margin:0 auto}
h1{font-size:1.5rem;line-height:1.25;margin:1rem 0 .5rem}
p{margin:.25rem 0 1rem;color:var(--soft)}
fieldset{border:1px solid var(--line);border-radius:.75rem;background:var(--card);margin:0 0 1rem;padding:1rem}
legend{font-weight:600;padding:0 .25rem}
label{display:flex;gap:.75rem;align-items:center;min-height:3rem;border-top:1px solid var(--line)}
input{flex:none;width:1.375rem;height:1.375rem;margin:0;accent-color:var(--go)}
button{width:100%;min-height:3rem;border:0;border-radius:.75rem;background:var(--go);color:var(--card);
font:inherit;font-weight:600}
:focus-visible{outline:3px solid var(--go);outline-offset:2px}
.saved{border:1px solid var(--go);border-radius:.75rem;background:var(--card);color:var(--ink);padding:.75rem 1rem}
"""

Token = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,2000}$")]


class Place(Address):
    token: Token


class ChannelPlace(Place):
    channel: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]


async def show(call: Call[Place, Nothing, None]) -> web.Response:
    customer = _customer(call.parts, call.path.token)
    return await _page_of(call.parts, customer) if customer else _gone(call.request)


async def save(call: Call[Place, Nothing, bytes]) -> web.Response:
    """Only what the page showed is changed: a channel that came since is not switched off by its absence."""
    customer = _customer(call.parts, call.path.token)
    if customer is None:
        return _gone(call.request)
    form = fields_of(await call.body())
    if form is None:
        return refuse(400, "malformed", "the body is not the form of this page")
    shown = form.get("shown", [])
    wanted: dict[str, bool] = {channel: channel in form.get("on", []) for channel in OPTIONAL if channel in shown}
    if "email" in shown:
        # One of the two stays: whoever did not choose post is written to by e-mail.
        wanted["email"] = form.get("necessary") != ["post"]
    for channel, allowed in wanted.items():
        await _say(call.parts, customer, channel, allowed)
    return await _page_of(call.parts, customer, saved=True)


async def unsubscribe(call: Call[ChannelPlace, Nothing, bytes]) -> web.Response:
    """A mail program does it for its reader, who sees no page."""
    customer = _customer(call.parts, call.path.token)
    if customer is None:
        return refuse(404, "unknown_token", "the link is incomplete or too old", dict(_QUIET))
    if call.path.channel not in CHANNELS:
        return refuse(
            404, "unknown_channel", f"there is no such channel; there are: {', '.join(CHANNELS)}", dict(_QUIET)
        )
    if not _is_one_click(call.request.content_type, await call.body()):
        detail = f"send {ONE_CLICK} as a form (RFC 8058); people use /preferences/{{token}}"
        return refuse(400, "malformed", detail, dict(_QUIET))
    await _say(call.parts, customer, call.path.channel, False)
    return web.Response(text="", headers=_QUIET)


def _is_one_click(content_type: str, body: bytes) -> bool:
    """RFC 8058, 3.2: as multipart/form-data (SHOULD) or as a form of a page."""
    if content_type == "multipart/form-data":
        return b'name="List-Unsubscribe"' in body and b"One-Click" in body
    return body.strip() == ONE_CLICK.encode()


def _customer(parts: ApiParts, token: str) -> CustomerRef | None:
    return parts.links.customer_of("preferences", token) if parts.links else None


async def _say(parts: ApiParts, who: CustomerRef, channel: str, allowed: bool) -> None:
    now = datetime.now(UTC)
    await parts.store.customers.consent(who.source, who.account, who.customer_id, channel, allowed, now)


async def _page_of(parts: ApiParts, who: CustomerRef, saved: bool = False) -> web.Response:
    customer = await parts.store.customers.get(who.source, who.account, who.customer_id)
    on = _channels(customer)
    if customer.push.consent and not await parts.store.push_devices.of(who):
        del on["push"]
    language, words = words_for(customer.locale)
    return _html(200, language, words, words.title, "".join(_form_of(words, on, saved)))


def _channels(customer: Customer) -> dict[str, bool]:
    """Those that exist for the customer, and whether they may be used."""
    points = {each: getattr(customer, each) for each in ("email", *OPTIONAL)}
    return {channel: point.consent for channel, point in points.items() if point is not None}


def _form_of(words: Words, on: dict[str, bool], saved: bool) -> Iterator[str]:
    if saved:
        yield f'<p class="saved" role="status">{escape(words.saved)}</p>'
    yield f"<p>{escape(words.intro)}</p>"
    optional = [channel for channel in OPTIONAL if channel in on]
    if not optional and "email" not in on:
        yield f"<fieldset><legend>{escape(words.necessary)}</legend><p>{escape(words.only_post)}</p></fieldset>"
        return
    yield '<form method="post">'
    yield from (f'<input type="hidden" name="shown" value="{channel}">' for channel in on)
    yield f"<fieldset><legend>{escape(words.necessary)}</legend>"
    if "email" in on:
        yield f"<p>{escape(words.why_necessary)}</p>"
        yield _choice("radio", "necessary", "email", words.by_email, on["email"])
        yield _choice("radio", "necessary", "post", words.by_post, not on["email"])
    else:
        yield f"<p>{escape(words.only_post)}</p>"
    yield "</fieldset>"
    if optional:
        yield f"<fieldset><legend>{escape(words.others)}</legend><p>{escape(words.why_others)}</p>"
        yield from (_choice("checkbox", "on", each, words.channels[each], on[each]) for each in optional)
        yield "</fieldset>"
    yield f'<button type="submit">{escape(words.save)}</button></form>'


def _choice(kind: str, name: str, value: str, label: str, chosen: bool) -> str:
    checked = " checked" if chosen else ""
    return f'<label><input type="{kind}" name="{name}" value="{value}"{checked}>{escape(label)}</label>'


def _gone(request: web.Request) -> web.Response:
    """Whose link it was is unknown, so the browser's own languages are asked."""
    asked = (each.partition(";")[0].strip() for each in request.headers.get("Accept-Language", "").split(","))
    language, words = next((words_for(each) for each in asked if words_for(each)[0] == each[:2].lower()), _ENGLISH)
    return _html(404, language, words, words.gone_title, f"<p>{escape(words.gone_text)}</p>")


def _html(status: int, language: str, words: Words, title: str, content: str) -> web.Response:
    nonce = secrets.token_urlsafe(16)
    text = (
        f'<!doctype html><html lang="{language}" dir="{words.direction}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f'<title>{escape(title)}</title><style nonce="{nonce}">{_STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{content}</main></body></html>"
    )
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    headers = {**_QUIET, "Content-Security-Policy": policy}
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)


_ENGLISH = ("en", WORDS["en"])
_QUIET = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

_ADDRESS = "/preferences/{token}"
_PAGE = Answer("the page", content_type="text/html")
_NO_LINK = Answer("the link is none of ours, or too old; said on a page", content_type="text/html")
_SHOWN = {200: _PAGE, 404: _NO_LINK, 503: UNAVAILABLE}
_SAVED = {**_SHOWN, 400: refused("the body is not the form of this page", "malformed", "invalid")}
_ENDED = {
    200: Answer("nothing more comes on this channel"),
    400: refused("the body is not that of RFC 8058", "malformed", "invalid"),
    404: refused(
        "the link is none of ours or too old, or there is no such channel", "unknown_token", "unknown_channel"
    ),
    503: UNAVAILABLE,
}
_END = "End messages of one channel, as mail programs do (RFC 8058)"

ROUTES = (
    Route("GET", _ADDRESS, show, "The page where a customer chooses how to be written to", _SHOWN, is_open=True),
    Route("POST", _ADDRESS, save, "Its form", _SAVED, is_open=True),
    Route("POST", f"{_ADDRESS}/unsubscribe/{{channel}}", unsubscribe, _END, _ENDED, is_open=True),
)
