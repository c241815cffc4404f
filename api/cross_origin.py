"""What pages of other origins may read and load from us. Which origins may is set up (`feed_origins`), compared whole;
nothing of the browser's own (no cookie) goes with it."""

import re
from pathlib import Path

from aiohttp import web

from api.parts import PARTS

OF_NOBODY_ELSE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}


def readable_headers(request: web.Request) -> dict[str, str]:
    """Of an answer for one person, that the page which asked may read if its origin is set up."""
    origin = request.headers.get("Origin")
    allowed = {}
    if origin and origin in request.app[PARTS].feed_origins:
        allowed = {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "Retry-After"}
    return {**OF_NOBODY_ELSE, "Vary": "Origin", **allowed}


def allowed_to_ask(request: web.Request) -> web.Response:
    """A browser asks before it sends JSON to another origin; without our word it sends nothing."""
    headers = readable_headers(request)
    if "Access-Control-Allow-Origin" in headers:
        headers |= {
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": "Content-Type, Last-Event-ID, Recoup-Session",
            "Access-Control-Max-Age": "7200",
        }
    return web.Response(text="", headers=headers)


def as_served(path: Path) -> str:
    """A script without what only its writers need, for every page loads it: indentation, and comments on lines of their
    own."""
    text = re.sub(r"(?ms)^[ \t]*/\*.*?\*/[ \t]*\n", "", path.read_text(encoding="utf-8"))
    return re.sub(r"(?m)^ +", "", text)


def public_script(text: str) -> web.Response:
    """No secret: any page may load it, also with `crossorigin` and `integrity`."""
    kept = {"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}
    headers = {**kept, "Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
    response = web.Response(text=text, content_type="text/javascript", headers=headers | {"Vary": "Accept-Encoding"})
    response.enable_compression()
    return response
