"""Serves the table of routes. Deny by default: what a route does not declare open needs a token."""

from aiohttp import web

from api import (
    attempts,
    auth,
    cases,
    console,
    customers,
    dead_letters,
    errors,
    feed,
    gateways,
    health,
    messages,
    notices,
    openapi,
    preferences,
    push,
    telemetry,
    webhooks,
)
from api.parts import PARTS, ApiParts
from api.pay import json_api, pages, wall

ROUTES = openapi.with_own_route(
    (
        *webhooks.ROUTES,
        *customers.ROUTES,
        *cases.ROUTES,
        *messages.ROUTES,
        *attempts.ROUTES,
        *dead_letters.ROUTES,
        *gateways.ROUTES,
        *notices.ROUTES,
        *push.ROUTES,
        *feed.ROUTES,
        *preferences.ROUTES,
        *wall.STATIC_ROUTES,
        *wall.ROUTES,
        *json_api.ROUTES,
        *pages.ROUTES,
        *console.ROUTES,
        *health.ROUTES,
    )
)


def make_app(parts: ApiParts) -> web.Application:
    middlewares = [telemetry.one_span_per_request, errors.errors_as_json, auth.known_callers_only]
    app = web.Application(middlewares=middlewares, client_max_size=parts.max_body_bytes)
    app[PARTS] = parts
    feed.prepare(app)
    wall.prepare(app)
    served = [(route, route.served()) for route in ROUTES]
    app.add_routes([definition for _, definition in served])
    app[auth.OPEN] = auth.OpenDoors.of(definition for route, definition in served if route.is_open)
    app.on_startup.append(_start_waker)
    app.on_cleanup.append(_stop_waker)
    return app


async def _start_waker(app: web.Application) -> None:
    await app[PARTS].waker.start()


async def _stop_waker(app: web.Application) -> None:
    await app[PARTS].waker.stop()
