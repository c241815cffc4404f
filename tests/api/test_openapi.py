"""The API's own description: current, valid, and of the same table that is served."""

import json
import re
from pathlib import Path

import jsonschema_rs
import schemathesis

from api.app import ROUTES, make_app
from api.openapi import as_text, document
from tests.fixtures.store import RunningApi

KEPT = Path(__file__).parents[2] / "docs" / "openapi.json"


def test_the_kept_document_is_current() -> None:
    assert KEPT.read_text() == as_text(document(ROUTES)), "write it anew: python -m api.openapi > docs/openapi.json"


async def test_what_is_served_is_what_is_kept_and_needs_no_token(api: RunningApi) -> None:
    reply = await api.ask("GET", "/openapi.json", token=None)
    assert (reply.status, reply.text) == (200, KEPT.read_text())


def test_the_document_is_valid() -> None:
    described = json.loads(KEPT.read_text())
    schemathesis.openapi.from_dict(described).validate()
    for name, schema in described["components"]["schemas"].items():
        assert jsonschema_rs.meta.is_valid(schema), name


async def test_every_route_that_is_served_is_described_and_no_other(api: RunningApi) -> None:
    described = {
        (method.upper(), path) for path, item in json.loads(KEPT.read_text())["paths"].items() for method in item
    }
    served = {
        (route.method, route.resource.canonical) for route in make_app(api.parts).router.routes() if route.resource
    }
    assert {(method, path) for method, path in served if method != "HEAD"} == described


def test_every_variable_of_an_address_is_described() -> None:
    for path, item in json.loads(KEPT.read_text())["paths"].items():
        for operation in item.values():
            named = [each["name"] for each in operation["parameters"] if each["in"] == "path"]
            assert named == re.findall(r"\{(\w+)\}", path)


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    text = KEPT.read_text()
    used = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert used == set(json.loads(text)["components"]["schemas"])
