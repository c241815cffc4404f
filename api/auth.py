"""Who is calling. What the table of routes does not declare open needs a bearer token; the token says who acts."""

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiohttp import web

from api.errors import Handler, refuse
from api.parts import ACTOR, PARTS


@dataclass(frozen=True)
class OpenDoors:
    """`beginnings`: of the addresses of open routes. Who misspells one of them is told so, with or without a token."""

    handlers: frozenset[object]
    beginnings: tuple[str, ...]

    @classmethod
    def of(cls, routes: Iterable[web.RouteDef]) -> "OpenDoors":
        doors = tuple(routes)
        beginnings = sorted({door.path.partition("{")[0] for door in doors})
        return cls(frozenset(door.handler for door in doors), tuple(beginnings))

    def let_in(self, request: web.Request) -> bool:
        if request.match_info.http_exception is None:
            return request.match_info.handler in self.handlers
        return request.path.startswith(self.beginnings)


OPEN = web.AppKey("open", OpenDoors)


@web.middleware
async def known_callers_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.app[OPEN].let_in(request):
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
