"""The tracer of OpenTelemetry; nothing else imports it, since it is an extra."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from common.traces.spans import Attributes, Origin


class OpenTelemetryTracer:
    """Records spans with OpenTelemetry's SDK; see ``common.traces.spans.Tracer``.

    Args:
        provider: Decides which spans are recorded, and where they go.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("glimpse")
        self._propagator = TraceContextTextMapPropagator()

    def span(self, name: str, attributes: Attributes) -> AbstractContextManager[None]:
        """Return a span below the current one."""
        return self._begun(name, attributes)

    def continued(
        self, name: str, headers: Mapping[str, str], attributes: Attributes, *, is_request: bool
    ) -> AbstractContextManager[None]:
        """Return a span that continues the trace in some headers."""
        kind = SpanKind.SERVER if is_request else SpanKind.CONSUMER
        return self._begun(name, attributes, self._propagator.extract(headers, Context()), kind)

    def joined(
        self, name: str, origins: Iterable[Origin], attributes: Attributes
    ) -> AbstractContextManager[None]:
        """Return a span of work for several origins: below the first, and linked to all."""
        spans = (at for at in origins if isinstance(at, SpanContext))
        places = list({(at.trace_id, at.span_id): at for at in spans}.values())
        context = Context()
        if places:
            context = trace.set_span_in_context(trace.NonRecordingSpan(places[0]), context)
        return self._begun(name, attributes, context, links=[Link(place) for place in places])

    def note(self, attributes: Attributes) -> None:
        """Add attributes to the current span."""
        trace.get_current_span().set_attributes(attributes)

    def headers(self) -> dict[str, str]:
        """Return headers with which another process continues the current trace."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier

    def origin(self) -> Origin:
        """Return the place of the current span; None if there is none."""
        place = trace.get_current_span().get_span_context()
        return place if place.is_valid else None

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()

    @contextmanager
    def _begun(
        self,
        name: str,
        attributes: Attributes,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        links: Iterable[Link] = (),
    ) -> Iterator[None]:
        with self._tracer.start_as_current_span(
            name, context, kind, dict(attributes), tuple(links)
        ):
            yield


def otlp_tracer(url: str, service: str) -> OpenTelemetryTracer:
    """Return a tracer that sends spans to a receiver, in batches, from a thread of its own.

    Further settings are OpenTelemetry's own variables, such as ``OTEL_TRACES_SAMPLER``,
    ``OTEL_EXPORTER_OTLP_HEADERS`` and ``OTEL_RESOURCE_ATTRIBUTES``.
    """
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
    return OpenTelemetryTracer(provider)
