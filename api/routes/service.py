"""``/healthz``, ``/readyz`` and ``/metrics``: liveness, readiness and metrics."""

from __future__ import annotations

from flask import Blueprint, Response, request

from api.health.metrics import render
from api.health.readiness import check_parts
from api.http.answers import answered
from api.http.problems import problem
from api.routes.current import services
from api.schemas.health import Health, Readiness
from common.errors import ServiceError

blueprint = Blueprint("service", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Return 200 while the process is alive."""
    return answered(Health("ok"))


@blueprint.get("/readyz")
def readyz() -> Response:
    """Return 200 if every component is available, else 503 naming the missing ones."""
    parts = check_parts(services().heartbeats, services().clock)
    missing = [part for part in parts if not part.ok]
    if not missing:
        return answered(Readiness.of(parts))
    errors = [{"field": part.part, "detail": part.detail} for part in missing]
    names = ", ".join(part.part for part in missing)
    detail = f"Not ready; missing: {names}."
    return problem(503, "not_ready", detail, errors, ServiceError.retry_after_s)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Return Prometheus metrics on queued tasks, tasks in progress and workers."""
    text, content_type = render(services(), request.headers.get("Accept", ""))
    return Response(text, content_type=content_type)
