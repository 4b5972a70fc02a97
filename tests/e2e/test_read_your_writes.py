"""A search sent after ``succeeded`` finds the images; one sent after a deletion does not.

The API, the ingest worker and the search worker are separate processes, so only the
store's consistency can guarantee this.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.conftest import require
from tests.support.pictures import image_id, jpeg
from tests.support.polling import finished_job, ready, wait_for
from tests.support.services import MilvusServer, Stack, Valkey

# Consecutive jobs.
_JOBS = 25
# Concurrent uploads, and deletions, of the same bytes.
_ROUNDS = 15


@pytest.fixture(scope="module", params=["milvus_lite", "milvus_server"])
def client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    if request.param == "milvus_lite":
        yield request.getfixturevalue("tenant_client")
        return
    require(Valkey)
    require(MilvusServer)
    folder = tmp_path_factory.mktemp(request.param)
    with Stack(folder, {"GLIMPSE_MODEL": "hashing"}, MilvusServer(folder / "server")) as stack:
        ready(stack.client)
        yield stack.client


def upload(client: httpx.Client, *files: bytes) -> str:
    """Upload pictures; return the location of their job."""
    parts = [("file", (f"{number}.png", data)) for number, data in enumerate(files)]
    response = client.post("/v1/images", files=parts).raise_for_status()
    return response.headers["Location"]


def hits(client: httpx.Client, query: dict[str, object]) -> list[str]:
    search = {**query, "top_k": 1000}
    response = client.post("/v1/searches", json=search, headers={"Prefer": "wait=20"})
    found = response.raise_for_status().json()
    assert found["state"] == "succeeded", found
    return [hit["id"] for hit in found["hits"]]


def known(client: httpx.Client, ids: list[str]) -> list[str]:
    answer = client.post("/v1/images/check", json={"ids": ids}).raise_for_status()
    found: list[str] = answer.json()["known"]
    return found


def newest(client: httpx.Client, limit: int) -> list[str]:
    images = client.get(f"/v1/images?limit={limit}").raise_for_status().json()["images"]
    return [image["id"] for image in images]


def test_what_succeeded_is_found_at_once(client: httpx.Client) -> None:
    for number in range(_JOBS):
        files = [jpeg(100 * number + of_job) for of_job in range(1 + number % 3)]
        ids = [image_id(data) for data in files]
        assert finished_job(client, upload(client, *files))["state"] == "succeeded"
        assert hits(client, {"image_id": ids[0]})[0] == ids[0]
        assert set(ids) <= set(hits(client, {"text": "anything"}))
        assert known(client, ids) == ids
        assert sorted(newest(client, len(ids))) == sorted(ids)


def test_what_was_deleted_is_found_no_more(client: httpx.Client) -> None:
    files = [jpeg(10_000 + number) for number in range(_JOBS)]
    ids = [image_id(data) for data in files]
    finished_job(client, upload(client, *files))
    for number, deleted in enumerate(ids[:-1]):
        assert client.delete(f"/v1/images/{deleted}").status_code == 204
        assert deleted not in hits(client, {"image_id": ids[-1]})
        assert known(client, ids) == ids[number + 1 :]
        assert deleted not in newest(client, _JOBS)
        assert client.get(f"/v1/images/{deleted}").status_code == 404
        assert client.delete(f"/v1/images/{deleted}").status_code == 404
    again = finished_job(client, upload(client, *files))
    assert (again["indexed"], again["duplicates"]) == (_JOBS - 1, 1)
    assert set(ids) <= set(hits(client, {"text": "anything"}))


def test_uploads_and_deletes_of_the_same_bytes_at_once_converge(client: httpx.Client) -> None:
    files = [jpeg(20_000 + number) for number in range(3)]
    ids = [image_id(data) for data in files]

    def delete(number: int) -> set[int]:
        return {client.delete(f"/v1/images/{image}").status_code for image in ids}

    with ThreadPoolExecutor(4) as threads:
        jobs = [threads.submit(upload, client, *files) for _ in range(_ROUNDS)]
        statuses = set().union(*threads.map(delete, range(_ROUNDS)))
        ends = [finished_job(client, job.result()) for job in jobs]
    assert statuses <= {204, 404, 503}
    assert {job["state"] for job in ends} == {"succeeded"}
    there = set(known(client, ids))
    for image, data in zip(ids, files, strict=True):
        content = client.get(f"/v1/images/{image}/content")
        assert (content.status_code == 200) == (image in there)
        assert content.status_code == 404 or content.content == data
    assert finished_job(client, upload(client, *files))["state"] == "succeeded"
    assert sorted(known(client, ids)) == sorted(ids)
    for image, data in zip(ids, files, strict=True):
        assert client.get(f"/v1/images/{image}/content").content == data
        path = f"/v1/images/{image}"
        wait_for(lambda path=path: client.delete(path).status_code == 204, 60, "the deletion")
    assert known(client, ids) == []
