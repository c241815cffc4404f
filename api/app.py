"""The routes. Deny by default: what is not listed in `auth.OPEN_PREFIXES` needs a token."""

from aiohttp import web

from api import auth, cases, customers, dead_letters, errors, health, telemetry, webhooks
from api.parts import PARTS, ApiParts


def make_app(parts: ApiParts) -> web.Application:
    middlewares = [telemetry.one_span_per_request, errors.errors_as_json, auth.known_callers_only]
    app = web.Application(middlewares=middlewares, client_max_size=parts.max_body_bytes)
    app[PARTS] = parts
    case = "/cases/{source}/{account}/{invoice_id}"
    app.add_routes(
        [
            web.post("/webhooks/{source}", webhooks.receive_webhook),
            web.post("/webhooks/{source}/{account}", webhooks.receive_webhook),
            web.get("/webhooks/{source}", webhooks.answer_challenge),
            web.get("/webhooks/{source}/{account}", webhooks.answer_challenge),
            web.put("/customers/{source}/{account}/{customer_id}", customers.put_customer),
            web.get("/customers/{source}/{account}/{customer_id}", customers.get_customer),
            web.get("/cases", cases.list_cases),
            web.get(case, cases.get_case),
            web.post(f"{case}/actions/{{kind}}", cases.act_on_case),
            web.get("/tasks", cases.list_tasks),
            web.post("/tasks/{key:.+}/done", cases.finish_task),
            web.get("/dead-letters", dead_letters.list_letters),
            web.post("/dead-letters/bulk", dead_letters.act_on_letters),
            web.get("/dead-letters/{id}", dead_letters.show_letter),
            web.post("/dead-letters/{id}/{action:retry|release|discard}", dead_letters.act_on_letter),
            web.get("/health/live", health.live),
            web.get("/health/ready", health.ready),
            web.get("/health/sources", health.sources),
        ]
    )
    app.on_startup.append(_start_waker)
    app.on_cleanup.append(_stop_waker)
    return app


async def _start_waker(app: web.Application) -> None:
    await app[PARTS].waker.start()


async def _stop_waker(app: web.Application) -> None:
    await app[PARTS].waker.stop()
