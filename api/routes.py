"""What a route is: declared once, served by `app.py`, described by `openapi.py`, so that the two cannot disagree.

    async def put_customer(call: Call[Place, Nothing, Customer]) -> web.Response: ...

    Route("PUT", "/customers/{source}/{account}/{customer_id}", put_customer, "...", {200: Answer("...", Customer)})

What the address, its query and the body must hold stands in the handler's own signature.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar, cast, get_args, get_type_hints

from aiohttp import web
from multidict import MultiMapping
from pydantic import BaseModel, ConfigDict

from activities.scrubbed import holds_card_number
from api.errors import Complaint, Handler, Invalid, SlowBody
from api.parts import ACTOR, PARTS, ApiParts
from policies.card_numbers import WHY_REFUSED, place_of_card_number

Path = TypeVar("Path", bound=BaseModel)
Query = TypeVar("Query", bound=BaseModel)
Body = TypeVar("Body")


class Address(BaseModel):
    """What stands in an address, path or query, is text: it is converted, and what is unknown is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Nothing(Address):
    """No variables, no parameters: whoever sends one has misread something."""


class Anything(BaseModel):
    """Parameters that are not ours to name."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Answer:
    """`models`: one of these as JSON; none: text of `content_type`. `words`: what `error` may be, of a refusal."""

    def __init__(
        self, meaning: str, *models: type[BaseModel], words: tuple[str, ...] = (), content_type: str = "text/plain"
    ) -> None:
        self.meaning = meaning
        self.models = models
        self.words = words
        self.content_type = content_type


def refused(meaning: str, *words: str) -> Answer:
    return Answer(meaning, Complaint, words=words)


UNAVAILABLE = refused("a part that is needed cannot be reached; `Retry-After` says when to try again", "unavailable")


@dataclass(frozen=True)
class Call(Generic[Path, Query, Body]):
    """One request. Its address has been read; its body is read when the handler asks for it. `Body`: a model for JSON,
    `bytes` for what is understood elsewhere, `None` for none."""

    request: web.Request
    path: Path
    query: Query
    reads: type[Body]

    @property
    def parts(self) -> ApiParts:
        return self.request.app[PARTS]

    @property
    def actor(self) -> str:
        """Whom the token stands for."""
        return self.request[ACTOR]

    async def body(self) -> Body:
        """Raises SlowBody, ValidationError, and what aiohttp says of a body that is too large or broken."""
        try:
            async with asyncio.timeout(self.parts.body_seconds):
                sent = await self.request.read()
        except TimeoutError:
            raise SlowBody from None
        except ConnectionError:
            # The sender hung up; left as it is, it would pass for a database that did.
            raise web.RequestPayloadError from None
        if issubclass(self.reads, BaseModel):
            read = self.reads.model_validate_json(sent)
            _refuse_card_numbers(json.loads(sent) if holds_card_number(sent) else None)
            return cast(Body, read)
        return cast(Body, sent)


def _refuse_card_numbers(given: object) -> None:
    """Whatever a field means, and also where nobody reads it (promise P9)."""
    if place := place_of_card_number(given):
        raise Invalid(f"{place}: {WHY_REFUSED}")


class Reads(NamedTuple):
    """What a handler's signature asks for."""

    path: type[BaseModel]
    query: type[BaseModel]
    body: type


@dataclass(frozen=True)
class Route:
    """`address`: as aiohttp writes it; each variable is a field of the handler's path. `answers`: by status, those of
    its own; what may happen to any request is added by `openapi.py`. `is_open`: needs no token."""

    method: str
    address: str
    handler: Callable[[Call[Any, Any, Any]], Awaitable[web.StreamResponse]]
    summary: str
    answers: Mapping[int, Answer]
    is_open: bool = field(default=False)

    @cached_property
    def reads(self) -> Reads:
        return Reads(*get_args(get_type_hints(self.handler)["call"]))

    def served(self) -> web.RouteDef:
        return web.route(self.method, self.address, self._handle())

    def _handle(self) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            _refuse_card_numbers(dict(request.match_info))
            path = self.reads.path.model_validate(dict(request.match_info))
            _refuse_card_numbers(dict(request.query))
            query = self.reads.query.model_validate(self._given(request.query))
            return await self.handler(Call(request, path, query, self.reads.body))

        return handle

    def _given(self, query: MultiMapping[str]) -> dict[str, str]:
        for name in () if self.reads.query is Anything else query:
            if len(query.getall(name)) > 1:
                raise Invalid(f"{name[:50]}: is given twice; give it once")
        return dict(query)
