"""Idempotency keys across two real API processes, one of which is killed."""

from __future__ import annotations

import hashlib
import socket
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from common.redis.client import connect
from tests.support.pictures import picture
from tests.support.plain_http import PLAIN
from tests.support.polling import wait_for
from tests.support.services import Api, Valkey, two_apis

PNG = picture("red")
BUSY = (409, "idempotency_key_in_progress")


@pytest.fixture
def lease_s() -> str:
    """Lease of an idempotency key in seconds; short, since tests wait for it to expire."""
    return "1"


@pytest.fixture
def apis(valkey: Valkey, tmp_path: Path, lease_s: str) -> Iterator[list[Api]]:
    """Two API processes with shared storage and no worker, so jobs stay queued."""
    settings = {
        "GLIMPSE_REDIS_URL": valkey.url,
        "GLIMPSE_BLOBS_DIR": str(tmp_path / "blobs"),
        "GLIMPSE_LEASE_S": lease_s,
        "GLIMPSE_MAX_WAIT_S": "1000000",
        "WEB_CONCURRENCY": "1",
    }
    with two_apis(tmp_path, settings) as apis:
        yield apis


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex


def upload(api: Api, key: str, data: bytes = PNG) -> httpx.Response:
    headers = {"Idempotency-Key": key, "Content-Type": "image/png"}
    return httpx.post(f"{api.url}/v1/images", content=data, headers=headers, timeout=60, **PLAIN)


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def accepted(api: Api, key: str) -> dict[str, Any]:
    """Retry until no other request holds the key; return its job."""

    def ask() -> dict[str, Any] | None:
        response = upload(api, key)
        if response.status_code == 409:
            assert code(response) == BUSY
            return None
        assert response.status_code == 202, response.text
        job: dict[str, Any] = response.json()
        return job

    return wait_for(ask, 60, "the key")


def jobs(api: Api) -> set[str]:
    """Return the ids of all accepted jobs."""
    ids: set[str] = set()
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": "1000", **({"cursor": cursor} if cursor else {})}
        page = httpx.get(f"{api.url}/v1/jobs", params=query, timeout=60, **PLAIN).json()
        ids |= {job["id"] for job in page["jobs"]}
        cursor = page["next_cursor"]
    return ids


@contextmanager
def begun_upload(api: Api, key: str) -> Iterator[socket.socket]:
    """Send all of an upload but its last byte; yield once its request holds the key."""
    host, port = api.url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/images HTTP/1.1\r\nHost: {host}\r\nContent-Type: image/png\r\n"
        f"Content-Length: {len(PNG)}\r\nIdempotency-Key: {key}\r\n\r\n"
    )
    name = f"glimpse:idempotency:default:{hashlib.sha256(key.encode()).hexdigest()}"
    with (
        connect(api.settings["GLIMPSE_REDIS_URL"]) as redis,
        socket.create_connection((host, int(port)), timeout=60) as connection,
    ):
        connection.sendall(head.encode() + PNG[:-1])
        # Read Redis directly: a request with the key would take it.
        wait_for(lambda: redis.exists(name), 60, "the key to be taken")
        yield connection


@pytest.mark.parametrize("lease_s", ["600"])
def test_a_key_in_the_hands_of_one_process_is_taken_for_the_other(
    apis: list[Api], key: str
) -> None:
    one, other = apis
    with begun_upload(one, key) as connection:
        refused = upload(other, key)
        assert code(refused) == BUSY
        assert refused.headers["Retry-After"] == "1"
        connection.sendall(PNG[-1:])
        assert connection.recv(12) == b"HTTP/1.1 202"
    first, second = upload(one, key), upload(other, key)
    assert first.headers["Idempotency-Replayed"] == second.headers["Idempotency-Replayed"] == "true"
    assert first.json()["id"] == second.json()["id"]
    blue = upload(other, key, picture("blue"))
    assert code(blue) == (422, "idempotency_key_reused")


def test_a_body_that_came_too_slowly_finds_the_job_of_another_request(
    apis: list[Api], key: str
) -> None:
    """Its key's lease has expired; the complete body then proves to be the same request."""
    one, other = apis
    with begun_upload(one, key) as connection:
        job = accepted(other, key)
        connection.sendall(PNG[-1:])
        answer = b""
        while job["id"].encode() not in answer:
            data = connection.recv(65536)
            assert data, answer
            answer += data
    assert answer.startswith(b"HTTP/1.1 202")
    assert b"Idempotency-Replayed: true" in answer


def test_of_many_at_once_over_both_one_makes_a_job(apis: list[Api], key: str) -> None:
    before = jobs(apis[0])
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda n: upload(apis[n % 2], key), range(32)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    made = {answer.json()["id"] for answer in answers if answer.status_code == 202}
    assert len(made) == 1
    assert jobs(apis[1]) - before == made


def test_a_key_whose_process_was_killed_becomes_free(apis: list[Api], key: str) -> None:
    one, other = apis
    with begun_upload(one, key):
        one.kill()
        job = accepted(other, key)
    assert accepted(other, key)["id"] == job["id"]


def test_whatever_a_kill_cuts_short_is_done_once(apis: list[Api]) -> None:
    """A client that retries every request gets one job per key, at whatever step the kill hit."""
    one, other = apis
    before = jobs(other)
    keys = [uuid.uuid4().hex for _ in range(60)]

    def first_try(key: str) -> str | None:
        try:
            response = upload(one, key)
        except httpx.TransportError:
            return None
        if key == keys[20]:
            one.kill()
        return str(response.json()["id"])

    with ThreadPoolExecutor(8) as threads:
        early_ids = list(threads.map(first_try, keys))
        later_ids = list(threads.map(lambda key: accepted(other, key)["id"], keys))
    assert early_ids.count(None) > 0
    assert all(first in (None, second) for first, second in zip(early_ids, later_ids, strict=True))
    assert jobs(other) - before == set(later_ids)
    assert len(set(later_ids)) == len(keys)
