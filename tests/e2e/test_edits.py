"""Edits of indexed images by real workers, on Milvus Lite."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.support.camera_pictures import camera_picture
from tests.support.pictures import image_id, jpeg, picture
from tests.support.polling import finished_job
from tests.support.services import Stack
from worker.encoders.hashing import HashingEncoder
from worker.stores.identity import Identity
from worker.stores.milvus.store import MilvusStore
from worker.stores.registry import collection_name

FILES = {f"album/{number}.jpg": jpeg(number) for number in range(70)}
IDS = [image_id(data) for data in FILES.values()]
WHITE = image_id(picture("white"))


# Changes of one image, one after another.
_CHANGES = 15


@pytest.fixture(scope="module", autouse=True)
def _indexed(tenant_client: httpx.Client) -> None:
    upload(tenant_client)


def upload(client: httpx.Client) -> None:
    response = client.post("/v1/images", files=[("file", file) for file in FILES.items()])
    finished_job(client, response.raise_for_status().headers["Location"])


def finished(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Begin a job that changes images, and return it once it has ended."""
    response = client.post(f"/v1/images/{path}", json=body).raise_for_status()
    return finished_job(client, response.headers["Location"])


def test_a_refresh_goes_through_all_images(tenant_client: httpx.Client) -> None:
    finished(tenant_client, "refreshes", {})
    job = finished(tenant_client, "refreshes", {"ids": [*IDS, "0" * 64]})
    assert (job["kind"], job["state"], job["total"]) == ("refresh", "partial", len(IDS) + 1)
    assert (job["unchanged"], job["failed"]) == (len(IDS), 1)
    failed = tenant_client.get(f"{job['links']['items']}?state=failed").json()["items"]
    assert [(item["id"], item["code"]) for item in failed] == [("0" * 64, "not_found")]


def searched(client: httpx.Client, tag: str) -> set[str]:
    """Return the ids of the images that a search finds by a tag."""
    search = {"text": "a dog", "top_k": 1000, "filter": {"tags": {"any": [tag]}}}
    response = client.post("/v1/searches", json=search, headers={"Prefer": "wait=20"})
    return {hit["id"] for hit in response.raise_for_status().json()["hits"]}


def listed(client: httpx.Client, tag: str) -> set[str]:
    found = client.get("/v1/images", params={"tag": tag, "limit": 1000}).raise_for_status().json()
    return {image["id"] for image in found["images"]}


def forget_photo(stack: Stack, tenant: str, image: str) -> None:
    """Make an image's row as one of a time when photo info was not read."""
    identity = Identity.of(HashingEncoder())
    store = MilvusStore(stack.milvus.uri, "", collection_name(identity.encoder), identity)
    row = store.rows(tenant, [image])[image]
    store.upsert([replace(row, record=row.record.model_copy(update={"photo": None}))])
    store.close()


def test_a_refresh_finds_what_was_not_read(
    tenant_client: httpx.Client, shared_stack: Stack, tenant: str
) -> None:
    data = camera_picture("red")
    response = tenant_client.post("/v1/images", files={"file": ("kite.jpg", data)})
    finished_job(tenant_client, response.raise_for_status().headers["Location"])
    path = f"/v1/images/{image_id(data)}"
    before = tenant_client.get(path).raise_for_status().json()
    forget_photo(shared_stack, tenant, image_id(data))
    job = finished(tenant_client, "refreshes", {"filter": {"filename": "kite.jpg"}})
    assert (job["state"], job["modified"]) == ("succeeded", 1)
    assert tenant_client.get(path).json() == before
    near = {"near": {"latitude": 48.14, "longitude": 11.58, "km": 5}}
    assert finished(tenant_client, "refreshes", {"filter": near})["unchanged"] == 1
    tenant_client.delete(path).raise_for_status()


