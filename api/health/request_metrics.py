"""Metrics of requests: how many, how long they took, and how many bytes they brought."""

from __future__ import annotations

import time

from flask import Flask, Response, g, request
from prometheus_client import Counter, Histogram
from prometheus_client.registry import Collector

from api.health import shared_metrics
from api.http.route_names import route_of
from api.server.content_length import bytes_received
from common.metrics import SECONDS, new_registry

# Methods that are label values; a caller may send any other word.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# The value of other methods.
_OTHER = "other"


class RequestMetrics:
    """Counts the requests of one process.

    The label ``route`` is a template such as ``/v1/jobs/<record_id:job_id>``, so that the number of
    time series is bounded.
    """

    def __init__(self) -> None:
        self._registry = new_registry()
        self._requests = Counter(
            "glimpse_http_requests",
            "Requests by route and status.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "glimpse_http_request_seconds",
            "Seconds from the head of a request to the head of its response.",
            ["method", "route"],
            registry=self._registry,
            buckets=SECONDS,
        )
        self._bytes = Counter(
            "glimpse_http_request_body_bytes",
            "Bytes of request bodies that were read.",
            ["method", "route"],
            registry=self._registry,
        )

    def collector(self) -> Collector:
        """Return what collects the requests of all processes of this API."""
        return shared_metrics.collector() or self._registry

    def count(self, method: str, route: str, status: int, seconds: float, received: int) -> None:
        """Count a request.

        Args:
            method: Its method.
            route: Its route's template.
            status: The status of its response.
            seconds: From its head to the head of its response.
            received: Bytes of its body that were read.
        """
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)
        if received:
            self._bytes.labels(method, route).inc(received)


def install(app: Flask, metrics: RequestMetrics) -> None:
    """Count every request that reaches the application."""

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        method = request.method if request.method in _METHODS else _OTHER
        seconds, received = time.perf_counter() - g.began, bytes_received()
        metrics.count(method, route_of(request), response.status_code, seconds, received)
        return response
