"""Open jobs: ``POST /v1/jobs``, uploads with ``?job=``, and ``POST /v1/jobs/{id}/complete``."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.dispatch.inline import InlineDispatcher
from api.idempotency.memory import MemoryIdempotency
from common.errors import BrokerUnavailable, NotFound
from common.jobs.base import Job, JobRecords
from common.settings import load_settings
from tests.support.archives import zip_of
from tests.support.inline import Inline, replace_parts, start_inline
from tests.support.pictures import image_id, picture

RED, BLUE = picture("red"), picture("blue")
UNKNOWN = "0" * 32


@pytest.fixture
def idle() -> Iterator[Inline]:
    """A Glimpse without workers, so that images stay queued."""
    inline = start_inline(load_settings({}), workers=False)
    yield inline
    inline.close()


def opened(client: FlaskClient, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/jobs", json=body)
    assert response.status_code == 202, response.text
    job: dict[str, Any] = response.get_json()
    assert response.headers["Location"] == job["links"]["self"]
    return job


def add(client: FlaskClient, job_id: str, *files: bytes, key: str | None = None) -> TestResponse:
    parts = [(io.BytesIO(data), f"{n}.png") for n, data in enumerate(files)]
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(f"/v1/images?job={job_id}", data={"file": parts}, headers=headers)


def complete(client: FlaskClient, job_id: str) -> TestResponse:
    return client.post(f"/v1/jobs/{job_id}/complete")


def code(response: TestResponse) -> tuple[int, str]:
    return response.status_code, response.get_json()["code"]


def test_many_requests_make_one_job(client: FlaskClient, inline: Inline) -> None:
    job = opened(client, name="Crete", tags=["sea"], metadata={"year": 2026})
    assert (job["name"], job["open"], job["state"], job["total"]) == ("Crete", True, "queued", 0)
    assert add(client, job["id"], RED, b"no picture").get_json()["id"] == job["id"]
    path = f"/v1/images?job={job['id']}&filename=blue.png"
    assert client.post(path, data=BLUE, content_type="image/png").status_code == 202
    running = client.get(job["links"]["self"]).get_json()
    assert (running["state"], running["open"], running["total"]) == ("running", True, 3)
    assert (running["indexed"], running["failed"], running["eta_s"]) == (2, 1, None)
    done = complete(client, job["id"])
    assert (done.status_code, done.get_json()["state"]) == (200, "partial")
    assert done.get_json() == complete(client, job["id"]).get_json()
    items = client.get(job["links"]["items"]).get_json()["items"]
    assert [item["filename"] for item in items] == ["0.png", "1.png", "blue.png"]
    image = inline.store.get("default", [image_id(BLUE)])[0]
    assert (image.tags, image.metadata) == (["sea"], {"year": 2026})


def test_the_end_of_its_growth_changes_the_etag(client: FlaskClient, idle: Inline) -> None:
    client = idle.app.test_client()
    job = opened(client)
    add(client, job["id"], RED)
    etag = client.get(job["links"]["self"]).headers["ETag"]
    complete(client, job["id"])
    assert client.get(job["links"]["self"], headers={"If-None-Match": etag}).status_code == 200


def test_a_picture_of_two_requests_is_one_image(client: FlaskClient) -> None:
    job = opened(client)
    add(client, job["id"], RED, BLUE)
    assert add(client, job["id"], BLUE, picture("pink")).get_json()["total"] == 3
    assert complete(client, job["id"]).get_json()["indexed"] == 3


def test_an_addition_is_repeated_with_its_key(client: FlaskClient) -> None:
    job = opened(client)
    first, second = (add(client, job["id"], RED, key="k") for _ in range(2))
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.get_json()["total"] == 1
    assert code(add(client, job["id"], BLUE, key="k")) == (422, "idempotency_key_reused")
    complete(client, job["id"])
    # Its pictures were added before the end, and a repeated request learns that.
    assert add(client, job["id"], RED, key="k").status_code == 202
    assert code(add(client, job["id"], RED, key="new")) == (409, "job_complete")


def test_an_addition_that_was_killed_is_completed_by_the_next(idle: Inline) -> None:
    class Killed(MemoryIdempotency):
        def settle(self, *_: str) -> None:
            raise BrokerUnavailable("Redis is down.")

    class CutOff(InlineDispatcher):
        def send(self, *_: object, **__: object) -> None:
            raise BrokerUnavailable("Redis is down.")

    client = idle.app.test_client()
    dispatcher = idle.app.extensions["glimpse"].dispatcher
    replace_parts(idle, idempotency=Killed(lease_s=0), dispatcher=CutOff({}))
    job = opened(client)
    assert code(add(client, job["id"], RED, key="k")) == (503, "broker_unavailable")
    # Task ids.
    sent: list[object] = []

    class Counted(InlineDispatcher):
        def send(self, *args: object, **_: object) -> None:
            sent.append(args[2])

    replace_parts(idle, dispatcher=Counted({}))
    for _ in range(2):
        answer = add(client, job["id"], RED, BLUE, key="k")
        assert (answer.status_code, answer.get_json()["total"]) == (202, 2)
    assert sent == [f"{job['id']}.0"] * 2
    replace_parts(idle, dispatcher=dispatcher)


def test_opening_is_repeated_with_its_key(client: FlaskClient) -> None:
    headers = {"Idempotency-Key": "k"}
    first, second = (client.post("/v1/jobs", json={}, headers=headers) for _ in range(2))
    assert first.get_json()["id"] == second.get_json()["id"]
    other = client.post("/v1/jobs", json={"name": "b"}, headers=headers)
    assert code(other) == (422, "idempotency_key_reused")


def test_an_open_job_is_found_by_its_name(client: FlaskClient) -> None:
    def found(query: str) -> list[str]:
        return [job["id"] for job in client.get(f"/v1/jobs?{query}").get_json()["jobs"]]

    opened(client, name="Crete")
    job = opened(client, name="Crete")
    assert found("name=Crete") == found("name=Crete&state=queued") == [job["id"]]
    assert found("name=Crete&state=running") == found("name=Rhodes") == []
    complete(client, job["id"])
    assert found("name=Crete") == []


def test_what_takes_no_pictures_says_why_and_keeps_no_bytes(idle: Inline) -> None:
    client = idle.app.test_client()
    upload = {"data": {"file": (io.BytesIO(BLUE), "blue.png")}}
    plain = client.post("/v1/images", **upload).get_json()["id"]  # type: ignore[arg-type]
    done, cancelled = opened(client)["id"], opened(client)["id"]
    complete(client, done)
    client.delete(f"/v1/jobs/{cancelled}")
    for job_id, expected in (
        ("nonsense", (422, "unprocessable")),
        (UNKNOWN, (404, "not_found")),
        (plain, (409, "job_not_open")),
        (done, (409, "job_complete")),
        (cancelled, (409, "job_cancelled")),
    ):
        assert code(add(client, job_id, RED)) == expected
    with pytest.raises(NotFound):
        idle.blobs.open("default", image_id(RED))
    assert code(complete(client, UNKNOWN)) == (404, "not_found")
    assert code(complete(client, plain)) == (409, "job_not_open")
    assert code(complete(client, cancelled)) == (409, "job_cancelled")


@pytest.mark.parametrize(
    ("on_duplicate", "changed", "tags"),
    [("keep", 0, ["old"]), ("merge", 1, ["old", "new"]), ("replace", 1, ["new"])],
)
def test_an_open_job_says_what_it_does_to_known_images(
    client: FlaskClient, inline: Inline, on_duplicate: str, changed: int, tags: list[str]
) -> None:
    form = {"file": (io.BytesIO(RED), "0.png"), "metadata": '{"tags": ["old"]}'}
    client.post("/v1/images", data=form)
    job = opened(client, on_duplicate=on_duplicate, tags=["new"])
    add(client, job["id"], RED, BLUE)
    done = complete(client, job["id"]).get_json()
    assert (done["duplicates"], done["changed"], done["indexed"]) == (1, changed, 1)
    known, new = inline.store.get("default", [image_id(RED), image_id(BLUE)])
    assert (known.tags, new.tags) == (tags, ["new"])


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (lambda jobs, job_id: jobs.complete(job_id), "job_complete"),
        (lambda jobs, _: jobs.close_idle(-60), "job_complete"),
        (lambda jobs, job_id: jobs.cancel(job_id), "job_cancelled"),
    ],
    ids=["complete", "closed by time", "cancelled"],
)
def test_a_job_that_ends_while_a_request_is_received_takes_none_of_it(
    idle: Inline, end: Callable[[JobRecords, str], object], expected: str
) -> None:
    client, jobs = idle.app.test_client(), idle.app.extensions["glimpse"].jobs
    job_id = opened(client)["id"]

    class Body(io.BytesIO):
        def readinto(self, buffer: Any, /) -> int:
            end(jobs, job_id)
            return super().readinto(buffer)

    answer = client.post(
        f"/v1/images?job={job_id}",
        input_stream=Body(BLUE),
        content_type="image/png",
        content_length=len(BLUE),
    )
    assert code(answer) == (409, expected)
    assert jobs.get(job_id).total == 0
    with pytest.raises(NotFound):
        idle.blobs.open("default", image_id(BLUE))


@pytest.mark.parametrize(
    ("of_job", "expected"),
    [
        ({"tenant": "acme", "opened": True}, (404, "not_found")),
        ({"kind": "edit", "source": "{}"}, (409, "job_not_open")),
        ({"source": "{}"}, (409, "job_not_open")),
    ],
    ids=["another tenant's", "an edit", "an archive"],
)
def test_a_growing_job_that_was_not_opened_here_takes_no_pictures(
    idle: Inline, of_job: dict[str, Any], expected: tuple[int, str]
) -> None:
    client, jobs = idle.app.test_client(), idle.app.extensions["glimpse"].jobs
    of_job = {"tenant": "default"} | of_job
    job = Job(UNKNOWN, total=0, created_at=1.0, growing=True, **of_job)
    jobs.create(job, [])
    jobs.accept(job.id)
    assert code(add(client, job.id, RED)) == expected
    assert code(complete(client, job.id)) == expected
    assert jobs.get(job.id) == job


def test_the_images_of_an_open_job_are_part_of_the_backlog() -> None:
    inline = start_inline(load_settings({"GLIMPSE_TENANT_PENDING_MAX": "1"}), workers=False)
    client = inline.app.test_client()
    job_id = opened(client)["id"]
    assert add(client, job_id, RED).status_code == 202
    assert code(add(client, job_id, BLUE)) == (429, "tenant_overloaded")
    client.delete(f"/v1/jobs/{job_id}")
    assert add(client, opened(client)["id"], BLUE).status_code == 202
    inline.close()


def test_a_request_has_neither_metadata_of_its_own_nor_an_archive(client: FlaskClient) -> None:
    job = opened(client)
    form = {"file": (io.BytesIO(RED), "red.png"), "metadata": "{}"}
    refused = client.post(f"/v1/images?job={job['id']}", data=form)
    assert code(refused) == (422, "unprocessable")
    assert refused.get_json()["errors"][0]["field"] == "metadata"
    replacing = client.post(f"/v1/images?on_duplicate=merge&job={job['id']}", data=RED)
    assert code(replacing) == (422, "unprocessable")
    assert replacing.get_json()["errors"][0]["field"] == "on_duplicate"
    path, archive = f"/v1/images?job={job['id']}", zip_of([("red.png", RED)])
    answer = client.post(path, data=archive, content_type="application/zip")
    assert code(answer) == (415, "unsupported_media_type")
    assert complete(client, job["id"]).get_json()["total"] == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"tags": "dog"}, "tags"),
        ({"on_duplicate": "skip"}, "on_duplicate"),
        ({"metadata": {"a": []}}, "metadata.a"),
        ({"metadata": {str(n): "x" * 1000 for n in range(64)}}, ""),
        ({"callback": "http://a"}, "callback"),
    ],
)
def test_what_opens_a_job_is_checked(client: FlaskClient, body: Any, field: str) -> None:
    response = client.post("/v1/jobs", json=body)
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["field"] == field


def test_an_open_job_is_listed_and_cancelled(client: FlaskClient, idle: Inline) -> None:
    client = idle.app.test_client()
    job = opened(client, name="Crete")
    add(client, job["id"], RED)
    (listed,) = client.get("/v1/jobs?state=queued").get_json()["jobs"]
    assert (listed["id"], listed["name"], listed["open"]) == (job["id"], "Crete", True)
    cancelled = client.delete(job["links"]["self"]).get_json()
    assert (cancelled["state"], cancelled["open"], cancelled["cancelled"]) == (
        "cancelled",
        False,
        1,
    )
