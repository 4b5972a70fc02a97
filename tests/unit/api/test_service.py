"""The service's own routes, and the headers and errors common to all responses."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from flask import Response
from flask.testing import FlaskClient

from common.blobs.folder import FolderBlobs
from common.errors import BrokerUnavailable
from common.heartbeats import Heartbeat, MemoryHeartbeats
from common.settings import load_settings
from tests.support.archives import zip_of
from tests.support.inline import Inline, heartbeat, replace_parts, start_inline
from tests.support.pictures import picture


def test_the_process_answers(client: FlaskClient) -> None:
    assert client.get("/healthz").get_json() == {"status": "ok"}


def test_it_is_ready_when_every_part_is_there(client: FlaskClient) -> None:
    for purpose in ("", "?for=upload", "?for=search", "?for=all"):
        response = client.get(f"/readyz{purpose}")
        assert response.status_code == 200
    parts = {part["part"]: part for part in response.get_json()["parts"]}
    assert set(parts) == {"redis", "blobs", "milvus", "worker-ingest", "worker-search"}
    assert parts["worker-search"]["model"] == "hashing"
    assert parts["worker-search"]["inference_age_s"] < 60


def missing(client: FlaskClient, purpose: str = "all") -> list[str]:
    response = client.get(f"/readyz?for={purpose}")
    if response.status_code == 200:
        return []
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert response.get_json()["code"] == "not_ready"
    return [error["field"] for error in response.get_json()["errors"]]


def test_without_workers_it_is_not_ready() -> None:
    inline = start_inline(load_settings({}), workers=False)
    client = inline.app.test_client()
    assert missing(client) == ["milvus", "worker-ingest", "worker-search"]
    assert missing(client, "search") == ["milvus", "worker-search"]
    # Uploads are accepted, and wait.
    assert missing(client, "upload") == []
    parts = client.get("/readyz").get_json()["parts"]
    assert {part["part"] for part in parts if not part["ok"]} == set(missing(client))
    inline.close()


def test_a_queue_without_a_worker_is_named(client: FlaskClient, inline: Inline) -> None:
    inline.heartbeats.stop("ingest@test.1")
    assert missing(client) == ["worker-ingest"]


def test_a_worker_that_stopped_beating_is_gone(client: FlaskClient, inline: Inline) -> None:
    inline.heartbeats.beat(heartbeat("search", until=time.time() - 1))
    assert missing(client) == ["worker-search"]


def test_a_model_that_hangs_is_seen(client: FlaskClient, inline: Inline) -> None:
    inline.heartbeats.beat(heartbeat("search", inference_at=time.time() - 300))
    assert missing(client) == ["worker-search"]


def test_a_consumer_that_hangs_is_seen(client: FlaskClient, inline: Inline) -> None:
    inline.heartbeats.beat(heartbeat("ingest", asked_at=time.time() - 300))
    assert missing(client) == ["worker-ingest"]
    detail = client.get("/readyz?for=all").get_json()["errors"][0]["detail"]
    assert detail == "The consumer has not polled for tasks for too long; restart the worker."


def test_another_worker_of_the_queue_makes_up_for_it(client: FlaskClient, inline: Inline) -> None:
    stuck, now = "ingest@test.2", time.time()
    inline.heartbeats.beat(heartbeat("ingest", name=stuck, asked_at=now - 300))
    inline.heartbeats.beat(heartbeat("ingest", asked_at=now, inference_at=now))
    assert missing(client) == []
    # The worker whose consumer polls must also have a working model.
    inline.heartbeats.beat(heartbeat("ingest", asked_at=now, inference_at=now - 300))
    assert missing(client) == ["worker-ingest"]


@pytest.mark.parametrize(("ahead_s", "said"), [(5.4, "5 s ahead of"), (-300.0, "300 s behind")])
def test_a_workers_clock_that_is_wrong_is_told(
    client: FlaskClient, inline: Inline, ahead_s: float, said: str
) -> None:
    inline.heartbeats.beat(heartbeat("search", clock_skew_s=ahead_s))
    inline.heartbeats.beat(heartbeat("search", name="search@right.1", clock_skew_s=1.9))
    response = client.get("/readyz?for=all")
    assert response.status_code == 200
    details = {part["part"]: part["detail"] for part in response.get_json()["parts"]}
    assert details["worker-search"] == f"works; a worker's clock is {said} Redis's: correct it"
    assert details["worker-ingest"] == "works"


def test_a_store_that_does_not_answer_is_seen(client: FlaskClient, inline: Inline) -> None:
    inline.heartbeats.beat(heartbeat("ingest", store_error="Milvus does not answer."))
    assert missing(client) == ["milvus"]
    # Search workers reach it.
    assert missing(client, "search") == []
    inline.heartbeats.beat(heartbeat("search", store_error="Milvus does not answer."))
    assert missing(client, "search") == ["milvus"]
    assert missing(client, "upload") == []


def test_one_worker_that_does_not_reach_the_store_is_told_and_made_up_for(
    client: FlaskClient, inline: Inline
) -> None:
    cut_off = heartbeat("ingest", name="ingest@other.1", store_error="Milvus does not answer.")
    inline.heartbeats.beat(cut_off)
    assert missing(client) == []
    parts = {part["part"]: part for part in client.get("/readyz?for=all").get_json()["parts"]}
    expected = "answers; not to 1 of 3 workers: Milvus does not answer."
    assert parts["milvus"]["detail"] == expected


def test_a_blob_store_that_cannot_be_written_is_seen(tmp_path: Path) -> None:
    (tmp_path / "blobs").touch()
    inline = start_inline(load_settings({}), blobs=FolderBlobs(tmp_path / "blobs"))
    client = inline.app.test_client()
    assert missing(client, "upload") == missing(client) == ["blobs"]
    assert missing(client, "search") == []
    assert str(tmp_path) not in client.get("/readyz").text
    inline.close()


def test_without_redis_nothing_is_ready(client: FlaskClient, inline: Inline) -> None:
    class Away(MemoryHeartbeats):
        def alive(self) -> list[Heartbeat]:
            raise BrokerUnavailable("Redis does not answer.")

    replace_parts(inline, heartbeats=Away())
    for purpose in ("upload", "search", "all"):
        assert missing(client, purpose) == ["redis"]


def test_an_unknown_purpose_is_refused(client: FlaskClient) -> None:
    response = client.get("/readyz?for=everything")
    assert (response.status_code, response.get_json()["errors"][0]["field"]) == (422, "for")


def test_every_response_has_a_request_id(client: FlaskClient) -> None:
    given = client.get("/healthz", headers={"X-Request-ID": "abc-1"})
    assert given.headers["X-Request-ID"] == "abc-1"
    made = client.get("/nothing")
    assert len(made.headers["X-Request-ID"]) == 32
    assert made.get_json()["request_id"] == made.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/v1/images", {"content_type": "image/png", "data": picture("red")}),
        (
            "/v1/images",
            {"content_type": "application/zip", "data": zip_of([("a.png", picture("red"))])},
        ),
        ("/v1/images/refreshes", {"json": {"filter": {}}}),
        ("/v1/jobs", {"json": {}}),
    ],
    ids=["picture", "archive", "edit", "open job"],
)
def test_a_job_keeps_the_id_of_the_request_that_began_it(
    inline: Inline, client: FlaskClient, path: str, sent: dict[str, Any]
) -> None:
    response = client.post(path, headers={"X-Request-ID": "abc-1"}, **sent)
    job = inline.app.extensions["glimpse"].jobs.get(response.get_json()["id"])
    assert job.request == "abc-1"


@pytest.mark.parametrize("forged", ["a b", "x" * 129, "<script>"])
def test_a_malformed_request_id_is_replaced(client: FlaskClient, forged: str) -> None:
    response = client.get("/healthz", headers={"X-Request-ID": forged})
    assert response.headers["X-Request-ID"] != forged


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/images/short", 404, "not_found"),
        ("GET", "/v1/jobs//items", 404, "not_found"),
        ("PUT", "/v1/images", 405, "method_not_allowed"),
        ("DELETE", "/healthz", 405, "method_not_allowed"),
    ],
)
def test_routes_that_are_not_there_are_problems(
    client: FlaskClient, method: str, path: str, status: int, code: str
) -> None:
    response = client.open(path, method=method)
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    body = response.get_json()
    assert (body["status"], body["code"]) == (status, code)
    assert set(body) == {"type", "title", "status", "detail", "code", "request_id"}
    if status == 405:
        assert response.headers["Allow"]
    else:
        assert "an image's id has 64 lower-case hexadecimal digits" in body["detail"]


def test_a_defect_is_a_problem_without_its_cause(
    inline: Inline, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise KeyError("secret")

    inline.app.add_url_rule("/broken", view_func=broken)
    # The OpenAPI document lacks this route, so use a client that does not validate against it.
    response = FlaskClient(inline.app, Response).get("/broken")
    assert response.status_code == 500
    assert response.get_json()["code"] == "internal"
    assert "secret" not in response.text
    assert "KeyError" in caplog.text
