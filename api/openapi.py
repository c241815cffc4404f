"""The API described by itself: an OpenAPI 3.1 document, made from the table of routes and the models it names.

Served at /openapi.json, kept as docs/openapi.json; `python -m api.openapi` prints it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.routes import Answer, Anything, Call, Nothing, Route, refused

API_VERSION = "0.1"
ADDRESS = "/openapi.json"

Schema = dict[str, Any]
Mode = Literal["validation", "serialization"]
Schemas = Mapping[tuple[Any, Mode], Schema]
"""By model, and whether it is read or written."""

_ABOUT = (
    "Recoup recovers failed recurring payments. Webhooks are known by their signature; everything else needs a bearer "
    "token, but for what says that it needs none. docs/api.md says it in words."
)
_WRONG = refused("something is missing or wrong; `detail` names it and does not repeat its value", "invalid")
_UNKNOWN_CALLER = refused("no token, or an unknown one", "unauthorized")
_OF_BODIES = {
    400: refused("the body is wrong, or not what its headers promise", "invalid", "malformed"),
    408: refused("the body took too long to come", "too_slow"),
    413: refused("the body is larger than RECOUP_MAX_BODY_BYTES", "too_large"),
}


def with_own_route(routes: tuple[Route, ...]) -> tuple[Route, ...]:
    """The routes and the one that describes all of them."""

    async def describe(call: Call[Nothing, Nothing, None]) -> web.Response:
        return web.json_response(text=text)

    own = Route("GET", ADDRESS, describe, "This document", {200: Answer("this document", AnyObject)}, is_open=True)
    everything = (*routes, own)
    text = as_text(document(everything))
    return everything


class AnyObject(BaseModel, extra="allow"):
    """A JSON object that is described elsewhere."""


def as_text(described: Schema) -> str:
    return json.dumps(described, indent=1, ensure_ascii=False) + "\n"


def document(routes: Iterable[Route]) -> Schema:
    routes = tuple(routes)
    wanted = list(dict.fromkeys(pair for route in routes for pair in _models_of(route)))
    schemas, definitions = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    paths: dict[str, Schema] = {}
    for route in routes:
        paths.setdefault(_address(route), {})[route.method.lower()] = _operation(route, schemas)
    bearer = {"type": "http", "scheme": "bearer", "description": "a token of RECOUP_API_TOKENS"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Recoup", "version": API_VERSION, "description": _ABOUT},
        "paths": paths,
        "components": {"schemas": definitions["$defs"], "securitySchemes": {"bearer": bearer}},
    }


def _models_of(route: Route) -> Iterator[tuple[type[BaseModel], Mode]]:
    if _is_model(route.reads.body):
        yield route.reads.body, "validation"
    for answer in _answers(route).values():
        for model in answer.models:
            yield model, "serialization"


def _is_model(body: type) -> bool:
    return issubclass(body, BaseModel)


def _address(route: Route) -> str:
    """Without aiohttp's patterns: `{key:.+}` is `{key}`."""
    return re.sub(r"\{(\w+):[^}]*\}", r"{\1}", route.address)


def _operation(route: Route, schemas: Schemas) -> Schema:
    address = _address(route)
    words = [route.method.lower(), *re.findall(r"\w+", address)]
    operation: Schema = {
        "operationId": "_".join(words),
        "tags": [words[1]],
        "summary": route.summary,
        "parameters": list(_parameters(route)),
        "responses": {str(status): _response(answer, schemas) for status, answer in sorted(_answers(route).items())},
        "security": [] if route.is_open else [{"bearer": []}],
    }
    if _is_model(route.reads.body):
        content = {"application/json": {"schema": schemas[route.reads.body, "validation"]}}
        operation["requestBody"] = {"required": True, "content": content}
    elif route.reads.body is bytes:
        operation["requestBody"] = {"required": True, "content": {"*/*": {}}, "description": "as its sender signs it"}
    return operation


def _answers(route: Route) -> dict[int, Answer]:
    """Its own, and what may happen to any request of its kind."""
    common = {400: _WRONG} if route.reads.body is type(None) else _OF_BODIES
    return {**common, **({} if route.is_open else {401: _UNKNOWN_CALLER}), **route.answers}


def _response(answer: Answer, schemas: Schemas) -> Schema:
    if not answer.models:
        return {"description": answer.meaning, "content": {answer.content_type: {"schema": {"type": "string"}}}}
    found = [schemas[model, "serialization"] for model in answer.models]
    schema: Schema = found[0] if len(found) == 1 else {"anyOf": found}
    if answer.words:
        schema = {**schema, "properties": {"error": {"enum": list(answer.words)}}}
    return {"description": answer.meaning, "content": {"application/json": {"schema": schema}}}


def _parameters(route: Route) -> Iterator[Schema]:
    in_path = re.findall(r"\{(\w+)", route.address)
    of_path = route.reads.path.model_json_schema()
    for name in in_path:
        schema = _resolved(of_path, name)
        schema.pop("default", None)
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    if route.reads.query is not Anything:
        of_query = route.reads.query.model_json_schema()
        for name in of_query.get("properties", {}):
            yield {"name": name, "in": "query", "required": False, "schema": _resolved(of_query, name)}


def _resolved(of_model: Schema, name: str) -> Schema:
    """Of one field, in place: an address knows no null, and needs no names of parts."""
    schema: Schema = dict(of_model["properties"][name])
    if choices := [each for each in schema.pop("anyOf", ()) if each != {"type": "null"}]:
        schema = {**choices[0], **schema}
        schema.pop("default", None)
    if reference := schema.pop("$ref", None):
        schema = {**of_model["$defs"][reference.rpartition("/")[2]], **schema}
    schema.pop("title", None)
    return schema


if __name__ == "__main__":
    from api.app import ROUTES

    print(as_text(document(ROUTES)), end="")