def test_what_was_edited_is_found_at_once(tenant_client: httpx.Client) -> None:
    body = {"filter": {}, "tags": {"add": ["edited"]}, "metadata": {"year": 2026}}
    job = finished(tenant_client, "edits", body)
    assert (job["state"], job["modified"]) == ("succeeded", len(IDS))
    assert searched(tenant_client, "edited") == listed(tenant_client, "edited") == set(IDS)
    body = {"ids": IDS[:5], "tags": {"remove": ["edited"]}, "metadata": {"year": None}}
    assert finished(tenant_client, "edits", body)["modified"] == 5
    assert searched(tenant_client, "edited") == listed(tenant_client, "edited") == set(IDS[5:])
    assert tenant_client.get(f"/v1/images/{IDS[0]}").json()["metadata"] == {}
    assert tenant_client.get(f"/v1/images/{IDS[5]}").json()["metadata"] == {"year": 2026}


def test_what_was_patched_is_found_at_once(tenant_client: httpx.Client) -> None:
    for number in range(_CHANGES):
        tags = {"add": [f"now {number}"], "remove": [f"now {number - 1}"]}
        body = {"tags": tags, "filename": f"{number % 2}.jpg"}
        response = tenant_client.patch(f"/v1/images/{IDS[0]}", json=body)
        assert f"now {number}" in response.raise_for_status().json()["tags"]
        assert searched(tenant_client, f"now {number}") == {IDS[0]}
        assert listed(tenant_client, f"now {number}") == {IDS[0]}
        assert listed(tenant_client, f"now {number - 1}") == set()
    image = tenant_client.get(f"/v1/images/{IDS[0]}").json()
    assert (image["filename"], image["earlier_filenames"]) == ("0.jpg", ["1.jpg", "album/0.jpg"])


def test_an_edited_image_is_found_by_its_vector(tenant_client: httpx.Client) -> None:
    patched = tenant_client.patch(f"/v1/images/{IDS[7]}", json={"tags": {"add": ["seven"]}})
    assert patched.status_code == 200
    search = {"image_id": IDS[7], "top_k": 1}
    response = tenant_client.post("/v1/searches", json=search, headers={"Prefer": "wait=20"})
    (hit,) = response.raise_for_status().json()["hits"]
    assert hit["id"] == IDS[7]
    assert hit["score"] > 0.999


def test_an_edited_image_is_deleted_and_comes_back_as_it_was(tenant_client: httpx.Client) -> None:
    tenant_client.patch(f"/v1/images/{IDS[9]}", json={"tags": {"add": ["nine"]}}).raise_for_status()
    assert tenant_client.delete(f"/v1/images/{IDS[9]}").status_code == 204
    body = {"ids": [IDS[9]], "tags": {"add": ["late"]}}
    assert finished(tenant_client, "edits", body)["failed"] == 1
    patched = tenant_client.patch(f"/v1/images/{IDS[9]}", json={"tags": {"add": ["late"]}})
    assert patched.status_code == 404
    upload(tenant_client)
    assert tenant_client.get(f"/v1/images/{IDS[9]}").json()["tags"] == []


def test_an_upload_of_known_pictures_merges(tenant_client: httpx.Client) -> None:
    parts: list[tuple[str, Any]] = [("file", file) for file in FILES.items()]
    parts += [("file", ("white.png", picture("white")))]
    parts += [("metadata", (None, '{"tags": ["merged"], "trip": "Crete"}'))]
    for changed in (len(IDS), 0):
        response = tenant_client.post("/v1/images", files=parts).raise_for_status()
        job = finished_job(tenant_client, response.headers["Location"])
        assert (job["state"], job["changed"]) == ("succeeded", changed)
        assert searched(tenant_client, "merged") == listed(tenant_client, "merged") == {*IDS, WHITE}
    items = tenant_client.get(f"{job['links']['items']}?state=duplicate&limit=100").json()["items"]
    assert [item["changed"] for item in items] == [False] * (len(IDS) + 1)
    image = tenant_client.get(f"/v1/images/{IDS[3]}").json()
    assert (image["metadata"]["trip"], image["filename"]) == ("Crete", "album/3.jpg")
    tenant_client.delete(f"/v1/images/{WHITE}").raise_for_status()
