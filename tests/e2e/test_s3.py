"""A whole stack with its blobs in a real object store, which fails now and then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from glimpse_client import Glimpse
from tests.conftest import require
from tests.support.archives import zip_of
from tests.support.breaking_proxy import BreakingProxy, refusal
from tests.support.pictures import image_id, picture
from tests.support.plain_http import PLAIN
from tests.support.polling import finished_job, ready, wait_for
from tests.support.services import Api, MilvusLite, SeaweedFS, Stack, Valkey
from tests.support.services.seaweedfs import BUCKET

PREFIX = "e2e"


@pytest.fixture(scope="module")
def proxy(seaweedfs: SeaweedFS) -> Iterator[BreakingProxy]:
    with BreakingProxy(seaweedfs.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def stack(
    seaweedfs: SeaweedFS, proxy: BreakingProxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    require(Valkey)
    require(MilvusLite)
    settings = {
        "GLIMPSE_MODEL": "hashing",
        "GLIMPSE_RETRY_S": "0.5",
        # As on a GPU: each decoder process opens the bucket for itself.
        "GLIMPSE_DECODE_IN": "processes",
        "GLIMPSE_DECODE_THREADS": "2",
        **seaweedfs.settings(PREFIX, proxy.url),
    }
    with Stack(tmp_path_factory.mktemp("stack"), settings) as stack:
        ready(stack.client)
        yield stack


@pytest.fixture(autouse=True)
def whole(proxy: BreakingProxy) -> Iterator[None]:
    """Leave a proxy that breaks nothing."""
    yield
    proxy.breaks, proxy.answer = 0, lambda _: None


def upload(stack: Stack, data: bytes) -> httpx.Response:
    headers = {"Content-Type": "image/png"}
    return stack.client.post("/v1/images", content=data, headers=headers)


def index(stack: Stack, data: bytes) -> str:
    job = finished_job(stack.client, upload(stack, data).raise_for_status().json()["links"]["self"])
    assert (job["state"], job["indexed"]) == ("succeeded", 1), job
    return f"/v1/images/{image_id(data)}"


def objects(seaweedfs: SeaweedFS, prefix: str = "") -> list[str]:
    found = seaweedfs.client().list_objects_v2(Bucket=BUCKET, Prefix=f"{PREFIX}/{prefix}")
    return [each["Key"] for each in found.get("Contents", [])]


def test_an_image_lives_and_goes(stack: Stack, seaweedfs: SeaweedFS) -> None:
    data = picture("red", (400, 400))
    image = index(stack, data)
    content = stack.client.get(f"{image}/content")
    assert content.content == data
    assert content.headers["Content-Type"] == "image/png"
    part = stack.client.get(f"{image}/content", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, data[10:20])
    seen = {"If-None-Match": content.headers["ETag"]}
    assert stack.client.get(f"{image}/content", headers=seen).status_code == 304
    assert stack.client.get(f"{image}/thumbnail").headers["Content-Type"] == "image/jpeg"
    search = stack.client.post(
        "/v1/searches", json={"text": "red"}, headers={"Prefer": "wait=20"}
    ).json()
    assert image_id(data) in [hit["id"] for hit in search["hits"]]
    query = {"file": ("a.png", data), "search": (None, '{"top_k": 1}', "application/json")}
    alike = stack.client.post("/v1/searches", files=query, headers={"Prefer": "wait=20"})
    assert [hit["id"] for hit in alike.json()["hits"]] == [image_id(data)]
    assert stack.client.delete(image).status_code == 204
    assert stack.client.get(f"{image}/content").status_code == 404
    assert objects(seaweedfs, "originals/") == []
    assert objects(seaweedfs, "renditions/") == []
    assert len(objects(seaweedfs, "withdrawn/")) == 1
    # Uploaded again, it is as new.
    assert stack.client.get(f"{index(stack, data)}/content").content == data
    stack.client.delete(image)


def test_an_archive_is_unpacked_and_removed(stack: Stack, seaweedfs: SeaweedFS) -> None:
    files = {f"{color}.png": picture(color) for color in ("navy", "gold", "teal")}
    headers = {"Content-Type": "application/zip"}
    job = stack.client.post("/v1/images", content=zip_of(files.items()), headers=headers).json()
    job = finished_job(stack.client, job["links"]["self"])
    assert (job["state"], job["indexed"]) == ("succeeded", 3)
    wait_for(lambda: objects(seaweedfs, "archives/") == [], 10, "the archive to go")
    for data in files.values():
        stack.client.delete(f"/v1/images/{image_id(data)}")


def test_callers_are_sent_to_the_store_if_it_is_set(stack: Stack, tmp_path: Path) -> None:
    data = picture("lime")
    image = index(stack, data)
    with Api(tmp_path, {**stack.settings, "GLIMPSE_CONTENT_REDIRECT_S": "60"}) as api:
        sent = httpx.get(f"{api.url}{image}/content", **PLAIN)
        assert (sent.status_code, sent.headers["Cache-Control"]) == (302, "no-store")
        found = httpx.get(sent.headers["Location"], **PLAIN)
        assert (found.content, found.headers["Content-Type"]) == (data, "image/png")
        with Glimpse(api.url) as glimpse:
            assert glimpse.content(image_id(data)) == data
        # The page's own scripts may not read from elsewhere.
        page = {"Sec-Fetch-Site": "same-origin"}
        assert httpx.get(f"{api.url}{image}/content", headers=page, **PLAIN).content == data
        absent = httpx.get(f"{api.url}/v1/images/{'0' * 64}/content", **PLAIN)
        assert absent.status_code == 404
    stack.client.delete(image)


def test_what_was_accepted_survives_broken_connections(stack: Stack, proxy: BreakingProxy) -> None:
    data = picture("plum")
    stack.ingest_worker.suspend()
    job = upload(stack, data).raise_for_status().json()
    proxy.answer = lambda _: refusal(503, "SlowDown")
    stack.ingest_worker.resume()
    log = stack.ingest_worker.log
    wait_for(lambda: "ingest.retry code=blobs_unavailable" in log.read_text(), 60, "a retry")
    proxy.answer = lambda _: None
    proxy.breaks = 3
    job = finished_job(stack.client, job["links"]["self"])
    assert (job["state"], job["indexed"]) == ("succeeded", 1)
    stack.client.delete(f"/v1/images/{image_id(data)}")


@pytest.mark.parametrize(
    ("status", "code", "answer"),
    [
        (403, "AccessDenied", (503, "blobs_unavailable")),
        (507, "XMinioStorageFull", (507, "insufficient_storage")),
    ],
)
def test_a_store_that_refuses_is_told_and_nothing_is_accepted(
    stack: Stack,
    seaweedfs: SeaweedFS,
    proxy: BreakingProxy,
    status: int,
    code: str,
    answer: tuple[int, str],
) -> None:
    proxy.answer = lambda data: refusal(status, code) if data.startswith(b"PUT") else None
    response = upload(stack, picture("olive"))
    assert (response.status_code, response.json()["code"]) == answer
    assert response.headers["Retry-After"]
    assert objects(seaweedfs, "originals/") == []
