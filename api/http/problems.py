"""Errors as problem documents (RFC 9457), never HTML or a stack trace."""

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
    TenantOverloaded,
    Unauthorized,
    Unprocessable,
    UnsupportedMediaType,
    UploadTooLarge,
)

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
# Of a path without a route, and of an id that none can be: Werkzeug speaks of typing a URL.
_NO_ROUTE = (
    "There is nothing at this path. Check it: an image's id has 64 lower-case hexadecimal digits,"
    " that of a job or a search 32. /docs lists all paths."
)

# Status of each error class; the first match counts.
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
    (TenantOverloaded, 429),
    (ServiceError, 503),
)


def problem(
    status: int,
    code: str,
    detail: str,
    errors: list[dict[str, str]] | None = None,
    retry_after_s: int | None = None,
) -> Response:
    """Build the response for an error.

    Args:
        status: HTTP status.
        code: Stable code for programs.
        detail: A sentence for people.
        errors: The fields at fault: ``{"field", "detail"}`` each.
        retry_after_s: Seconds after which a retry may succeed; None if retries do not help.
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
    retry_after_s = error.retry_after_s if isinstance(error, ServiceError | Conflict) else None
    response = problem(status, error.code, str(error), errors, retry_after_s)
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = 'Bearer realm="glimpse"'
    return response


def _fields(error: GlimpseError) -> list[dict[str, str]] | None:
    """Return the fields at fault, for errors in the caller's input."""
    if isinstance(error, InvalidRequest):
        return error.errors
    if isinstance(error, ImageError):
        # The picture of a search; pictures of an upload fail individually in the job.
        return [{"field": "file", "detail": str(error)}]
    if isinstance(error, ArchiveError):
        return [{"field": "", "detail": str(error)}]
    return None


def _of_http(error: HTTPException) -> Response:
    status = error.code or 500
    detail = error.description or HTTPStatus(status).phrase
    if status == HTTPStatus.NOT_FOUND:
        detail = _NO_ROUTE
    errors = InvalidRequest(detail).errors if status == HTTPStatus.BAD_REQUEST else None
    response = problem(status, _code(status), detail, errors)
    # Keep headers such as Location and Allow, but not those that describe werkzeug's body.
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def _of_memory(error: MemoryError) -> Response:
    """Answer an out-of-memory error; memory is free again once current requests end."""
    log.error("api.no_memory request_id=%s", request_id(), exc_info=error)
    detail = "The service is out of memory; try again in a moment."
    return problem(503, Overloaded.code, detail, retry_after_s=Overloaded.retry_after_s)


def _of_defect(error: Exception) -> Response:
    log.error("api.defect request_id=%s", request_id(), exc_info=error)
    return problem(500, "internal", "Glimpse failed to process this request; see its log.")


def _code(status: int) -> str:
    """Return the code of a status, like ``method_not_allowed``."""
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return UploadTooLarge.code
    if status == HTTPStatus.BAD_REQUEST:
        return InvalidRequest.code
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        # Later versions of Python have a shorter phrase for it.
        return "range_not_satisfiable"
    return HTTPStatus(status).phrase.lower().replace(" ", "_").replace("-", "_")
