"""gunicorn's worker, which tells what is no HTTP in our words and not in HTML."""

from __future__ import annotations

import json
import logging
import uuid
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from gunicorn.http import errors
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from api.problems import MEDIA_TYPE, problem_body
from api.request_ids import HEADER

log = logging.getLogger(__name__)

# What is said of each kind of request that never reaches the application; the first that
# fits counts. None of it repeats what the caller sent.
_REFUSALS: tuple[tuple[type[Exception], int, str, str], ...] = (
    (errors.LimitRequestLine, 414, "uri_too_long", "The request line is too long."),
    (errors.LimitRequestHeaders, 431, "headers_too_large", "The headers are too many or too long."),
    (errors.ExpectationFailed, 417, "expectation_failed", "What Expect asks for is not known."),
    (
        errors.UnsupportedTransferCoding,
        501,
        "not_implemented",
        "This Transfer-Encoding is not read.",
    ),
    (errors.ForbiddenProxyRequest, 403, "forbidden", "No proxy may send requests from there."),
    (errors.ConfigurationProblem, 500, "internal", "Glimpse failed on this request."),
    (errors.InvalidResponseHeader, 500, "internal", "Glimpse failed on this request."),
    (errors.InvalidResponseHeaderName, 500, "internal", "Glimpse failed on this request."),
    (errors.ParseException, 400, "invalid_request", "The request is not HTTP as it should be."),
)
_DEFECT = (500, "internal", "Glimpse failed on this request; its log says more.")


class ProblemWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Serves as gunicorn's own does, but answers with problem documents throughout."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer a request that gunicorn could not read, or that broke it."""
        del req
        status, code, detail = refusal(exc)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("api.server_defect", exc_info=exc)
        else:
            log.warning("api.unreadable status=%d from=%s", status, addr[0] if addr else "")
        with suppress(OSError):
            # A client that does not read must not hold up the thread.
            write_nonblock(client, answer(status, code, detail))


def refusal(error: BaseException) -> tuple[int, str, str]:
    """Return status, code and detail of what is answered to a request that ended so."""
    for kind, status, code, detail in _REFUSALS:
        if isinstance(error, kind):
            return status, code, detail
    return _DEFECT


def answer(status: int, code: str, detail: str) -> bytes:
    """Return a whole response, after which the connection ends."""
    request_id = uuid.uuid4().hex
    body = json.dumps(problem_body(status, code, detail, request_id)).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"Content-Type: {MEDIA_TYPE}\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"{HEADER}: {request_id}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body
