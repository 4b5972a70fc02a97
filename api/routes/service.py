"""``/healthz``, ``/readyz`` and ``/metrics``: whether the service works, and how hard."""

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
    """Answer while the process does."""
    return answered(Health("ok"))


@blueprint.get("/readyz")
def readyz() -> Response:
    """Answer 200 when every part is there, else 503 naming what is missing."""
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
    """Tell Prometheus what waits, what is in hand and who works on it."""
    text, content_type = render(services(), request.headers.get("Accept", ""))
    return Response(text, content_type=content_type)
