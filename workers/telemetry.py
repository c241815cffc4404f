"""OpenTelemetry traces and metrics, on when an OTLP endpoint is set; else nothing is built and nothing is sent."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from temporalio.client import Interceptor

from workers.settings import Settings

EXPORT_TIMEOUT_SECONDS = 3
"""A collector that is down must not hold up the end of a process."""


@contextmanager
def telemetry(settings: Settings, service: str) -> Iterator[Sequence[Interceptor]]:
    """Yields the interceptors a Temporal client needs for its spans."""
    if not settings.otlp_endpoint:
        yield ()
        return
    with _exporting(settings.otlp_endpoint, service) as interceptors:
        yield interceptors


@contextmanager
def _exporting(endpoint: str, service: str) -> Iterator[Sequence[Interceptor]]:
    # Half a second of imports that most processes do not need.
    from opentelemetry import metrics, trace
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from temporalio.contrib.opentelemetry import TracingInterceptor

    base, resource = endpoint.rstrip("/"), Resource.create({"service.name": f"recoup-{service}"})
    spans = OTLPSpanExporter(endpoint=f"{base}/v1/traces", timeout=EXPORT_TIMEOUT_SECONDS)
    figures = OTLPMetricExporter(endpoint=f"{base}/v1/metrics", timeout=EXPORT_TIMEOUT_SECONDS)
    tracer_provider = TracerProvider(resource=resource)
    tracer_provider.add_span_processor(BatchSpanProcessor(spans, export_timeout_millis=EXPORT_TIMEOUT_SECONDS * 1000))
    meter_provider = MeterProvider(
        resource=resource,
        metric_readers=[PeriodicExportingMetricReader(figures, export_timeout_millis=EXPORT_TIMEOUT_SECONDS * 1000)],
    )
    trace.set_tracer_provider(tracer_provider)
    metrics.set_meter_provider(meter_provider)
    try:
        # Exports workflow spans at once; a span of the whole run would only appear when the case ends, weeks later.
        yield (TracingInterceptor(),)
    finally:
        tracer_provider.shutdown()
        meter_provider.shutdown(timeout_millis=EXPORT_TIMEOUT_SECONDS * 1000)
