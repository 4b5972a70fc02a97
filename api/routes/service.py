"""``/healthz``, ``/readyz``, ``/metrics`` and ``/v1/connection``: what operators ask the API."""

from __future__ import annotations

from flask import Blueprint, Response, request

from api.health.metrics import render, render_without_redis
from api.health.readiness import check_parts, missing
from api.http.answers import answered
from api.http.problems import problem
from api.http.proxies import forwarded
from api.routes.current import services
from api.schemas.body import read_query
from api.schemas.connection import Connection
from api.schemas.health import Health, Readiness, ReadinessQuery
from common.errors import ServiceError

blueprint = Blueprint("service", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Return 200 while the process is alive."""
    return answered(Health("ok"))


@blueprint.get("/readyz")
def readyz() -> Response:
    """Return 200 if an upload would be accepted, else 503 naming the missing components."""
    purpose = read_query(request, ReadinessQuery).purpose
    parts = check_parts(services(), purpose)
    needed = missing(parts, purpose)
    if not needed:
        return answered(Readiness.of(parts))
    errors = [{"field": part.part, "detail": part.detail} for part in needed]
    names = ", ".join(part.part for part in needed)
    detail = f"Not ready; missing: {names}."
    return problem(503, "not_ready", detail, errors, ServiceError.retry_after_s)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Return Prometheus metrics on queued tasks, tasks in progress, workers and requests."""
    text, content_type = render(services(), request.headers.get("Accept", ""))
    return Response(text, content_type=content_type)


def metrics_without_redis() -> Response:
    """Return that Redis is away, as ``/readyz`` does to everyone.

    Prometheus, whose key cannot be checked then, would take an error for an API that is down.
    """
    text, content_type = render_without_redis(request.headers.get("Accept", ""))
    return Response(text, content_type=content_type)


@blueprint.get("/v1/connection")
def connection() -> Response:
    """Return how this request reached the API: its caller's address, and through which proxies."""
    hops = services().settings.proxy_hops
    return answered(Connection(request.remote_addr or "", forwarded(request), hops))
