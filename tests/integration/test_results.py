"""The result backend of a worker, on a real Valkey."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator

import pytest
from celery import Celery
from redis import Redis

from api.dispatch.subscription import subscribed
from common.broker.celery_options import celery_options
from common.redis.address import RedisAddress
from common.redis.client import connect
from common.settings import load_settings
from tests.support.services import Valkey
from worker.delivery.results import PatientResults

TTL_S = 60


@pytest.fixture
def redis(valkey: Valkey) -> Iterator[Redis]:
    with connect(valkey.url) as client:
        yield client


@pytest.fixture
def results(valkey: Valkey) -> PatientResults:
    app = Celery("glimpse.test", set_as_current=False)
    app.conf.update(celery_options(load_settings({"GLIMPSE_REDIS_URL": valkey.url})))
    app.conf.update(result_expires=TTL_S)
    return PatientResults(RedisAddress.parse(valkey.url), threading.Event(), app)


def test_a_result_is_stored_for_a_time_and_published(results: PatientResults, redis: Redis) -> None:
    task_id = uuid.uuid4().hex
    key = f"celery-task-meta-{task_id}"
    with subscribed(redis, key) as channel:
        results.mark_as_done(task_id, {"hits": []})
        assert channel.message(timeout_s=10) == redis.get(key)
    assert 0 < redis.ttl(key) <= TTL_S
    assert results.get_result(task_id) == {"hits": []}


def test_only_a_success_replaces_a_success(results: PatientResults) -> None:
    task_id = uuid.uuid4().hex
    results.mark_as_revoked(task_id, "expired")
    for run in (1, 2):
        results.mark_as_done(task_id, run)
        results.mark_as_revoked(task_id, "expired")
        assert (results.get_state(task_id), results.get_result(task_id)) == ("SUCCESS", run)
