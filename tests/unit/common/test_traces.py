"""Spans: what they are recorded as, and that they cost nothing unless they are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from common.errors import InvalidSettings
from common.settings import load_settings
from common.traces.opentelemetry import OpenTelemetryTracer
from common.traces.spans import (
    begin_tracing,
    continued_span,
    end_tracing,
    is_tracing,
    joined_span,
    note,
    origin,
    span,
    trace_headers,
    use_tracer,
)
from worker.batcher import Batcher


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    use_tracer(OpenTelemetryTracer(provider))
    yield exporter
    end_tracing()


def found(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def id_of(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id


def test_spans_have_parents_and_attributes(exporter: InMemorySpanExporter) -> None:
    with span("outer", {"glimpse.job": "j"}), span("inner"):
        note({"glimpse.items": 3})
    spans = found(exporter)
    assert spans["inner"].parent is not None
    assert spans["inner"].parent.span_id == id_of(spans["outer"])
    assert dict(spans["outer"].attributes or {}) == {"glimpse.job": "j"}
    assert dict(spans["inner"].attributes or {}) == {"glimpse.items": 3}


def test_an_error_is_recorded_and_raised(exporter: InMemorySpanExporter) -> None:
    with pytest.raises(ZeroDivisionError), span("outer"):
        _ = 1 / 0
    assert not found(exporter)["outer"].status.is_ok


def test_another_process_continues_a_trace(exporter: InMemorySpanExporter) -> None:
    with span("request"):
        headers = trace_headers()
    assert list(headers) == ["traceparent"]
    with continued_span("task", headers):
        pass
    spans = found(exporter)
    assert spans["task"].parent is not None
    assert spans["task"].parent.span_id == id_of(spans["request"])


@pytest.mark.parametrize("headers", [{}, {"traceparent": "odd"}, {"traceparent": None}])
def test_without_a_trace_to_continue_one_begins(
    exporter: InMemorySpanExporter, headers: dict[str, str]
) -> None:
    with span("unrelated"), continued_span("task", headers):
        pass
    assert found(exporter)["task"].parent is None


def test_a_batch_is_linked_to_all_that_it_has_items_of(exporter: InMemorySpanExporter) -> None:
    batcher = Batcher("model", lambda items: items, batch_max=3, wait_ms=60_000, queue_max=3)
    with span("first"):
        futures = batcher.submit_many([1, 2])
    with span("second"):
        futures.append(batcher.submit(3))
    assert [future.result(10) for future in futures] == [1, 2, 3]
    batcher.close()
    spans = found(exporter)
    batch = spans["batch.model"]
    links = [link.context.span_id for link in batch.links]
    assert links == [id_of(spans["first"]), id_of(spans["second"])]
    assert batch.parent is not None
    assert batch.parent.span_id == links[0]
    assert dict(batch.attributes or {}) == {"glimpse.items": 3}


def test_items_of_no_span_are_a_trace_of_their_own(exporter: InMemorySpanExporter) -> None:
    with joined_span("batch", [origin(), None]):
        pass
    batch = found(exporter)["batch"]
    assert (batch.parent, list(batch.links)) == (None, [])


def test_nothing_is_recorded_unless_asked_for() -> None:
    assert not is_tracing()
    assert (trace_headers(), origin()) == ({}, None)
    with span("a"), continued_span("b", {}), joined_span("c", []):
        note({"glimpse.items": 1})
    begin_tracing(None, "glimpse-api")
    assert not is_tracing()


def test_nothing_is_imported_unless_asked_for() -> None:
    # redis-py imports OpenTelemetry's metrics wherever they are installed.
    code = (
        "import sys, api.app, worker.runtime.serve;"
        "sys.exit(any(name.startswith('opentelemetry.exporter') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_opentelemetry_the_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "common.traces.opentelemetry")
    with pytest.raises(InvalidSettings, match=r'pip install "glimpse\[traces\]"'):
        begin_tracing("http://127.0.0.1:4318/v1/traces", "glimpse-api")
    assert not is_tracing()


def test_the_setting_is_an_address() -> None:
    given = {"GLIMPSE_TRACES_URL": "https://traces.example/v1/traces"}
    assert load_settings(given).traces_url == given["GLIMPSE_TRACES_URL"]
    assert load_settings({"GLIMPSE_TRACES_URL": ""}).traces_url is None
    with pytest.raises(InvalidSettings, match="GLIMPSE_TRACES_URL"):
        load_settings({"GLIMPSE_TRACES_URL": "localhost:4318"})
