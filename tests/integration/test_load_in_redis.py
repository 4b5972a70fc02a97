"""Load as the API reads it from a real Redis: queues, messages in progress, and memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from kombu import Connection
from prometheus_client.parser import text_string_to_metric_families as parse
from redis import Redis
from werkzeug.test import TestResponse

from api.app import create_app
from api.dispatch.celery import CeleryDispatcher
from common.contract import CATALOG_QUEUE, INGEST_QUEUE, SEARCH_QUEUE, CatalogRequest
from common.heartbeats import RedisHeartbeats
from common.models.redis import RedisModels
from common.redis.client import connect
from common.redis.time import RedisClock
from common.settings import Settings, load_settings
from tests.conftest import require
from tests.support.inline import heartbeat
from tests.support.pictures import picture
from tests.support.polling import wait_for
from tests.support.services import Valkey, free_port

MESSAGE = CatalogRequest(ids=["0" * 64])


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey for one test only, which may limit its memory."""
    require(Valkey)
    with Valkey(tmp_path / "valkey") as service:
        yield service


@pytest.fixture
def settings(own_valkey: Valkey, tmp_path: Path) -> Settings:
    return load_settings(
        {
            "GLIMPSE_REDIS_URL": own_valkey.url,
            "GLIMPSE_BLOBS_DIR": str(tmp_path / "blobs"),
            "GLIMPSE_CHUNK_IMAGES": "1",
        }
    )


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    return create_app(settings).test_client()


@pytest.fixture
def redis(own_valkey: Valkey) -> Iterator[Redis]:
    with connect(own_valkey.url) as client:
        yield client


@pytest.fixture
def dispatcher(settings: Settings, redis: Redis) -> CeleryDispatcher:
    return CeleryDispatcher(settings, redis, RedisClock(redis), RedisModels(redis))


def figures(client: FlaskClient) -> dict[str, float]:
    response = client.get("/metrics")
    assert response.status_code == 200
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in parse(response.text)
        for sample in family.samples
    }


def upload(client: FlaskClient, *colours: str) -> TestResponse:
    files = [(io.BytesIO(picture(colour)), f"{colour}.png") for colour in colours]
    return client.post("/v1/images", data={"file": files})


def test_what_waits_is_told_by_its_queue(client: FlaskClient) -> None:
    before = figures(client)
    assert before["glimpse_queue_tasks ingest"] == 0
    assert before["glimpse_oldest_task_age_seconds ingest"] == 0
    assert upload(client, "red", "green", "blue").status_code == 202
    client.post("/v1/searches", json={"text": "a dog"})
    found = figures(client)
    assert found["glimpse_queue_tasks ingest"] == 3
    assert found["glimpse_queue_tasks search"] == 1
    assert 0 < found["glimpse_oldest_task_age_seconds ingest"] < 60
    assert found["glimpse_images_pending"] == 3
    assert found["glimpse_ingest_wait_seconds"] == pytest.approx(0.3)
    assert found["glimpse_redis_memory_used_bytes"] > 100_000
    assert found["glimpse_redis_memory_max_bytes"] == 0


def test_what_a_consumer_holds_is_in_flight(
    client: FlaskClient, dispatcher: CeleryDispatcher, own_valkey: Valkey
) -> None:
    for number in range(3):
        dispatcher.send("test.task", INGEST_QUEUE, f"task-{number}", MESSAGE)
    dispatcher.send("test.task", SEARCH_QUEUE, "task-s", MESSAGE)
    dispatcher.send("test.task", CATALOG_QUEUE, "task-c", MESSAGE)
    with Connection(own_valkey.url) as connection:
        queue = connection.SimpleQueue(INGEST_QUEUE)
        first, second = queue.get(timeout=10), queue.get(timeout=10)
        held = figures(client)
        first.ack()
        second.ack()
        settled = figures(client)
        queue.close()
    assert held["glimpse_queue_tasks ingest"] == 1
    assert held["glimpse_tasks_in_flight ingest"] == 2
    assert held["glimpse_tasks_in_flight search"] == 0
    assert held["glimpse_queue_tasks catalog"] == 1
    assert (
        60
        > held["glimpse_oldest_task_in_flight_age_seconds ingest"]
        >= held["glimpse_oldest_task_age_seconds ingest"]
        > 0
    )
    assert settled["glimpse_tasks_in_flight ingest"] == 0
    assert settled["glimpse_oldest_task_in_flight_age_seconds ingest"] == 0


