"""The API's own description: current, valid, and of the same table that is served."""

import json
import re
from pathlib import Path

import jsonschema_rs
import schemathesis

from api.app import ROUTES, make_app
from api.openapi import as_text, document
from api.pay import seeing
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


async def test_a_parameter_that_nobody_reads_is_refused_but_where_senders_put_their_own(api: RunningApi) -> None:
    for route in ROUTES:
        path = re.sub(r"\{[^}]*\}", "x", route.address).replace("/x/x", "/x/retry", route.address.endswith("{action}"))
        path = path.replace("/devices/x", f"/devices/{'a' * 64}").replace("/messages/x.html", "/messages/en.html")
        reply = await api.ask(route.method, f"{path}?colour=red", None if route.method == "GET" else b"{}")
        if path.startswith("/webhooks/"):
            assert reply.body["error"] == "unknown_source"
        elif route.handler in (seeing.show, seeing.show_checkout):
            # Mail programs and gateways add words of their own to these addresses.
            assert (reply.status, "RECOUP_LINK_KEYS" in reply.text) == (404, True)
        else:
            assert reply.body == {"error": "invalid", "detail": "colour: Extra inputs are not permitted"}, path


async def test_what_is_no_id_in_an_address_is_named_and_not_repeated(api: RunningApi) -> None:
    for method, path, name in (
        ("GET", "/webhooks/a%20b", "source"),
        ("POST", "/webhooks/stripe/a%00b", "account"),
        ("GET", "/cases/a/b/c%20d", "invoice_id"),
        ("PUT", "/customers/a/b/%ff", "customer_id"),
        ("POST", "/tasks/a%00b/done", "key"),
        ("POST", "/dead-letters/x/burn", "action"),
    ):
        reply = await api.ask(method, path, None if method == "GET" else b"{}")
        assert (reply.status, reply.body["error"]) == (400, "invalid"), path
        assert reply.body["detail"].startswith(f"{name}: "), reply.text
