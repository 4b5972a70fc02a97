"""``/healthz``, ``/readyz`` and ``/metrics``: whether the service works, and how hard."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response, jsonify, request

from api.health.metrics import render
from api.health.readiness import Check, check_parts
from api.http.problems import problem
from api.services import services
from common.errors import ServiceError

blueprint = Blueprint("service", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Answer while the process does."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> Response:
    """Answer 200 when every part is there, else 503 naming what is missing."""
    checks = check_parts(services().heartbeats, services().clock)
    missing = [check for check in checks if not check.ok]
    if not missing:
        return jsonify(status="ready", parts=[_view(check) for check in checks])
    errors = [{"field": check.part, "detail": check.detail} for check in missing]
    names = ", ".join(check.part for check in missing)
    detail = f"Not ready; missing: {names}."
    return problem(503, "not_ready", detail, errors, ServiceError.retry_after_s)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Tell Prometheus what waits, what is in hand and who works on it."""
    text, content_type = render(services(), request.headers.get("Accept", ""))
    return Response(text, content_type=content_type)


def _view(check: Check) -> dict[str, object]:
    return {name: value for name, value in asdict(check).items() if value is not None}
