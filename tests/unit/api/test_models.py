"""``/v1/models`` and ``/v1/reindex``: every answer, every refusal, and the bounds of the input."""

from __future__ import annotations

import io
import time
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from common.keys.base import Scope
from common.keys.token import issue
from common.models.base import Switch
from common.settings import load_settings
from tests.support.inline import Inline, heartbeat, start_inline
from tests.support.pictures import picture

ACTIVE, OTHER, THIRD = "hashing", "other", "third"


@pytest.fixture(autouse=True)
def _other_model(inline: Inline) -> None:
    inline.add_model(OTHER)


def use(client: FlaskClient, model: Any, **options: Any) -> TestResponse:
    return client.put("/v1/models/active", json={"model": model, **options})


def drop(client: FlaskClient, model: str) -> TestResponse:
    return client.delete("/v1/models", query_string={"model": model})


def reindex(client: FlaskClient, model: Any) -> TestResponse:
    return client.post("/v1/reindex", json={"model": model})


def refused(response: TestResponse, status: int, code: str) -> str:
    """Assert that a request was refused with a code, and return the sentence."""
    problem = response.get_json()
    assert (response.status_code, problem["code"]) == (status, code)
    return str(problem["detail"])


def without_workers(inline: Inline, model: str) -> None:
    for beat in inline.heartbeats.alive():
        if beat.model == model:
            inline.heartbeats.stop(beat.name)


def test_models_are_listed_with_their_images_and_workers(
    inline: Inline, client: FlaskClient
) -> None:
    client.post("/v1/images", data={"file": (io.BytesIO(picture("red")), "red.png")})
    known = {"text": 0.25, "image": None}
    inline.heartbeats.beat(heartbeat("search", noise_threshold=known))
    found = client.get("/v1/models").get_json()
    assert (found["active"], found["switch"]) == (ACTIVE, None)
    active, other = found["models"]
    assert active == {
        "name": ACTIVE,
        "revision": inline.heartbeats.alive()[0].revision,
        "dim": active["dim"],
        "noise_threshold": known,
        "images": 1,
        "active": True,
        "workers": {"ingest": 1, "search": 1},
    }
    assert (other["name"], other["images"], other["active"]) == (OTHER, 0, False)
    assert other["workers"] == {"ingest": 1, "search": 1}
    assert other["noise_threshold"] == {"text": None, "image": None}


def test_a_switch_is_in_progress_until_a_worker_ends_it(
    inline: Inline, client: FlaskClient
) -> None:
    response = use(client, OTHER, allow_missing=True)
    assert (response.status_code, "Retry-After" in response.headers) == (202, True)
    switch = response.get_json()["switch"]
    assert (switch["model"], switch["state"], switch["detail"]) == (OTHER, "running", None)
    stored = inline.models.switch()
    assert stored is not None
    assert stored.allow_missing
    inline.models.activate(OTHER, time.time())
    found = client.get("/v1/models").get_json()
    assert (found["active"], found["switch"]["state"]) == (OTHER, "done")


def test_a_refused_switch_says_why(inline: Inline, client: FlaskClient) -> None:
    use(client, OTHER)
    inline.models.refuse(OTHER, "It lacks images.", time.time())
    found = client.get("/v1/models").get_json()
    assert found["active"] == ACTIVE
    assert (found["switch"]["state"], found["switch"]["detail"]) == ("refused", "It lacks images.")


def test_a_switch_to_the_active_model_calls_another_one_off(
    inline: Inline, client: FlaskClient
) -> None:
    assert use(client, ACTIVE).get_json()["switch"] is None
    use(client, OTHER)
    switch = use(client, ACTIVE).get_json()["switch"]
    assert (switch["model"], switch["state"]) == (OTHER, "refused")
    assert inline.models.roles().active == ACTIVE


def test_a_second_switch_to_the_same_model_is_the_same(client: FlaskClient) -> None:
    assert use(client, OTHER).status_code == use(client, OTHER).status_code == 202


def test_a_switch_to_a_third_model_waits(inline: Inline, client: FlaskClient) -> None:
    inline.add_model(THIRD)
    use(client, OTHER)
    assert "GET /v1/models" in refused(use(client, THIRD), 409, "switch_running")


@pytest.mark.parametrize("workers", [[], ["search"], ["ingest"]], ids=["none", "search", "ingest"])
def test_a_model_that_could_not_serve_is_refused(
    workers: list[str], inline: Inline, client: FlaskClient
) -> None:
    inline.add_model(THIRD, workers=workers)
    detail = refused(use(client, THIRD), 409, "model_has_no_worker")
    assert f"start one with GLIMPSE_MODEL={THIRD}" in detail
    assert inline.models.switch() is None


def test_a_typing_error_is_answered_with_the_models_that_have_workers(client: FlaskClient) -> None:
    for response in (use(client, "othre"), reindex(client, "othre")):
        detail = refused(response, 409, "model_has_no_worker")
        assert detail.endswith(f"Models with workers: {ACTIVE}, {OTHER}.")


def test_a_collection_is_dropped_once(inline: Inline, client: FlaskClient) -> None:
    without_workers(inline, OTHER)
    assert drop(client, OTHER).status_code == 204
    assert [model["name"] for model in client.get("/v1/models").get_json()["models"]] == [ACTIVE]
    assert "GET /v1/models" in refused(drop(client, OTHER), 404, "not_found")


