"""Uploads during overload or on full storage: refused before their body is read."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from typing import cast

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.load.base import Load
from api.load.memory import MemoryLoad
from api.uploads.admission import check_load
from common.blobs.memory import MemoryBlobs, MemoryWriter
from common.contract import DEFAULT_TENANT
from common.errors import BlobsFull, Overloaded, TenantOverloaded
from common.jobs.base import Job
from common.settings import load_settings
from tests.support.inline import Inline, heartbeat, replace_parts, start_inline
from tests.support.pictures import image_id, picture


class FullWriter(MemoryWriter):
    """Refuses every write, as a full disk does."""

    def write(self, data: bytes) -> int:
        raise BlobsFull(f"There is no room for {len(data)} bytes.")


class FullBlobs(MemoryBlobs):
    """A blob store without room for an original."""

    def writer(self, tenant: str) -> MemoryWriter:
        return FullWriter({}, tenant)


class UntouchedBlobs(MemoryBlobs):
    """A blob store that no upload may reach."""

    def writer(self, tenant: str) -> MemoryWriter:
        raise AssertionError(tenant)


class NoRoomForThumbnails(MemoryBlobs):
    """A blob store without room for a rendition."""

    def put_rendition(self, tenant: str, blob_id: str, name: str, data: bytes) -> None:
        raise BlobsFull(f"No room for {len(data)} bytes of {tenant}/{blob_id}/{name}.")


@pytest.fixture
def idle() -> Iterator[Inline]:
    """A Glimpse without workers."""
    inline = start_inline(load_settings({"GLIMPSE_MAX_WAIT_S": "2"}), workers=False)
    yield inline
    inline.close()


def upload(client: FlaskClient, count: int = 1) -> TestResponse:
    files = [(io.BytesIO(picture(f"#0000{n:02x}")), f"{n}.png") for n in range(count)]
    return client.post("/v1/images", data={"file": files})


def load_of(inline: Inline) -> MemoryLoad:
    return cast("MemoryLoad", inline.app.extensions["glimpse"].load)


def test_an_upload_on_an_empty_queue_is_taken_however_large(idle: Inline) -> None:
    assert upload(idle.app.test_client(), 60).status_code == 202


def test_past_the_longest_wait_uploads_are_refused(idle: Inline) -> None:
    client = idle.app.test_client()
    upload(client, 60)
    response = upload(client)
    assert response.status_code == 503
    assert response.mimetype == "application/problem+json"
    # 60 images at the default rate of 10 per second take 6 seconds, which is 4 too many.
    assert response.headers["Retry-After"] == "4"
    assert response.get_json()["code"] == "overloaded"
    assert response.get_json()["detail"] == (
        "60 images are pending, which takes about 6 s at 10 per second; uploads are refused above"
        " 2 s. "
        "Try again in 4 s."
    )


def test_faster_workers_let_more_in(idle: Inline) -> None:
    client = idle.app.test_client()
    upload(client, 60)
    idle.heartbeats.beat(heartbeat("ingest", rate_per_s=100.0))
    assert upload(client).status_code == 202


def test_what_has_its_outcome_does_not_wait() -> None:
    inline = start_inline(load_settings({"GLIMPSE_MAX_WAIT_S": "0"}))
    for _ in range(3):
        assert upload(inline.app.test_client(), 20).status_code == 202
    inline.close()


def test_a_refused_body_is_not_read(idle: Inline) -> None:
    client = idle.app.test_client()
    upload(client, 60)
    replace_parts(idle, blobs=UntouchedBlobs())
    body = io.BytesIO(picture())
    response = client.post("/v1/images", data=body, content_type="image/png")
    assert response.status_code == 503


@pytest.mark.parametrize(
    ("pending", "wait_s_max", "retry_after_s"),
    [(21, 2, 1), (20.5, 2, 1), (100, 2, 8), (1_000_000, 2, 3600), (1, 0, 1)],
)
def test_the_wait_over_the_bound_is_when_to_come_back(
    pending: int, wait_s_max: float, retry_after_s: int
) -> None:
    with pytest.raises(Overloaded) as refused:
        check_load(Load(pending, 0, 10.0, 0, 0), wait_s_max, 0)
    assert refused.value.retry_after_s == retry_after_s


@pytest.mark.parametrize(("pending", "wait_s_max"), [(0, 0), (20, 2), (9000, 900)])
def test_up_to_the_bound_all_is_let_in(pending: int, wait_s_max: float) -> None:
    assert check_load(Load(pending, 0, 10.0, 0, 0), wait_s_max, 0) is None  # type: ignore[func-returns-value]


def test_a_redis_that_fills_up_takes_no_more(client: FlaskClient, inline: Inline) -> None:
    load = load_of(inline)
    load.memory_bytes, load.memory_bytes_max = 91, 100
    response = upload(client)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "60"
    assert response.get_json()["code"] == "overloaded"
    assert response.get_json()["detail"].startswith("Redis is 91% full")
    load.memory_bytes = 90
    assert upload(client).status_code == 202


def test_a_full_blob_store_is_507(client: FlaskClient, inline: Inline) -> None:
    replace_parts(inline, blobs=FullBlobs())
    response = upload(client)
    assert response.status_code == 507
    assert response.headers["Retry-After"] == "60"
    assert response.get_json()["code"] == "insufficient_storage"


def test_a_thumbnail_is_seen_where_it_cannot_be_kept() -> None:
    inline = start_inline(load_settings({}), blobs=NoRoomForThumbnails())
    client = inline.app.test_client()
    assert upload(client).get_json()["indexed"] == 1
    response = client.get(f"/v1/images/{image_id(picture('#000000'))}/thumbnail")
    assert (response.status_code, response.mimetype) == (200, "image/jpeg")
    inline.close()


def test_what_is_kept_beside_images_is_in_the_record(client: FlaskClient, inline: Inline) -> None:
    form = {"file": (io.BytesIO(picture()), "a.png"), "metadata": '{"tags": ["dog"], "year": 2026}'}
    job_id = client.post("/v1/images", data=form).get_json()["id"]
    job: Job = inline.app.extensions["glimpse"].jobs.get(job_id)
    assert (list(job.tags), dict(job.metadata)) == (["dog"], {"year": 2026})
    assert job.created_at <= time.time()


@pytest.mark.parametrize(
    ("pending", "retry_after_s"), [(50, 1), (59, 1), (60, 2), (90, 5), (10**6, 3600)]
)
def test_a_tenants_own_backlog_is_refused_until_it_is_short_again(
    pending: int, retry_after_s: int
) -> None:
    check_load(Load(10**6, 49, 10.0, 0, 0), 1e9, 50)
    with pytest.raises(TenantOverloaded) as refused:
        check_load(Load(10**6, pending, 10.0, 0, 0), 1e9, 50)
    assert refused.value.retry_after_s == retry_after_s


def test_a_tenant_with_too_many_pending_images_is_told() -> None:
    settings = load_settings({"GLIMPSE_TENANT_PENDING_MAX": "2"})
    inline = start_inline(settings, workers=False)
    client = inline.app.test_client()
    assert upload(client, 2).status_code == 202
    response = upload(client)
    assert (response.status_code, response.get_json()["code"]) == (429, "tenant_overloaded")
    assert response.headers["Retry-After"] == "1"
    inline.close()


def test_at_its_quota_a_tenant_uploads_no_more_until_it_deletes(inline: Inline) -> None:
    client = inline.app.test_client()
    inline.quotas.put(DEFAULT_TENANT, 2)
    job = upload(client, 3).headers["Location"]
    failed = client.get(f"{job}/items?state=failed").get_json()["items"]
    assert [item["code"] for item in failed] == ["quota_exceeded"]
    response = upload(client)
    assert (response.status_code, response.get_json()["code"]) == (403, "quota_exceeded")
    assert "Retry-After" not in response.headers
    image = client.get("/v1/images").get_json()["images"][0]["id"]
    assert client.delete(f"/v1/images/{image}").status_code == 204
    assert client.get(upload(client).headers["Location"]).get_json()["state"] == "succeeded"
