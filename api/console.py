"""Pages for the people who run it. So far: what customers read, with made-up facts, so that it needs no token."""

from typing import Annotated

from aiohttp import web
from pydantic import StringConstraints

from api.errors import refuse
from api.routes import Address, Answer, Call, Nothing, Route, refused

CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; frame-src 'self'; base-uri 'none'"
"""Mails carry their styles inside; nothing runs, and nothing is sent anywhere."""


class Page(Address):
    language: Annotated[str, StringConstraints(pattern="^[a-z]{2}$")]


async def messages(call: Call[Page, Nothing, None]) -> web.Response:
    gallery = call.parts.gallery
    try:
        page = gallery(call.path.language) if gallery else None
    except ValueError:
        page = None
    if page is None:
        return refuse(404, "unknown_language", f"there are no words in {call.path.language!r}")
    return web.Response(text=page, content_type="text/html", headers={"Content-Security-Policy": CSP})


ROUTES = (
    Route(
        "GET",
        "/console/messages/{language}.html",
        messages,
        "All messages in a language, as customers get them",
        {200: Answer("a page", content_type="text/html"), 404: refused("no such language", "unknown_language")},
        is_open=True,
    ),
)
