"""Conditional requests (304, 412), byte ranges, and ``OPTIONS``."""

from __future__ import annotations

import io
import time

import pytest
from flask.testing import FlaskClient

from common.jobs.base import Job
from tests.support.inline import Inline
from tests.support.pictures import image_id, jpeg


@pytest.fixture
def data() -> bytes:
    return jpeg(1)


@pytest.fixture
def content(client: FlaskClient, data: bytes) -> str:
    """The path of an image's bytes."""
    client.post("/v1/images", data={"file": (io.BytesIO(data), "a.jpg")})
    return f"/v1/images/{image_id(data)}/content"


def test_the_length_of_an_image_is_known_before_its_bytes(
    client: FlaskClient, content: str, data: bytes
) -> None:
    for response in (client.get(content), client.head(content)):
        assert response.content_length == len(data)
        assert response.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-9", 0, 9), ("bytes=100-", 100, -1), ("bytes=-7", -7, -1), ("bytes=5-99999", 5, -1)],
)
def test_a_range_is_sent_alone(
    client: FlaskClient, content: str, data: bytes, asked: str, first: int, last: int
) -> None:
    response = client.get(content, headers={"Range": asked})
    first, last = (at % len(data) for at in (first, last))
    assert response.status_code == 206
    assert response.data == data[first : last + 1]
    assert response.headers["Content-Range"] == f"bytes {first}-{last}/{len(data)}"
    assert "immutable" in response.headers["Cache-Control"]


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,5-6", "lines=0-1", "bytes=9-3", "nonsense", "bytes=-99999"]
)
def test_what_is_no_single_range_gives_the_whole(
    client: FlaskClient, content: str, data: bytes, asked: str
) -> None:
    response = client.get(content, headers={"Range": asked})
    assert (response.status_code, response.data) == (200, data)


def test_a_range_behind_the_end_is_416(client: FlaskClient, content: str, data: bytes) -> None:
    response = client.get(content, headers={"Range": f"bytes={len(data)}-"})
    assert (response.status_code, response.get_json()["code"]) == (416, "range_not_satisfiable")
    assert response.headers["Content-Range"] == f"bytes */{len(data)}"


def test_a_range_of_other_bytes_gives_the_whole(
    client: FlaskClient, content: str, data: bytes
) -> None:
    etag = client.head(content).headers["ETag"]
    for condition, status in ((etag, 206), ('"another"', 200)):
        headers = {"Range": "bytes=0-9", "If-Range": condition}
        assert client.get(content, headers=headers).status_code == status


def test_what_is_known_is_not_sent_again_in_parts(client: FlaskClient, content: str) -> None:
    etag = client.head(content).headers["ETag"]
    for asked in ({}, {"Range": "bytes=0-9"}, {"Range": "bytes=99999-"}):
        for known in (etag, "*"):
            response = client.get(content, headers={"If-None-Match": known, **asked})
            assert (response.status_code, response.data) == (304, b"")


def test_another_state_than_the_wanted_one_is_a_problem(client: FlaskClient, content: str) -> None:
    for path in (content, content.replace("content", "thumbnail"), "/openapi.json"):
        response = client.get(path, headers={"If-Match": '"another"'})
        assert (response.status_code, response.get_json()["code"]) == (412, "precondition_failed")
        etag = client.head(path).headers["ETag"]
        assert client.get(path, headers={"If-Match": etag}).status_code == 200


def test_a_job_that_has_grown_is_another(client: FlaskClient, inline: Inline) -> None:
    jobs = inline.app.extensions["glimpse"].jobs
    job = Job("4" * 32, "default", 0, created_at=time.time(), growing=True)
    jobs.create(job, [])
    path = f"/v1/jobs/{job.id}"
    unchanged = {"If-None-Match": client.get(path).headers["ETag"]}
    response = client.get(path, headers=unchanged)
    assert (response.status_code, response.headers["Retry-After"]) == (304, "1")
    jobs.extend(job.id, 0, [("0" * 64, "a.png")])
    response = client.get(path, headers=unchanged)
    assert (response.status_code, response.get_json()["total"]) == (200, 1)


@pytest.mark.parametrize("path", ["/v1/images", "/v1/jobs", f"/v1/searches/{'0' * 32}", "/healthz"])
def test_the_methods_of_a_route_are_told_without_a_body(client: FlaskClient, path: str) -> None:
    response = client.options(path)
    assert (response.status_code, response.data) == (204, b"")
    assert response.headers["Allow"]
    assert "Content-Type" not in response.headers
