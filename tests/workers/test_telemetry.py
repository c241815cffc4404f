"""With an OTLP endpoint one trace leads from the webhook through relay and workflow to the activities."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.fixtures.recoup_up import end, remembered, start_up
from workers.embedded.ports import choose_port


class Collector:
    """Receives what a real one would: protobuf over HTTP."""

    def __init__(self) -> None:
        self.traces: dict[bytes, set[str]] = {}
        self.metrics: set[str] = set()
        self.url = ""

    async def take_traces(self, request: web.Request) -> web.Response:
        export = ExportTraceServiceRequest.FromString(await request.read())
        for resource in export.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.traces.setdefault(span.trace_id, set()).add(span.name)
        return web.Response()

    async def take_metrics(self, request: web.Request) -> web.Response:
        export = ExportMetricsServiceRequest.FromString(await request.read())
        for resource in export.resource_metrics:
            for scope in resource.scope_metrics:
                self.metrics |= {metric.name for metric in scope.metrics}
        return web.Response()

    def trace_with(self, name: str) -> set[str]:
        return next((names for names in self.traces.values() if name in names), set())


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector, port = Collector(), choose_port(None, None, 0, set())
    app = web.Application()
    app.add_routes([web.post("/v1/traces", collector.take_traces), web.post("/v1/metrics", collector.take_metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    collector.url = f"http://127.0.0.1:{port}"
    yield collector
    await runner.cleanup()


async def test_one_trace_leads_from_the_webhook_to_the_activities(tmp_path: Path, collector: Collector) -> None:
    process = await start_up(tmp_path / "state", RECOUP_OTLP_ENDPOINT=collector.url, OTEL_BSP_SCHEDULE_DELAY="200")
    try:
        url = f"http://127.0.0.1:{remembered(tmp_path / 'state').ports['sandbox']}/world/failures"
        async with aiohttp.ClientSession() as session, session.post(url, json={"story": "expired_card"}) as response:
            assert (await response.json())["delivered"] is True
        webhook = "POST /webhooks/{source}/{account}"
        wanted = {
            webhook,
            "relay deliver",
            "RunWorkflow:DunningWorkflow",
            "RunActivity:open_case",
            "RunActivity:decide",
        }
        async with asyncio.timeout(40):
            while not wanted <= collector.trace_with(webhook):
                await asyncio.sleep(0.2)
    finally:
        assert await end(process, signal.SIGINT) == 0
    # Metrics are exported at the latest when the processes end.
    assert {"recoup_api_requests", "recoup_relay_rows", "recoup_relay_lag_seconds"} <= collector.metrics
