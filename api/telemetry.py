"""One span and one count per request, and the trace context across the inbox to the relay (W3C traceparent).

Only the API of OpenTelemetry; exporters are set up in `workers/telemetry.py` when an endpoint is set.
"""

import re
from collections.abc import Mapping

from aiohttp import web
from opentelemetry import metrics, propagate, trace

from api.errors import Handler
from policies.card_numbers import looks_like_card_number

TRACER = trace.get_tracer("recoup.api")
REQUESTS = metrics.get_meter("recoup.api").create_counter("recoup_api_requests", description="by route and status")

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def current_traceparent(headers: Mapping[str, str]) -> str | None:
    """Of the running span, else the caller's when it is well formed, else None."""
    if trace.get_current_span().get_span_context().is_valid:
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        return carrier.get("traceparent")
    return _well_formed(headers)


def _well_formed(headers: Mapping[str, str]) -> str | None:
    """The only trace header taken from strangers: the SDK fails on a `baggage` that is no UTF-8."""
    given = headers.get("traceparent", "")
    return given if _TRACEPARENT.fullmatch(given) and not looks_like_card_number(given) else None


@web.middleware
async def one_span_per_request(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Names the route, never the address: addresses carry ids and tokens. A 4xx is the caller's error, not ours."""
    resource = request.match_info.route.resource
    route = resource.canonical if resource else "unmatched"
    given = _well_formed(request.headers)
    context = propagate.extract({"traceparent": given}) if given else None
    with TRACER.start_as_current_span(
        f"{request.method} {route}", context=context, kind=trace.SpanKind.SERVER, set_status_on_exception=False
    ) as span:
        response = await handler(request)
        span.set_attribute("http.request.method", request.method)
        span.set_attribute("http.route", route)
        span.set_attribute("http.response.status_code", response.status)
        if response.status >= 500:
            span.set_status(trace.StatusCode.ERROR)
        REQUESTS.add(1, {"route": route, "status": response.status})
        return response
