"""Malformed and truncated HTTP: a real server returns problems, never HTML, and survives."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.support.services import Api, Valkey

# Seconds after which a request counts as hanging.
HANGS_AFTER_S = 5.0

GET = b"GET /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n"
UPLOAD = b"POST /v1/images HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\n"
CHECK = b"POST /v1/images/check HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
MANY = b"".join(b"X-%d: a\r\n" % number for number in range(200))

UNREADABLE = [
    (b"GET /v1/jobs?x=" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "uri_too_long"),
    (GET + b"X-A: " + b"a" * 10_000 + b"\r\n\r\n", 431, "headers_too_large"),
    (GET + MANY + b"\r\n", 431, "headers_too_large"),
    (GET + b"a b: c\r\n\r\n", 400, "invalid_request"),
    (GET + b"Expect: surprise\r\n\r\n", 417, "expectation_failed"),
    (b"GARBAGE\r\n\r\n", 400, "invalid_request"),
    (b"<script>alert(1)</script> / HTTP/1.1\r\n\r\n", 400, "invalid_request"),
    (b"GET /v1/jobs HTTP/9.9\r\n\r\n", 400, "invalid_request"),
    # Latin-1, not UTF-8.
    (GET.replace(b"jobs", b"images?tag=caf%E9") + b"\r\n", 400, "invalid_request"),
    (GET.replace(b"jobs", b"images?tag=caf\xe9") + b"\r\n", 400, "invalid_request"),
    (GET.replace(b"jobs", b"jobs/caf\xe9") + b"\r\n", 400, "invalid_request"),
    (GET.replace(b"jobs", b"jobs/caf%E9") + b"\r\n", 404, "not_found"),
    (UPLOAD + b"Content-Length: -1\r\n\r\n", 400, "invalid_request"),
    (UPLOAD + b"Content-Length: many\r\n\r\n", 400, "invalid_request"),
    (UPLOAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400, "invalid_request"),
    (
        UPLOAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "invalid_request",
    ),
    (UPLOAD + b"Transfer-Encoding: rot13\r\n\r\n", 501, "not_implemented"),
    (CHECK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 400, "invalid_request"),
    (CHECK + b"Content-Length: 100\r\n\r\n{}", 400, "invalid_request"),
    (CHECK + b"Content-Length: 99999999\r\n\r\n", 413, "too_large"),
]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, valkey: Valkey) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("api")
    settings = {
        # The API looks for keys in Redis before it reads a body.
        "GLIMPSE_REDIS_URL": valkey.url,
        "GLIMPSE_BLOBS_DIR": str(folder / "blobs"),
    }
    with Api(folder, settings) as service:
        yield service


def sent(api: Api, request: bytes) -> bytes:
    """Send bytes; return the server's whole answer."""
    host, port = api.url.removeprefix("http://").split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=HANGS_AFTER_S) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        while data := client.recv(65536):
            answer += data
    return answer


@pytest.mark.parametrize(("request_bytes", "status", "code"), UNREADABLE)
def test_it_is_a_problem(api: Api, request_bytes: bytes, status: int, code: str) -> None:
    head, _, body = sent(api, request_bytes).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"content-type: application/problem+json" in head.lower()
    assert b"x-request-id: " in head.lower()
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (status, code)
    assert b"script" not in body
    assert b"Traceback" not in body


def test_the_server_lives_on(api: Api) -> None:
    assert httpx.get(f"{api.url}/healthz", timeout=HANGS_AFTER_S).status_code == 200
    assert api.traceback == ""
