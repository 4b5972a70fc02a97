"""Clients that stall, trickle or never read: the server drops them and serves the others."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from common.jobs.redis import RedisJobs
from common.redis.client import connect as connect_redis
from tests.support.archives import zip_of
from tests.support.job_records import new_job
from tests.support.pictures import image_id, one_pixel_png, picture
from tests.support.polling import wait_for
from tests.support.services import Api, Valkey
from tests.support.slow_clients import (
    HANGS_AFTER_S,
    Crowd,
    connect,
    problem,
    read_slowly,
    request,
    send_slowly,
)

# More clients than the API process has threads: 16, plus one per slot.
MANY = 20
# Seconds that a client may pause; generous, since the machine may be busy.
SILENCE_S = 2.0
# Seconds between two heartbeats of a stream.
HEARTBEAT_S = 0.5
# More bytes than fit into the buffers between the API and a client that does not read.
LARGE_BYTES = 8 * 1024**2
LATE = (408, "request_timeout")

CHECK = request("POST /v1/images/check", "application/json", 100_000)
SEARCH = request("POST /v1/searches", "application/json", 100_000)
PICTURE = request("POST /v1/images", "image/png", 100_000)
ARCHIVE = request("POST /v1/images", "application/zip", 100_000)
FORM = request("POST /v1/images", "multipart/form-data; boundary=b", 100_000)
PART = b'--b\r\nContent-Disposition: form-data; name="%s"; filename="a.png"\r\n\r\n'
CHUNKS = (
    b"POST /v1/images HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
# The part of each body that the client sends before it stalls.
BODIES = {
    "nothing": PICTURE,
    "json": CHECK + b'{"ids": [',
    "search": SEARCH + b'{"text": "',
    "picture": PICTURE + one_pixel_png()[:20],
    "archive": ARCHIVE + zip_of([("a.png", picture())])[:60],
    "form": FORM + PART % b"file" + one_pixel_png()[:20],
    "search by picture": request("POST /v1/searches", "multipart/form-data; boundary=b", 9999)
    + PART % b"picture"
    + one_pixel_png()[:20],
    "chunked": CHUNKS + b"400\r\n" + one_pixel_png()[:20],
    "with a key": PICTURE.replace(b"\r\n\r\n", b"\r\nIdempotency-Key: %s\r\n\r\n"),
    "refused": request("POST /v1/images", "text/plain", 100_000) + b"abc",
}


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("blobs")


def settings_of(valkey: Valkey, blobs: Path, head_s: float) -> dict[str, str]:
    return {
        "GLIMPSE_REDIS_URL": valkey.url,
        "GLIMPSE_BLOBS_DIR": str(blobs),
        "GLIMPSE_CLIENT_HEAD_S": str(head_s),
        "GLIMPSE_CLIENT_SILENCE_S": str(SILENCE_S),
        "GLIMPSE_CLIENT_BYTES_PER_S_MIN": "20000",
        "GLIMPSE_EVENTS_HEARTBEAT_S": str(HEARTBEAT_S),
        "GLIMPSE_EVENTS_MAX": "1",
        "GLIMPSE_WAITS_MAX": "1",
        "WEB_CONCURRENCY": "1",
    }


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, valkey: Valkey, blobs: Path) -> Iterator[Api]:
    settings = settings_of(valkey, blobs, head_s=1)
    with Api(tmp_path_factory.mktemp("api"), settings) as service:
        yield service
    assert service.traceback == ""


@pytest.fixture
def client(api: Api) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=api.url, timeout=HANGS_AFTER_S) as client:
        yield client


def leftovers(blobs: Path) -> list[Path]:
    """Return the files of incomplete uploads."""
    return [
        path
        for folder in blobs.rglob("incoming")
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    ]


def serves(client: httpx.Client, blobs: Path) -> bool:
    """Check that the API still serves requests and has kept no incomplete upload."""
    assert client.get("/healthz").status_code == 200
    response = client.post("/v1/images", content=picture(), headers={"Content-Type": "image/png"})
    assert response.status_code == 202
    wait_for(lambda: not leftovers(blobs), HANGS_AFTER_S, "nothing in incoming")
    return True


@pytest.fixture
def original(client: httpx.Client) -> tuple[str, bytes]:
    """The path and the bytes of a large picture."""
    data = one_pixel_png() + uuid.uuid4().bytes + bytes(LARGE_BYTES)
    headers = {"Content-Type": "image/png"}
    client.post("/v1/images", content=data, headers=headers).raise_for_status()
    return f"/v1/images/{image_id(data)}/content", data


@pytest.mark.parametrize("head", [b"G", b"GET / HTTP/1.1\r\nHost: a\r\n", PICTURE[:-2]])
def test_a_silent_head_is_late(api: Api, client: httpx.Client, blobs: Path, head: bytes) -> None:
    with Crowd(api.url, MANY, head) as crowd:
        assert client.get("/healthz").status_code == 200
        assert [problem(answer) for answer in crowd.answers()] == [LATE] * MANY
        assert serves(client, blobs)


def test_half_a_head_holds_no_thread(valkey: Valkey, tmp_path: Path) -> None:
    whole = request("GET /healthz")
    # A head timeout that never expires during this test.
    settings = settings_of(valkey, tmp_path / "blobs", head_s=3600)
    with Api(tmp_path, settings) as api, Crowd(api.url, 2 * MANY, whole[:-10]) as crowd:
        with httpx.Client(base_url=api.url, timeout=HANGS_AFTER_S) as client:
            assert serves(client, tmp_path / "blobs")
        for slow in crowd.clients:
            slow.sendall(whole[-10:])
            assert slow.recv(100).startswith(b"HTTP/1.1 200 ")


def test_a_trickled_head_is_late(api: Api, client: httpx.Client, blobs: Path) -> None:
    with Crowd(api.url, MANY, b"GET / HTTP/1.1\r\nX-A: ") as crowd:
        crowd.trickle(b"a", lambda: client.get("/healthz").raise_for_status())
        assert [problem(answer) for answer in crowd.answers()] == [LATE] * MANY
    assert serves(client, blobs)


def test_who_says_nothing_is_told_nothing(api: Api, client: httpx.Client) -> None:
    with Crowd(api.url, MANY, b"") as crowd:
        assert client.get("/healthz").status_code == 200
        assert crowd.answers() == [b""] * MANY


def test_a_second_request_has_its_own_time(api: Api, client: httpx.Client) -> None:
    with Crowd(api.url, MANY, request("GET /healthz") + b"GET / HT") as crowd:
        assert client.get("/healthz").status_code == 200
        for answer in crowd.answers():
            first, _, second = answer.partition(b"HTTP/1.1 408 ")
            assert first.startswith(b"HTTP/1.1 200 ")
            assert problem(b"HTTP/1.1 408 " + second) == LATE


@pytest.mark.parametrize("name", BODIES)
def test_a_silent_body_is_late(api: Api, client: httpx.Client, blobs: Path, name: str) -> None:
    sent = BODIES[name].replace(b"%s", uuid.uuid4().hex.encode())
    with Crowd(api.url, MANY if name == "picture" else 1, sent) as crowd:
        assert client.get("/healthz").status_code == 200
        for answer in crowd.answers():
            if name == "refused":
                assert answer.startswith(b"HTTP/1.1 415 ")
            else:
                assert problem(answer) == LATE
        assert serves(client, blobs)


@pytest.mark.parametrize(("begun", "rest"), [(PICTURE, b"\x89PNG"), (CHUNKS, b"1\r\na\r\n")])
def test_a_trickled_body_is_late(
    api: Api, client: httpx.Client, blobs: Path, begun: bytes, rest: bytes
) -> None:
    with Crowd(api.url, MANY, begun) as crowd:
        crowd.trickle(rest, lambda: client.get("/healthz").raise_for_status())
        assert [problem(answer) for answer in crowd.answers()] == [LATE] * MANY
    assert serves(client, blobs)


def test_who_reads_nothing_is_given_up(
    api: Api, client: httpx.Client, blobs: Path, original: tuple[str, bytes]
) -> None:
    place, data = original
    with Crowd(api.url, MANY, request(f"GET {place}")) as crowd:
        assert serves(client, blobs)
        wait_for(
            lambda: api.log.read_bytes().count(b"api.unread_answer") >= MANY,
            HANGS_AFTER_S,
            "all readers given up",
        )
        assert all(len(answer) < len(data) for answer in crowd.answers())


def test_who_does_not_hang_up_holds_up_nobody(api: Api, client: httpx.Client) -> None:
    head = request("GET /healthz").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with Crowd(api.url, 2 * MANY, head) as crowd:
        assert client.get("/healthz").status_code == 200
        assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in crowd.answers())


def test_a_slow_upload_that_keeps_the_pace_gets_through(api: Api, blobs: Path) -> None:
    data = one_pixel_png() + bytes(200_000)
    head = request("POST /v1/images", "image/png", len(data))
    with connect(api.url) as slow:
        slow.sendall(head)
        send_slowly(slow, data, piece_bytes=6000)
        assert slow.recv(65536).startswith(b"HTTP/1.1 202 ")
    assert not leftovers(blobs)


def test_a_slow_reader_that_keeps_the_pace_gets_all(api: Api, original: tuple[str, bytes]) -> None:
    place, data = original
    with connect(api.url) as slow:
        # HTTP/1.0 has no chunked encoding, so the body arrives as plain bytes.
        slow.sendall(request(f"GET {place}").replace(b"HTTP/1.1", b"HTTP/1.0"))
        answer = read_slowly(slow, piece_bytes=500_000)
    assert answer.partition(b"\r\n\r\n")[2] == data


def test_who_waits_for_us_is_waited_for(client: httpx.Client, valkey: Valkey) -> None:
    with connect_redis(valkey.url) as redis:
        job = new_job(RedisJobs(redis, ttl_s=600), 1)
    quiet = 0
    with client.stream("GET", f"/v1/jobs/{job.id}/events") as response:
        lines = response.iter_lines()
        # Keep the stream open for longer than a client may pause.
        while quiet * HEARTBEAT_S <= SILENCE_S:
            quiet += next(lines) == ": still there"
    waiting = {"Prefer": f"wait={SILENCE_S + 1:.0f}"}
    response = client.post("/v1/searches", json={"text": "red"}, headers=waiting)
    assert response.status_code == 202
