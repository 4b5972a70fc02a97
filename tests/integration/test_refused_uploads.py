"""Large uploads that a real server refuses: clients still sending receive the answer."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from common.jobs.redis import RedisJobs
from common.redis.client import connect
from tests.support.job_records import new_job
from tests.support.services import Api, Valkey, free_port

# A body larger than all socket buffers, so the client can send it only if the server reads.
BODY_BYTES = 20 * 1024**2

OVERLOADED = (503, "overloaded")
TOO_LARGE = (413, "too_large")
WRONG_TYPE = (415, "unsupported_media_type")
AWAY = (503, "broker_unavailable")

REFUSALS = pytest.mark.parametrize(
    "api",
    [OVERLOADED, AWAY, WRONG_TYPE, TOO_LARGE],
    indirect=True,
    scope="module",
    ids=lambda refusal: refusal[1],
)
REFUSES_FOR_LOAD = pytest.mark.parametrize(
    "api", [OVERLOADED], indirect=True, scope="module", ids=[OVERLOADED[1]]
)


Refusing = tuple[str, tuple[int, str]]


@pytest.fixture(scope="module")
def valkey_url(valkey: Valkey) -> Iterator[str]:
    with connect(valkey.url) as client:
        client.delete("glimpse:jobs:pending", "glimpse:workers", "glimpse:ingest:rate")
        yield valkey.url
        client.delete("glimpse:jobs:pending")


@pytest.fixture(scope="module")
def api(
    request: pytest.FixtureRequest, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Refusing]:
    """An API that refuses uploads for one reason, and the refusal to expect."""
    folder = tmp_path_factory.mktemp("api")
    settings = {"GLIMPSE_REDIS_URL": valkey_url, "GLIMPSE_BLOBS_DIR": str(folder / "blobs")}
    if request.param == TOO_LARGE:
        settings["GLIMPSE_UPLOAD_BYTES_MAX"] = "1000000"
    if request.param == AWAY:
        settings["GLIMPSE_REDIS_URL"] = f"redis://127.0.0.1:{free_port()}/0"
    if request.param == OVERLOADED:
        settings["GLIMPSE_MAX_WAIT_S"] = "1"
        with connect(valkey_url) as client:
            new_job(RedisJobs(client, ttl_s=600), 100)
    with Api(folder, settings) as service:
        yield service.url, request.param


def media_type(refusal: tuple[int, str]) -> str:
    return "text/plain" if refusal == WRONG_TYPE else "image/png"


def send_all_then_read(url: str, kind: str, connection: str) -> tuple[int, dict[str, Any]]:
    """Send the whole request before reading any of the answer, as simple clients do."""
    host, port = url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/images HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {BODY_BYTES}\r\nConnection: {connection}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=60) as client:
        client.sendall(head.encode() + bytes(BODY_BYTES))
        answer = b""
        while b"\r\n\r\n" not in answer or not answer.endswith(b"}"):
            data = client.recv(65536)
            assert data, answer
            answer += data
    status, _, rest = answer.partition(b"\r\n")
    return int(status.split()[1]), json.loads(rest.partition(b"\r\n\r\n")[2])


@REFUSALS
@pytest.mark.parametrize("connection", ["keep-alive", "close"])
def test_a_client_that_sends_all_first_sees_the_answer(api: Refusing, connection: str) -> None:
    url, refusal = api
    status, problem = send_all_then_read(url, media_type(refusal), connection)
    assert (status, problem["code"]) == refusal


@REFUSALS
def test_a_client_goes_on_with_its_connection(api: Refusing) -> None:
    url, refusal = api
    with httpx.Client(base_url=url, timeout=60) as client:
        for _ in range(2):
            files = {"file": ("a.png", bytes(BODY_BYTES))}
            response = client.post("/v1/images", files=files)
            if refusal != WRONG_TYPE:
                assert (response.status_code, response.json()["code"]) == refusal
            headers = {"Content-Type": media_type(refusal)}
            response = client.post("/v1/images", content=bytes(BODY_BYTES), headers=headers)
            assert (response.status_code, response.json()["code"]) == refusal
        assert client.get("/healthz").status_code == 200


@REFUSES_FOR_LOAD
def test_a_body_of_unknown_length_is_received_too(api: Refusing) -> None:
    url, refusal = api
    chunks = (bytes(1024**2) for _ in range(20))
    headers = {"Content-Type": "image/png"}
    response = httpx.post(f"{url}/v1/images", content=chunks, headers=headers, timeout=60)
    assert (response.status_code, response.json()["code"]) == refusal
    assert response.headers["Retry-After"] == "9"


@REFUSES_FOR_LOAD
def test_a_client_that_stops_sending_holds_nobody_up(api: Refusing) -> None:
    url, _ = api
    host, port = url.removeprefix("http://").split(":")
    stalled = [socket.create_connection((host, int(port)), timeout=60) for _ in range(40)]
    for client in stalled:
        client.sendall(b"POST /v1/images HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        client.sendall(b"Content-Type: image/png\r\nContent-Length: 1000000\r\n\r\nabc")
    for client in stalled:
        assert client.recv(12) == b"HTTP/1.1 503"
    assert httpx.get(f"{url}/healthz", timeout=60).status_code == 200
    for client in stalled:
        client.close()
