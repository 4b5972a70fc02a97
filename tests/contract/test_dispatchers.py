"""Contract tests for dispatchers: Celery with a real worker process, and the inline fake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from api.dispatch.base import Dispatcher
from api.dispatch.celery import CeleryDispatcher
from api.dispatch.inline import InlineDispatcher
from common.contract import AsOf, CatalogRequest, dump
from common.errors import BrokerUnavailable
from common.jobs.base import Job
from common.jobs.redis import RedisJobs
from common.models.base import Switch
from common.models.redis import RedisModels
from common.read_marks.base import ReadMark
from common.read_marks.redis import RedisReadMarks
from common.redis.client import connect
from common.redis.time import RedisClock
from common.settings import load_settings
from tests.support.echo_worker import ECHO, FAIL, QUEUE
from tests.support.services import RedisServer, Valkey, free_port

MESSAGE = CatalogRequest(tenant="default", ids=["0" * 64])


def fail(payload: object) -> dict[str, object]:
    raise ValueError(payload)


@pytest.fixture(scope="module")
def celery_dispatcher(valkey: Valkey) -> Iterator[CeleryDispatcher]:
    environ = {**os.environ, "GLIMPSE_REDIS_URL": valkey.url}
    worker = subprocess.Popen([sys.executable, "-m", "tests.support.echo_worker"], env=environ)
    redis = connect(valkey.url)
    # Otherwise the task would not return what it was sent.
    variables = {"GLIMPSE_REDIS_URL": valkey.url, "GLIMPSE_CONSISTENCY": "strong"}
    settings = load_settings(variables)
    yield CeleryDispatcher(settings, redis, RedisClock(redis), RedisModels(redis))
    worker.terminate()
    worker.wait(30)
    redis.close()


@pytest.fixture(params=["inline", "celery"])
def dispatcher(request: pytest.FixtureRequest) -> Dispatcher:
    if request.param == "inline":
        return InlineDispatcher({ECHO: lambda payload: payload, FAIL: fail})
    found: Dispatcher = request.getfixturevalue("celery_dispatcher")
    return found


def send(dispatcher: Dispatcher, task: str, queue: str = QUEUE) -> str:
    task_id = uuid.uuid4().hex
    dispatcher.send(task, queue, task_id, MESSAGE)
    return task_id


def test_a_read_is_sent_with_the_marks_of_its_moment(
    celery_dispatcher: CeleryDispatcher, valkey: Valkey
) -> None:
    def as_of(dispatcher: CeleryDispatcher) -> AsOf | None:
        found = dispatcher.wait(send(dispatcher, ECHO), 30)
        return CatalogRequest.model_validate(found.value).as_of

    with connect(valkey.url) as redis:
        settings, models = load_settings({"GLIMPSE_REDIS_URL": valkey.url}), RedisModels(redis)
        marked = CeleryDispatcher(settings, redis, RedisClock(redis), models)
        marks = RedisReadMarks(redis)
        epoch = marks.read().epoch
        assert as_of(marked) == AsOf(epoch=epoch)
        for time in ("1", "2"):
            marks.establish(ReadMark("c", time), epoch)
            assert as_of(marked) == AsOf(epoch=epoch, times={"c": time})
        assert as_of(celery_dispatcher) is None


@pytest.mark.parametrize("consistency", ["marks", "strong"])
def test_a_read_after_a_switch_is_sent_to_the_new_model(
    redis_server: RedisServer, consistency: str
) -> None:
    with connect(redis_server.url) as redis:
        redis.flushdb()
        variables = {"GLIMPSE_REDIS_URL": redis_server.url, "GLIMPSE_CONSISTENCY": consistency}
        settings, models = load_settings(variables), RedisModels(redis)
        dispatcher = CeleryDispatcher(settings, redis, RedisClock(redis), models)
        models.adopt("old")
        send(dispatcher, ECHO)
        # Within the time for which a dispatcher takes the active model as known.
        models.begin_switch(Switch(model="new", state="running", at=0))
        models.activate("new", 0)
        send(dispatcher, ECHO)
        assert [redis.llen(f"{QUEUE}@{model}") for model in ("old", "new")] == [1, 1]
        (text,) = cast("list[str]", redis.lrange(f"{QUEUE}@new", 0, -1))
        assert json.loads(text)["properties"]["delivery_info"]["routing_key"] == f"{QUEUE}@new"


def test_a_task_runs_once_it_is_put_into_its_queue(dispatcher: Dispatcher) -> None:
    task_id = uuid.uuid4().hex
    task = dispatcher.prepare(ECHO, QUEUE, task_id, MESSAGE)
    assert dispatcher.result(task_id).state == "queued"
    task.put()
    assert dispatcher.wait(task_id, 30).value == dump(MESSAGE)


def test_a_task_runs_that_its_job_was_started_with(
    celery_dispatcher: CeleryDispatcher, valkey: Valkey
) -> None:
    task_id = uuid.uuid4().hex
    task = celery_dispatcher.prepare(ECHO, QUEUE, task_id, MESSAGE)
    with connect(valkey.url) as redis:
        job = Job(uuid.uuid4().hex, "default", 1, created_at=time.time())
        RedisJobs(redis, ttl_s=600).start(job, [("0" * 64, "a.jpg")], [], [task])
    assert celery_dispatcher.wait(task_id, 30).value == dump(MESSAGE)


def test_a_result_is_awaited(dispatcher: Dispatcher) -> None:
    task_id = send(dispatcher, ECHO)
    result = dispatcher.wait(task_id, 30)
    assert (result.state, result.value) == ("succeeded", dump(MESSAGE))
    assert dispatcher.result(task_id) == result


def test_a_result_that_is_there_already_is_returned_at_once(dispatcher: Dispatcher) -> None:
    task_id = send(dispatcher, ECHO)
    first = dispatcher.wait(task_id, 30)
    assert dispatcher.wait(task_id, 0) == first


def test_a_listener_receives_the_result_of_a_task_sent_meanwhile(dispatcher: Dispatcher) -> None:
    task_id = uuid.uuid4().hex
    with dispatcher.listen(task_id) as listener:
        dispatcher.send(ECHO, QUEUE, task_id, MESSAGE)
        found = listener.wait(30)
    assert (found.state, found.value) == ("succeeded", dump(MESSAGE))


def test_a_listener_that_hears_nothing_returns_in_time(dispatcher: Dispatcher) -> None:
    with dispatcher.listen("never-sent") as listener:
        assert listener.wait(0.1).state == "queued"


def test_a_listener_finds_a_result_that_it_did_not_hear(
    celery_dispatcher: CeleryDispatcher, valkey: Valkey
) -> None:
    done = celery_dispatcher.wait(send(celery_dispatcher, ECHO), 30)
    text = json.dumps({"status": "SUCCESS", "result": done.value, "children": []})
    with connect(valkey.url) as redis, celery_dispatcher.listen("unheard") as listener:
        redis.set("celery-task-meta-unheard", text, ex=60)
        assert listener.wait(30) == done


def test_listeners_share_connections(celery_dispatcher: CeleryDispatcher, valkey: Valkey) -> None:
    def listen() -> None:
        task_id = uuid.uuid4().hex
        with celery_dispatcher.listen(task_id) as listener:
            celery_dispatcher.send(ECHO, QUEUE, task_id, MESSAGE)
            assert listener.wait(30).state == "succeeded"

    listen()
    with connect(valkey.url) as redis:
        before = redis.info("stats")["total_connections_received"]
        for _ in range(10):
            listen()
        # The worker may have connected meanwhile.
        assert redis.info("stats")["total_connections_received"] < before + 10


def test_a_listener_whose_connection_ended_connects_again(tmp_path: Path) -> None:
    with Valkey(tmp_path) as own_valkey, connect(own_valkey.url) as redis:
        settings = load_settings({"GLIMPSE_REDIS_URL": own_valkey.url})
        dispatcher = CeleryDispatcher(settings, redis, RedisClock(redis), RedisModels(redis))
        with dispatcher.listen("first") as listener:
            own_valkey.kill()
            with pytest.raises(BrokerUnavailable):
                listener.wait(30)
        own_valkey.start()
        with dispatcher.listen("second") as listener:
            redis.publish("celery-task-meta-second", json.dumps({"status": "SUCCESS", "result": 1}))
            assert listener.wait(30).value == 1


def test_a_failed_task_is_told(dispatcher: Dispatcher) -> None:
    assert dispatcher.wait(send(dispatcher, FAIL), 30).state == "failed"


def test_a_task_that_nobody_takes_stays_queued(dispatcher: Dispatcher) -> None:
    task_id = send(dispatcher, "test.unknown", "nobody")
    assert dispatcher.wait(task_id, 0.2).state == "queued"


def test_an_unknown_task_counts_as_queued(dispatcher: Dispatcher) -> None:
    assert dispatcher.result("never-sent").state == "queued"


def test_a_result_that_is_forgotten_is_gone(dispatcher: Dispatcher) -> None:
    task_id = send(dispatcher, ECHO)
    assert dispatcher.wait(task_id, 30).state == "succeeded"
    dispatcher.forget(task_id)
    assert dispatcher.result(task_id).state == "queued"
    dispatcher.forget(task_id)


def test_a_result_is_kept_for_a_time(dispatcher: Dispatcher) -> None:
    task_id = send(dispatcher, ECHO)
    found = dispatcher.wait(task_id, 30)
    dispatcher.keep(task_id, 60)
    assert dispatcher.result(task_id) == found
    dispatcher.keep("never-sent", 60)


def test_many_wait_at_once(dispatcher: Dispatcher) -> None:
    states: list[str] = []
    threads = [
        threading.Thread(
            target=lambda: states.append(dispatcher.wait(send(dispatcher, ECHO), 30).state)
        )
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert states == ["succeeded"] * 16


def test_sending_leaves_no_subscription_behind(
    celery_dispatcher: CeleryDispatcher, valkey: Valkey
) -> None:
    for _ in range(5):
        celery_dispatcher.wait(send(celery_dispatcher, ECHO), 30)
    with connect(valkey.url) as client:
        deadline = time.monotonic() + 10
        while client.pubsub_channels("celery-task-meta-*") and time.monotonic() < deadline:
            time.sleep(0.05)
        assert client.pubsub_channels("celery-task-meta-*") == []


def test_a_broker_that_is_away_is_told_and_not_waited_for() -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    redis = connect(url)
    dispatcher = CeleryDispatcher(
        load_settings({"GLIMPSE_REDIS_URL": url}), redis, RedisClock(redis), RedisModels(redis)
    )
    with pytest.raises(BrokerUnavailable):
        send(dispatcher, ECHO)
    with pytest.raises(BrokerUnavailable):
        dispatcher.result("any")
    with pytest.raises(BrokerUnavailable):
        dispatcher.wait("any", 1)
    with pytest.raises(BrokerUnavailable):
        dispatcher.forget("any")
