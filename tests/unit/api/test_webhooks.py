"""Webhooks over the whole API on the fakes: which requests take a URL, deliveries, and secrets."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from common.dead_letters.base import DeadLetter
from common.settings import load_settings
from tests.support.archives import zip_of
from tests.support.inline import Inline, start_inline
from tests.support.letters import letter_about
from tests.support.pictures import image_id, picture

URL, OTHER = "https://example.com/hook?token=x", "https://example.com/other"
RED = picture("red")
Make = Callable[[FlaskClient, str], Any]


def upload(client: FlaskClient, url: str) -> Any:
    form = {"file": (io.BytesIO(RED), "red.png")}
    return client.post("/v1/images", data=form, query_string={"callback_url": url})


def upload_one(client: FlaskClient, url: str) -> Any:
    query = {"callback_url": url, "filename": "red.png"}
    return client.post("/v1/images", data=RED, content_type="image/png", query_string=query)


def upload_archive(client: FlaskClient, url: str) -> Any:
    query = {"callback_url": url, "filename": "a.zip"}
    data = zip_of([("red.png", RED)])
    return client.post("/v1/images", data=data, content_type="application/zip", query_string=query)


def open_and_complete(client: FlaskClient, url: str) -> Any:
    opened = client.post("/v1/jobs", json={"callback_url": url})
    if opened.status_code == 202:
        client.post(f"{opened.location}/complete")
    return opened


def edit(client: FlaskClient, url: str) -> Any:
    body = {"filter": {}, "tags": {"add": ["x"]}, "callback_url": url}
    return client.post("/v1/images/edits", json=body)


def refresh(client: FlaskClient, url: str) -> Any:
    return client.post("/v1/images/refreshes", json={"callback_url": url})


def replay_letter(client: FlaskClient, url: str) -> Any:
    path = f"/v1/dead-letters/{image_id(RED)}/replay"
    return client.post(path, query_string={"callback_url": url})


MAKERS = [
    *(upload, upload_one, upload_archive, open_and_complete, edit, refresh, replay_letter),
]


@pytest.fixture
def inline() -> Iterator[Inline]:
    inline = start_inline(load_settings({"GLIMPSE_WEBHOOKS_ALLOW": "10.1.0.0/16"}))
    inline.app.extensions["glimpse"].dead_letters.put([letter()])
    yield inline
    inline.close()


@pytest.fixture
def secret(client: FlaskClient) -> str:
    response = client.post("/v1/webhooks/secret")
    assert response.status_code == 201
    return str(response.get_json()["secret"])


def letter() -> DeadLetter:
    return letter_about(image_id(RED), job_id="1" * 32)


def deliveries(client: FlaskClient, **query: str) -> list[dict[str, Any]]:
    return list(client.get("/v1/webhooks/deliveries", query_string=query).get_json()["deliveries"])


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_every_request_that_makes_a_job_takes_a_url(
    client: FlaskClient, secret: str, make: Make
) -> None:
    # So that there are bytes to replay.
    client.post("/v1/images", data={"file": (io.BytesIO(RED), "red.png")})
    response = make(client, URL)
    assert response.status_code == 202
    (found,) = deliveries(client)
    job_id = response.get_json()["id"]
    assert (found["id"], found["url"], found["state"]) == (job_id, URL, "pending")
    assert found["attempts"] == []
    assert client.get(found["links"]["self"]).get_json() == found
    assert client.get(found["links"]["job"]).get_json()["finished_at"] is not None


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
@pytest.mark.parametrize(
    "url",
    [
        *("", "example.com", "ftp://example.com/", "http://user@example.com/", "http://a/\u00e4"),
        *("http://127.0.0.1/", "http://[::1]/", "http://[::ffff:10.0.0.1]/", "http://10.2.0.1/"),
    ],
)
def test_what_cannot_be_called_is_refused(
    client: FlaskClient, secret: str, make: Make, url: str
) -> None:
    response = make(client, url)
    problem = response.get_json()
    assert (response.status_code, problem["code"]) == (422, "unprocessable")
    assert [error["field"] for error in problem["errors"]] == ["callback_url"]
    assert "pattern" not in problem["detail"]
    assert client.get("/v1/jobs").get_json()["jobs"] == []


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_without_a_secret_nothing_can_be_signed(client: FlaskClient, make: Make) -> None:
    response = make(client, URL)
    assert (response.status_code, response.get_json()["code"]) == (409, "no_webhook_secret")
    assert client.get("/v1/jobs").get_json()["jobs"] == []


def test_an_allowed_network_can_be_called(client: FlaskClient, secret: str) -> None:
    assert upload(client, "http://10.1.2.3/hook").status_code == 202


def test_an_addition_has_the_url_of_its_job(client: FlaskClient, secret: str) -> None:
    job = client.post("/v1/jobs", json={"callback_url": URL})
    query = {"job": job.get_json()["id"], "callback_url": OTHER}
    response = client.post(
        "/v1/images", data={"file": (io.BytesIO(RED), "red.png")}, query_string=query
    )
    assert (response.status_code, response.get_json()["errors"][0]["field"]) == (
        422,
        "callback_url",
    )
    del query["callback_url"]
    client.post("/v1/images", data={"file": (io.BytesIO(RED), "red.png")}, query_string=query)
    assert deliveries(client) == []
    client.delete(job.location)
    assert [found["url"] for found in deliveries(client)] == [URL]


@pytest.mark.parametrize("make", [upload, open_and_complete, edit, replay_letter])
def test_another_url_is_another_request(client: FlaskClient, secret: str, make: Make) -> None:
    client.post("/v1/images", data={"file": (io.BytesIO(RED), "red.png")})
    client.environ_base["HTTP_IDEMPOTENCY_KEY"] = "key"
    first, again, other = make(client, URL), make(client, URL), make(client, OTHER)
    assert first.get_json()["id"] == again.get_json()["id"]
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotency_key_reused")
    assert len(deliveries(client)) == 1


def test_a_tenants_url_is_called_for_all_its_jobs(client: FlaskClient, inline: Inline) -> None:
    inline.webhooks.put_default("default", OTHER)
    client.post("/v1/images", data={"file": (io.BytesIO(RED), "red.png")})
    assert [found["url"] for found in deliveries(client)] == [OTHER]


def test_deliveries_are_listed_by_page_and_state(client: FlaskClient, secret: str) -> None:
    ids = [upload(client, URL).get_json()["id"] for _ in range(3)]
    first = client.get("/v1/webhooks/deliveries?limit=2").get_json()
    rest = deliveries(client, cursor=first["next_cursor"])
    assert sorted(found["id"] for found in [*first["deliveries"], *rest]) == sorted(ids)
    assert len(deliveries(client, state="pending")) == 3
    assert deliveries(client, state="failed") == []
    for query in ({"state": "lost"}, {"limit": "0"}, {"cursor": "x"}, {"job": "1"}):
        assert client.get("/v1/webhooks/deliveries", query_string=query).status_code == 422


def test_a_replay_is_due_now(client: FlaskClient, secret: str) -> None:
    job_id = upload(client, URL).get_json()["id"]
    before = deliveries(client)[0]["next_attempt_at"]
    response = client.post(f"/v1/webhooks/deliveries/{job_id}/replay")
    assert response.status_code == 202
    assert response.get_json()["next_attempt_at"] > before


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", "/replay")])
def test_a_job_without_a_url_has_no_delivery(client: FlaskClient, method: str, path: str) -> None:
    job = client.post("/v1/images", data={"file": (io.BytesIO(RED), "red.png")}).get_json()
    response = client.open(f"/v1/webhooks/deliveries/{job['id']}{path}", method=method)
    assert (response.status_code, response.get_json()["code"]) == (404, "not_found")


def test_a_secret_is_shown_once_and_rotated(client: FlaskClient, secret: str) -> None:
    again = client.post("/v1/webhooks/secret").get_json()
    assert again["secret"] != secret
    assert again["previous_until"] > again["created_at"]
    upload(client, URL)
    assert secret not in json.dumps(deliveries(client))