def test_what_is_used_is_not_dropped(inline: Inline, client: FlaskClient) -> None:
    refused(drop(client, ACTIVE), 409, "model_active")
    refused(drop(client, OTHER), 409, "model_has_workers")
    assert reindex(client, OTHER).status_code == 202
    without_workers(inline, OTHER)
    refused(drop(client, OTHER), 409, "reindex_running")
    assert client.delete("/v1/reindex").status_code == 200
    inline.models.begin_switch(Switch(model=OTHER, state="running", at=time.time()))
    refused(drop(client, OTHER), 409, "switch_running")
    assert OTHER in inline.collections


def test_a_reindex_is_started_followed_and_cancelled(inline: Inline, client: FlaskClient) -> None:
    refused(client.get("/v1/reindex"), 404, "not_found")
    refused(client.delete("/v1/reindex"), 404, "not_found")
    response = reindex(client, OTHER)
    assert (response.status_code, "Retry-After" in response.headers) == (202, True)
    record = inline.reindexes.get()
    assert record is not None
    inline.reindexes.note(record.id, embedded=2, images=5, present=3)
    inline.reindexes.fail(record.id, "default", "0" * 64, "truncated")
    for name in inline.reindexes.open_slices(record.id)[:64]:
        inline.reindexes.slice_done(record.id, 1, name)
    found = client.get("/v1/reindex").get_json()
    started_at = found.pop("started_at")
    assert found == {
        "model": OTHER,
        "source": ACTIVE,
        "state": "running",
        "detail": None,
        "images": 5,
        "present": 3,
        "embedded": 2,
        "failed": 1,
        "pass_number": 1,
        "pass_done": 0.25,
        "ended_at": None,
    }
    cancelled = client.delete("/v1/reindex").get_json()
    assert (cancelled["state"], cancelled["started_at"]) == ("cancelled", started_at)
    assert cancelled["ended_at"] is not None
    assert client.delete("/v1/reindex").get_json() == cancelled


def test_an_incomplete_reindex_says_why(inline: Inline, client: FlaskClient) -> None:
    reindex(client, OTHER)
    record = inline.reindexes.get()
    assert record is not None
    inline.reindexes.end(record, "incomplete", time.time(), "Two images are missing.")
    found = client.get("/v1/reindex").get_json()
    assert (found["state"], found["detail"]) == ("incomplete", "Two images are missing.")
    assert reindex(client, OTHER).status_code == 202


def test_one_reindex_runs_at_a_time(inline: Inline, client: FlaskClient) -> None:
    inline.add_model(THIRD)
    assert reindex(client, OTHER).status_code == 202
    refused(reindex(client, THIRD), 409, "reindex_running")
    refused(reindex(client, OTHER), 409, "reindex_running")


def test_the_active_model_needs_no_reindex(client: FlaskClient) -> None:
    refused(reindex(client, ACTIVE), 409, "model_active")


def test_a_reindex_needs_an_ingest_worker_only(inline: Inline, client: FlaskClient) -> None:
    inline.add_model(THIRD, workers=["search"])
    refused(reindex(client, THIRD), 409, "model_has_no_worker")
    inline.add_model(THIRD, workers=["ingest"])
    assert reindex(client, THIRD).status_code == 202


def test_names_have_bounds(client: FlaskClient) -> None:
    for name in ("", "m" * 257, 7, None):
        for response in (use(client, name), reindex(client, name)):
            refused(response, 422, "unprocessable")
            assert response.get_json()["errors"][0]["field"] == "model"
    for query in ({}, {"model": ""}, {"model": "m" * 257}, {"model": OTHER, "force": "1"}):
        refused(client.delete("/v1/models", query_string=query), 422, "unprocessable")
    refused(use(client, OTHER, allow_missing="yes"), 422, "unprocessable")
    refused(use(client, OTHER, force=True), 422, "unprocessable")
    for model in ("m" * 256, "open_clip:local-dir:/models/été"):
        refused(use(client, model), 409, "model_has_no_worker")


def test_without_a_search_worker_models_cannot_be_listed() -> None:
    inline = start_inline(load_settings({}), workers=False)
    response = inline.app.test_client().get("/v1/models")
    inline.close()
    refused(response, 503, "worker_unavailable")
    assert "Retry-After" in response.headers


@pytest.mark.parametrize("scopes", [("read", "write"), ("admin",)], ids=["others", "admin"])
def test_models_are_for_admins(
    scopes: tuple[Scope, ...], inline: Inline, client: FlaskClient
) -> None:
    token, key = issue("acme", "test", scopes, time.time(), None)
    inline.keys.add(key)
    headers = {"Authorization": f"Bearer {token.text}"}
    calls = [
        client.get("/v1/models", headers=headers),
        client.put("/v1/models/active", headers=headers, json={"model": OTHER}),
        client.delete("/v1/models", headers=headers, query_string={"model": ACTIVE}),
        client.post("/v1/reindex", headers=headers, json={"model": OTHER}),
        client.get("/v1/reindex", headers=headers),
        client.delete("/v1/reindex", headers=headers),
    ]
    expected = [200, 202, 409, 202, 200, 200] if scopes == ("admin",) else [403] * len(calls)
    assert [call.status_code for call in calls] == expected