def test_the_task_that_is_taken_next_gives_the_age(
    dispatcher: CeleryDispatcher, own_valkey: Valkey
) -> None:
    for number in range(3):
        dispatcher.send("test.task", INGEST_QUEUE, f"task-{number}", MESSAGE)
    before, *_ = dispatcher.depths()
    with Connection(own_valkey.url) as connection:
        queue = connection.SimpleQueue(INGEST_QUEUE)
        taken = queue.get(timeout=10)
        taken.ack()
        queue.close()
    after, *_ = dispatcher.depths()
    assert taken.headers["id"] == "task-0"
    assert taken.headers["sent_at"] == before.next_sent_at
    assert after.next_sent_at is not None
    assert before.next_sent_at is not None
    assert after.next_sent_at > before.next_sent_at


def test_a_message_that_does_not_say_when_it_was_sent_has_no_age(
    client: FlaskClient, own_valkey: Valkey
) -> None:
    with Connection(own_valkey.url) as connection:
        queue = connection.SimpleQueue(INGEST_QUEUE)
        queue.put({"from": "elsewhere"})
        waiting = figures(client)
        message = queue.get(timeout=10)
        held = figures(client)
        message.ack()
        queue.close()
    assert waiting["glimpse_queue_tasks ingest"] == 1
    assert "glimpse_oldest_task_age_seconds ingest" not in waiting
    assert held["glimpse_tasks_in_flight ingest"] == 1
    assert "glimpse_oldest_task_in_flight_age_seconds ingest" not in held


def test_workers_are_told(client: FlaskClient, redis: Redis) -> None:
    beats = RedisHeartbeats(redis)
    beats.beat(heartbeat("ingest", rate_per_s=30.0))
    beats.beat(heartbeat("ingest", name="ingest@test.2", rate_per_s=20.0))
    found = figures(client)
    assert (found["glimpse_workers ingest"], found["glimpse_workers search"]) == (2, 0)
    assert found["glimpse_ingest_rate_images_per_second"] == 50
    assert "glimpse_worker_inference_age_seconds search" not in found


def test_without_redis_only_that_is_told(tmp_path: Path) -> None:
    settings = load_settings(
        {
            "GLIMPSE_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
            "GLIMPSE_BLOBS_DIR": str(tmp_path),
        }
    )
    assert figures(create_app(settings).test_client()) == {"glimpse_up": 0}


def test_a_redis_near_its_bound_takes_no_more_uploads(client: FlaskClient, redis: Redis) -> None:
    used = redis.info("memory")["used_memory"]
    redis.config_set("maxmemory", int(used * 1.02))
    response = upload(client, "red")
    assert response.status_code == 503
    assert response.get_json()["code"] == "overloaded"
    assert "full, and uploads are refused above" in response.get_json()["detail"]
    redis.config_set("maxmemory", used * 4)
    assert upload(client, "red").status_code == 202


def test_a_redis_without_memory_is_not_taken_for_one_that_is_away(
    client: FlaskClient, dispatcher: CeleryDispatcher, redis: Redis
) -> None:
    job = upload(client, "red").headers["Location"]
    redis.config_set("maxmemory", 1)
    for response in (
        client.post("/v1/searches", json={"text": "a dog"}),
        client.post("/v1/images/check", json={"ids": ["0" * 64]}),
        client.delete(job),
    ):
        assert response.status_code == 503
        assert response.get_json()["code"] == "overloaded"
        assert "out of memory" in response.get_json()["detail"]
    # Reads still work.
    assert client.get(job).status_code == 200
    assert figures(client)["glimpse_queue_tasks ingest"] == 1


def test_a_redis_that_cannot_save_is_not_taken_for_one_that_is_away(
    client: FlaskClient, redis: Redis, own_valkey: Valkey
) -> None:
    # Where the snapshot should be, so that none can be written.
    (own_valkey.folder / "dump.rdb").mkdir()
    redis.config_set("save", "3600 1")
    redis.bgsave()
    saved = partial(redis.info, "persistence")
    wait_for(lambda: saved()["rdb_last_bgsave_status"] == "err", 10, "the failure to save")
    response = client.post("/v1/searches", json={"text": "a dog"})
    assert response.status_code == 503
    assert response.get_json()["code"] == "broker_unavailable"
    assert response.get_json()["detail"].startswith("Redis cannot save to its disk")


def test_every_process_tells_the_same(settings: Settings, client: FlaskClient) -> None:
    other: Flask = create_app(settings)
    upload(client, "red")
    steady = "glimpse_queue_tasks ingest", "glimpse_images_pending", "glimpse_up"
    here, there = figures(client), figures(other.test_client())
    assert [here[name] for name in steady] == [there[name] for name in steady] == [1, 1, 1]
