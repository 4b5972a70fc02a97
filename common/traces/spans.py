"""Spans, for any part of the service to begin.

Without ``begin_tracing``, every function returns at once, and OpenTelemetry is not imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from common.errors import InvalidSettings

Attributes = Mapping[str, str | int | float | bool]
# The place of a span in its trace, as the backend knows it.
Origin = object

_NOTHING: AbstractContextManager[None] = nullcontext()


class Tracer(Protocol):
    """Records spans; ``common.traces.opentelemetry`` has the implementation."""

    def span(self, name: str, attributes: Attributes) -> AbstractContextManager[None]:
        """Return a span below the current one."""
        ...

    def continued(
        self, name: str, headers: Mapping[str, str], attributes: Attributes, *, is_request: bool
    ) -> AbstractContextManager[None]:
        """Return a span that continues the trace in some headers."""
        ...

    def joined(
        self, name: str, origins: Iterable[Origin], attributes: Attributes
    ) -> AbstractContextManager[None]:
        """Return a span of work for several origins: below the first, and linked to all."""
        ...

    def note(self, attributes: Attributes) -> None:
        """Add attributes to the current span."""
        ...

    def headers(self) -> dict[str, str]:
        """Return headers with which another process continues the current trace."""
        ...

    def origin(self) -> Origin:
        """Return the place of the current span."""
        ...

    def close(self) -> None:
        """Send what is left."""
        ...


_tracer: Tracer | None = None


def begin_tracing(url: str | None, service: str) -> None:
    """Send the spans of this process to an OTLP receiver; None sends none.

    Call it after a fork: the thread that sends the spans would not survive one.

    Args:
        url: Where the receiver takes traces, such as ``http://localhost:4318/v1/traces``.
        service: What this process is called in traces.

    Raises:
        InvalidSettings: OpenTelemetry is not installed.
    """
    if url is None:
        return
    try:
        from common.traces.opentelemetry import otlp_tracer
    except ModuleNotFoundError as error:
        raise InvalidSettings(
            "GLIMPSE_TRACES_URL is set, but OpenTelemetry is not installed: "
            'pip install "glimpse[traces]".'
        ) from error
    use_tracer(otlp_tracer(url, service))


def use_tracer(tracer: Tracer | None) -> None:
    """Record spans with a tracer; None records none."""
    global _tracer
    _tracer = tracer


def end_tracing() -> None:
    """Send what is left, and record no more."""
    if _tracer is not None:
        _tracer.close()
    use_tracer(None)


def is_tracing() -> bool:
    """Return whether spans are recorded."""
    return _tracer is not None


def span(name: str, attributes: Attributes | None = None) -> AbstractContextManager[None]:
    """Return a span below the current one, for a ``with`` statement."""
    return _NOTHING if _tracer is None else _tracer.span(name, attributes or {})


def continued_span(
    name: str,
    headers: Mapping[str, str],
    attributes: Attributes | None = None,
    *,
    is_request: bool = False,
) -> AbstractContextManager[None]:
    """Return a span that continues the trace in headers, or begins one if they have none.

    Args:
        name: The name of the span.
        headers: Those of a request, or of a task's message.
        attributes: What is known of the span.
        is_request: Whether a client waits for it.
    """
    if _tracer is None:
        return _NOTHING
    return _tracer.continued(name, headers, attributes or {}, is_request=is_request)


def joined_span(
    name: str, origins: Iterable[Origin], attributes: Attributes | None = None
) -> AbstractContextManager[None]:
    """Return a span of work for several others: below the first of them, and linked to all.

    Args:
        name: The name of the span.
        origins: Where the others are, from ``origin``; those that are None are left out.
        attributes: What is known of the span.
    """
    return _NOTHING if _tracer is None else _tracer.joined(name, origins, attributes or {})


def note(attributes: Attributes) -> None:
    """Add attributes to the current span."""
    if _tracer is not None:
        _tracer.note(attributes)


def trace_headers() -> dict[str, str]:
    """Return headers with which another process continues the current trace."""
    return {} if _tracer is None else _tracer.headers()


def origin() -> Origin:
    """Return the place of the current span, for ``joined_span``; None if there is none."""
    return None if _tracer is None else _tracer.origin()
