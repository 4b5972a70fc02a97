"""``/metrics``: the metrics that Prometheus scrapes."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from prometheus_client import generate_latest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse

from common.keys.token import issue
from common.settings import load_settings
from tests.support.inline import Inline, heartbeat, start_inline
from tests.support.letters import letter_about
from tests.support.pictures import picture

Figures = dict[str, float]


@pytest.fixture
def idle() -> Iterator[Inline]:
    """A Glimpse without workers, with chunks of one image."""
    inline = start_inline(load_settings({"GLIMPSE_CHUNK_IMAGES": "1"}), workers=False)
    yield inline
    inline.close()


def figures(client: FlaskClient) -> Figures:
    """Return every sample, keyed by its name and label values."""
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in parse(client.get("/metrics").text)
        for sample in family.samples
    }


def test_nothing_waits_and_nobody_works_at_first(idle: Inline) -> None:
    found = figures(idle.app.test_client())
    assert {name: value for name, value in found.items() if "http" not in name} == {
        "glimpse_up": 1,
        "glimpse_queue_tasks ingest": 0,
        "glimpse_queue_tasks search": 0,
        "glimpse_queue_tasks catalog": 0,
        "glimpse_tasks_in_flight ingest": 0,
        "glimpse_tasks_in_flight search": 0,
        "glimpse_tasks_in_flight catalog": 0,
        "glimpse_oldest_task_age_seconds ingest": 0,
        "glimpse_oldest_task_age_seconds search": 0,
        "glimpse_oldest_task_age_seconds catalog": 0,
        "glimpse_oldest_task_in_flight_age_seconds ingest": 0,
        "glimpse_oldest_task_in_flight_age_seconds search": 0,
        "glimpse_oldest_task_in_flight_age_seconds catalog": 0,
        "glimpse_images_pending": 0,
        "glimpse_ingest_wait_seconds": 0,
        "glimpse_ingest_rate_images_per_second": 10,
        "glimpse_redis_memory_used_bytes": 0,
        "glimpse_redis_memory_max_bytes": 0,
        "glimpse_workers ingest": 0,
        "glimpse_workers search": 0,
        "glimpse_dead_letters": 0,
    }


def test_what_waits_is_counted(idle: Inline) -> None:
    client = idle.app.test_client()
    files = [(io.BytesIO(picture(colour)), f"{colour}.png") for colour in ("red", "blue")]
    client.post("/v1/images", data={"file": files})
    found = figures(client)
    assert found["glimpse_queue_tasks ingest"] == 2
    assert found["glimpse_queue_tasks search"] == 0
    assert 0 < found["glimpse_oldest_task_age_seconds ingest"] < 60
    assert found["glimpse_images_pending"] == 2
    assert found["glimpse_ingest_wait_seconds"] == pytest.approx(0.2)


def test_workers_are_counted_and_the_slowest_to_answer_is_shown(
    client: FlaskClient, inline: Inline
) -> None:
    stuck = heartbeat("ingest", name="ingest@test.2", inference_at=time.time() - 300)
    inline.heartbeats.beat(stuck)
    inline.heartbeats.beat(heartbeat("ingest", rate_per_s=4.5))
    found = figures(client)
    assert (found["glimpse_workers ingest"], found["glimpse_workers search"]) == (2, 1)
    assert found["glimpse_worker_inference_age_seconds ingest"] >= 300
    assert found["glimpse_worker_inference_age_seconds search"] < 60
    assert found["glimpse_ingest_rate_images_per_second"] == 9


def test_dead_letters_are_counted(client: FlaskClient, inline: Inline) -> None:
    inline.app.extensions["glimpse"].dead_letters.put([letter_about("0" * 64)])
    assert figures(client)["glimpse_dead_letters"] == 1


def test_every_metric_says_what_it_is(client: FlaskClient) -> None:
    for family in parse(client.get("/metrics").text):
        is_of_requests = family.name.startswith("glimpse_http_")
        assert (family.type == "gauge") is not is_of_requests
        assert family.documentation.endswith(".")
        assert family.name.startswith("glimpse_")


def test_it_is_text_unless_more_is_asked_for(client: FlaskClient) -> None:
    response = client.get("/metrics")
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    modern = client.get("/metrics", headers={"Accept": accept})
    assert modern.mimetype == "application/openmetrics-text"
    assert "glimpse_up" in {family.name for family in parse_openmetrics(modern.text)}


def test_requests_are_counted_by_route_and_status(client: FlaskClient) -> None:
    for number in range(3):
        client.get(f"/v1/jobs/{number:032x}")
    client.get("/v1/tags")
    route = "/v1/jobs/<record_id:job_id>"
    found = figures(client)
    assert found[f"glimpse_http_requests_total GET {route} 404"] == 3
    assert found["glimpse_http_requests_total GET /v1/tags 200"] == 1
    assert found[f"glimpse_http_request_seconds_count GET {route}"] == 3


def test_what_callers_make_up_becomes_no_label(client: FlaskClient) -> None:
    for number in range(5):
        client.open(f"/no/such/path/{number}", method=f"MAKE{number}")
    labels = {name for name in figures(client) if name.startswith("glimpse_http_requests_total")}
    assert labels == {"glimpse_http_requests_total other none 404"}


def test_a_request_that_is_refused_early_is_counted(idle: Inline) -> None:
    services = idle.app.extensions["glimpse"]
    key = issue("acme", "test", ["read"], time.time())[1]
    services.keys.add(key)
    client = idle.app.test_client()
    assert client.get("/v1/tags", headers={"Authorization": "Bearer wrong"}).status_code == 401
    text = generate_latest(services.requests.collector()).decode()
    assert 'glimpse_http_requests_total{method="GET",route="/v1/tags",status="401"} 1.0' in text
