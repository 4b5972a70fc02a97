"""``/v1/jobs``: the progress of a job."""

from __future__ import annotations

import io
import time

import pytest
from flask.testing import FlaskClient

from common.jobs.base import Job
from tests.support.inline import Inline
from tests.support.pictures import picture


def start(client: FlaskClient, count: int) -> str:
    files = [(io.BytesIO(picture(f"#0000{n:02x}")), f"{n}.png") for n in range(count)]
    job_id: str = client.post("/v1/images", data={"file": files}).get_json()["id"]
    return job_id


def test_a_finished_job_tells_everything(client: FlaskClient) -> None:
    job = client.get(f"/v1/jobs/{start(client, 2)}").get_json()
    assert job["kind"] == "ingest"
    assert job["state"] == "succeeded"
    assert job["progress"] == 1.0
    assert job["eta_s"] == 0
    assert job["rate_per_s"] > 0
    assert job["created_at"] <= job["started_at"] <= job["finished_at"]
    assert set(job["links"]) == {"self", "items", "events"}


def test_a_running_job_says_when_to_come_back(client: FlaskClient, inline: Inline) -> None:
    jobs = inline.app.extensions["glimpse"].jobs
    jobs.create(Job("1" * 32, "default", 4, created_at=time.time()), [("0" * 64, "a.png")] * 4)
    response = client.get(f"/v1/jobs/{'1' * 32}")
    assert response.headers["Retry-After"] == "1"
    assert response.get_json()["state"] == "queued"
    jobs.begin("1" * 32, [0])
    assert client.get(f"/v1/jobs/{'1' * 32}").get_json()["state"] == "running"


def test_a_finished_job_is_not_asked_for_again(client: FlaskClient) -> None:
    assert "Retry-After" not in client.get(f"/v1/jobs/{start(client, 1)}").headers


def test_an_unchanged_job_is_304(client: FlaskClient) -> None:
    path = f"/v1/jobs/{start(client, 1)}"
    etag = client.get(path).headers["ETag"]
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 304


def test_a_job_is_cancelled(client: FlaskClient, inline: Inline) -> None:
    jobs = inline.app.extensions["glimpse"].jobs
    jobs.create(Job("3" * 32, "default", 2, created_at=time.time()), [("0" * 64, "a.png")] * 2)
    response = client.delete(f"/v1/jobs/{'3' * 32}")
    assert response.status_code == 202
    job = response.get_json()
    assert (job["state"], job["cancelled"], job["progress"]) == ("cancelled", 2, 1.0)
    assert client.delete(f"/v1/jobs/{'0' * 32}").status_code == 404


def test_items_come_in_pages(client: FlaskClient) -> None:
    path = f"/v1/jobs/{start(client, 5)}/items"
    first = client.get(f"{path}?limit=3").get_json()
    assert [item["filename"] for item in first["items"]] == ["0.png", "1.png", "2.png"]
    rest = client.get(f"{path}?limit=3&cursor={first['next_cursor']}").get_json()
    assert [item["filename"] for item in rest["items"]] == ["3.png", "4.png"]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    "query",
    ["state=lost", "limit=5&limit=6", "limit=0", "limit=many", "cursor=-1", "cursor=x", "page=2"],
)
def test_a_bad_query_is_422_and_names_its_field(client: FlaskClient, query: str) -> None:
    response = client.get(f"/v1/jobs/{start(client, 1)}/items?{query}")
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["field"] == query.split("=")[0]


@pytest.mark.parametrize(
    "path", [f"/v1/jobs/{'0' * 32}", "/v1/jobs/unknown/items", f"/v1/jobs/{'0' * 32}:items"]
)
def test_an_unknown_job_is_404(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"


def test_a_foreign_job_is_404(client: FlaskClient, inline: Inline) -> None:
    inline.app.extensions["glimpse"].jobs.create(Job("2" * 32, "other", 1, created_at=0), [])
    assert client.get(f"/v1/jobs/{'2' * 32}").status_code == 404
