"""Errors as problem documents (RFC 9457): never HTML, never a stack trace."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from api.http.request_ids import request_id
from api.schemas.problem import Problem
from common.errors import (
    ArchiveError,
    BlobsFull,
    Conflict,
    Forbidden,
    GlimpseError,
    ImageError,
    InputError,
    InvalidRequest,
    NotFound,
    Overloaded,
    RequestTimeout,
    ServiceError,
    StoreError,
    Unauthorized,
    Unprocessable,
    UnsupportedMediaType,
    UploadTooLarge,
)

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

# Status of each kind of error; the first that fits counts.
_STATUSES: tuple[tuple[type[GlimpseError], int], ...] = (
    (NotFound, 404),
    (Conflict, 409),
    (Unauthorized, 401),
    (Forbidden, 403),
    (RequestTimeout, 408),
    (UploadTooLarge, 413),
    (UnsupportedMediaType, 415),
    (Unprocessable, 422),
    (ImageError, 422),
    (ArchiveError, 422),
    (InputError, 400),
    (BlobsFull, 507),
    (StoreError, 502),
    (ServiceError, 503),
)


def problem(
    status: int,
    code: str,
    detail: str,
    errors: list[dict[str, str]] | None = None,
    retry_after_s: int | None = None,
) -> Response:
    """Make the response for an error.

    Args:
        status: HTTP status.
        code: Stable code for programs.
        detail: A sentence for people.
        errors: The fields at fault: ``{"field", "detail"}`` each.
        retry_after_s: Seconds after which the same request may succeed, if it may.
    """
    body = Problem.of(status, code, detail, request_id(), errors or ())
    response = Response(json.dumps(body.plain(), sort_keys=True), status, mimetype=MEDIA_TYPE)
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    return response


def install(app: Flask) -> None:
    """Answer every error with a problem document."""
    app.register_error_handler(GlimpseError, _of_glimpse)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(MemoryError, _of_memory)
    app.register_error_handler(Exception, _of_defect)


def _of_glimpse(error: GlimpseError) -> Response:
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
    errors = _fields(error)
    again = error.retry_after_s if isinstance(error, ServiceError | Conflict) else None
    response = problem(status, error.code, str(error), errors, again)
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = 'Bearer realm="glimpse"'
    return response


def _fields(error: GlimpseError) -> list[dict[str, str]] | None:
    """Return the fields at fault, of errors that are about what the caller sent."""
    if isinstance(error, InvalidRequest):
        return error.errors
    if isinstance(error, ImageError):
        # The picture of a search; one of an upload fails by itself.
        return [{"field": "file", "detail": str(error)}]
    if isinstance(error, ArchiveError):
        return [{"field": "", "detail": str(error)}]
    return None


def _of_http(error: HTTPException) -> Response:
    status = error.code or 500
    detail = error.description or HTTPStatus(status).phrase
    errors = InvalidRequest(detail).errors if status == HTTPStatus.BAD_REQUEST else None
    response = problem(status, _code(status), detail, errors)
    # A redirect's place or the methods allowed; what describes the body is ours.
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def _of_memory(error: MemoryError) -> Response:
    """Answer when memory is short; it is free again once current requests end."""
    log.error("api.no_memory request_id=%s", request_id(), exc_info=error)
    detail = "The service has not enough memory for this now; try again in a moment."
    return problem(503, Overloaded.code, detail, retry_after_s=Overloaded.retry_after_s)


def _of_defect(error: Exception) -> Response:
    log.error("api.defect request_id=%s", request_id(), exc_info=error)
    return problem(500, "internal", "Glimpse failed on this request; its log says more.")


def _code(status: int) -> str:
    """Return a code like ``method_not_allowed``; a body too large has the code of a picture's."""
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return UploadTooLarge.code
    if status == HTTPStatus.BAD_REQUEST:
        return InvalidRequest.code
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        # Later versions of Python have shorter words for it.
        return "range_not_satisfiable"
    return HTTPStatus(status).phrase.lower().replace(" ", "_").replace("-", "_")
