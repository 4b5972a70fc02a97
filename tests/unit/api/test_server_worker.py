"""The worker process: its answers to requests that gunicorn cannot parse, and its signs of life."""

from __future__ import annotations

import json
import time

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http import errors

from api.schemas.problem import CODES
from api.server.worker import ProblemWorker, answer, refusal
from common.errors import RequestTimeout


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RequestTimeout(), 408, "request_timeout"),
        (errors.LimitRequestLine(5000, 4094), 414, "uri_too_long"),
        (errors.LimitRequestHeaders("too many"), 431, "headers_too_large"),
        (errors.ExpectationFailed("surprise"), 417, "expectation_failed"),
        (errors.UnsupportedTransferCoding("zip"), 501, "not_implemented"),
        (errors.ForbiddenProxyRequest("10.0.0.1"), 403, "forbidden"),
        (errors.InvalidHeader("CONTENT-LENGTH"), 400, "invalid_request"),
        (errors.InvalidHeaderName("a b"), 400, "invalid_request"),
        (errors.InvalidRequestLine("<script>"), 400, "invalid_request"),
        (errors.InvalidRequestMethod("<script>"), 400, "invalid_request"),
        (errors.InvalidHTTPVersion("HTTP/9"), 400, "invalid_request"),
        (errors.InvalidChunkSize(b"zz"), 400, "invalid_request"),
        (errors.InvalidResponseHeader("X"), 500, "internal"),
        (RuntimeError("secret"), 500, "internal"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_each_kind_has_its_status_and_code(error: Exception, status: int, code: str) -> None:
    found_status, found_code, detail = refusal(error)
    assert (found_status, found_code) == (status, code)
    assert code in CODES
    assert "secret" not in detail
    assert "<" not in detail


def test_a_request_line_that_is_too_long_says_how_long_it_may_be() -> None:
    _, _, detail = refusal(errors.LimitRequestLine(5000, 4094))
    assert f"more than {Config().limit_request_line:,} bytes" in detail


def test_the_answer_is_a_whole_problem_and_the_last() -> None:
    head, _, body = answer(414, "uri_too_long", "The request line is too long.").partition(
        b"\r\n\r\n"
    )
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    problem = json.loads(body)
    assert status.startswith("HTTP/1.1 414 ")
    assert headers["Content-Type"] == "application/problem+json"
    assert int(headers["Content-Length"]) == len(body)
    assert headers["Connection"] == "close"
    assert headers["X-Request-ID"] == problem["request_id"]
    assert (problem["status"], problem["code"]) == (414, "uri_too_long")


def test_a_process_gives_signs_of_life() -> None:
    config = Config()
    worker = ProblemWorker(1, 0, [], None, 30, config, Logger(config))
    created_at = worker.tmp.last_update()
    worker.notify()
    # By another clock, which begins with the machine.
    assert worker.tmp.last_update() <= time.monotonic() < created_at
    worker.tmp.close()
