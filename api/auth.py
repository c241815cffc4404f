"""Who is calling. All but webhooks (signed) and whether we live needs a bearer token; the token says who acts."""

import hmac
from collections.abc import Mapping

from aiohttp import web

from api.errors import Handler, refuse
from api.parts import ACTOR, PARTS

OPEN_PREFIXES = ("/webhooks/", "/health/live", "/health/ready")


@web.middleware
async def known_callers_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.path.startswith(OPEN_PREFIXES):
        return await handler(request)
    actor = _actor(request.headers.get("Authorization", ""), request.app[PARTS].tokens)
    if actor is None:
        detail = "send Authorization: Bearer <token>; tokens are set in RECOUP_API_TOKENS"
        return refuse(401, "unauthorized", detail, {"WWW-Authenticate": "Bearer"})
    request[ACTOR] = actor
    return await handler(request)


def _actor(header: str, tokens: Mapping[str, str]) -> str | None:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        return None
    # What is no UTF-8 arrives as lone surrogates; it must compare as unequal, not fail.
    given, found = token.strip().encode("utf-8", "surrogateescape"), None
    # All tokens are compared, so that the time taken tells nothing about which one was close.
    for known, actor in tokens.items():
        if hmac.compare_digest(known.encode(), given):
            found = actor
    return found
