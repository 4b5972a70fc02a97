"""Celery's own tools on real workers: its commands, remote control, events, and Flower."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from celery.app.control import Inspect
from kombu.transport.redis import Channel
from redis import Redis
from redis.exceptions import RedisError

from common.broker.remote_control import is_reply_queue
from common.settings import load_settings
from tests.conftest import require
from tests.support.pictures import picture
from tests.support.plain_http import PLAIN
from tests.support.polling import finished_job, wait_for
from tests.support.services import (
    CeleryWorker,
    Flower,
    MilvusLite,
    SlowWorker,
    Stack,
    Valkey,
    celery,
)
from worker.runtime.queue_app import QueueApp

# Seconds to wait for a reply that is sure to come, and for another process.
REPLY_S, WAIT_S = 30.0, 60.0
NAME = "search-1@tools"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    require(Valkey)
    require(MilvusLite)
    folder = tmp_path_factory.mktemp("celery_tools")
    settings = {"GLIMPSE_MODEL": "hashing", "GLIMPSE_CHUNK_IMAGES": "1"}
    stack = Stack(folder, settings, ingests=False)
    options = ("--hostname", NAME, "--loglevel", "warning", "--pidfile", str(folder / "search.pid"))
    stack.search_worker = CeleryWorker(folder / "search", stack.settings, "search", *options)
    stack.search_worker.answers = lambda: True  # type: ignore[method-assign]
    with stack:
        ready_to_search(stack)
        yield stack


def ready_to_search(stack: Stack) -> None:
    wait_for(
        lambda: stack.client.get("/readyz?for=search").status_code == 200, WAIT_S, "a search worker"
    )


@pytest.fixture
def redis(stack: Stack) -> Iterator[Redis]:
    with stack.redis.connect() as client:
        yield client


@pytest.fixture
def app(stack: Stack) -> Iterator[QueueApp]:
    app = QueueApp("ingest", load_settings(stack.settings))
    yield app
    app.close()


@pytest.fixture
def slow(stack: Stack, tmp_path: Path) -> Iterator[SlowWorker]:
    with SlowWorker(tmp_path, stack.settings, 2.0, tmp_path / "embeddings") as worker:
        yield worker


def inspect(app: QueueApp, *names: str) -> Inspect:
    """Return an inspector that waits for all of these workers, and no longer."""
    return app.control.inspect(destination=list(names), timeout=REPLY_S)


def command(
    stack: Stack, *arguments: str, queue: str = "search"
) -> subprocess.CompletedProcess[str]:
    root = str(stack.search_worker.root)
    environ = {**os.environ, **stack.settings, "PYTHONPATH": root}
    return subprocess.run(
        celery("search", *arguments), env=environ, capture_output=True, text=True, check=False
    )


def upload(stack: Stack, *colours: str) -> str:
    files = [("file", (f"{colour}.png", picture(colour))) for colour in colours]
    response = stack.client.post("/v1/images", files=files).raise_for_status()
    return str(response.headers["Location"])


def search(stack: Stack) -> str:
    response = stack.client.post(
        "/v1/searches", json={"text": "red"}, headers={"Prefer": "wait=30"}
    )
    return str(response.raise_for_status().json()["id"])


def test_the_worker_command_starts_a_worker_of_its_app(stack: Stack, app: QueueApp) -> None:
    assert inspect(app, NAME).ping() == {NAME: {"ok": "pong"}}
    queues = inspect(app, NAME).active_queues()[NAME]
    assert {queue["name"].partition("@")[0] for queue in queues} == {"search", "catalog"}
    pid = int((stack.search_worker.folder.parent / "search.pid").read_text())
    assert pid == stack.search_worker.pid
    # Its lines of the level INFO are left out.
    assert "INFO" not in stack.search_worker.log.read_text()


def test_inspect_tells_what_a_worker_is_and_does(app: QueueApp) -> None:
    worker = inspect(app, NAME)
    assert "search.run" in worker.registered()[NAME]
    assert "celery:5" in worker.report()[NAME]["ok"]
    stats = worker.stats()[NAME]
    assert (stats["pool"]["implementation"], stats["broker"]["transport"]) == (
        "worker.delivery.slots:SlotPool",
        "redis",
    )
    assert worker.conf()[NAME]["control_exchange"] == "glimpse"
    assert (worker.active(), worker.reserved(), worker.scheduled()) == ({NAME: []},) * 3


def test_another_database_of_the_same_redis_is_another_service(stack: Stack) -> None:
    url = stack.settings["GLIMPSE_REDIS_URL"]
    other = QueueApp("ingest", load_settings({"GLIMPSE_REDIS_URL": f"{url[: url.rindex('/')]}/1"}))
    assert other.control.ping([NAME], timeout=1) == []


def test_the_commands_answer_too(stack: Stack) -> None:
    done = command(stack, "inspect", "ping", "--destination", NAME, "--timeout", str(REPLY_S))
    assert (done.returncode, f"{NAME}: OK" in done.stdout) == (0, True)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("add_consumer", {"queue": "other"}),
        ("cancel_consumer", {"queue": "search"}),
        ("pool_grow", {"n": 1}),
        ("rate_limit", {"task_name": "search.run", "rate_limit": "1/m"}),
        ("revoke", {"task_id": "0"}),
    ],
)
def test_commands_that_would_break_a_promise_are_refused(
    app: QueueApp, name: str, arguments: dict[str, Any]
) -> None:
    (reply,) = app.control.broadcast(name, arguments, [NAME], reply=True, timeout=REPLY_S)
    assert list(reply[NAME]) == ["error"]
    assert inspect(app, NAME).revoked() == {NAME: []}


def test_active_shows_a_task_and_shutdown_finishes_it(
    stack: Stack, app: QueueApp, slow: SlowWorker, tmp_path: Path
) -> None:
    name = f"ingest@slow.{slow.pid}"
    location = upload(stack, "red", "green", "blue")
    wait_for(slow.begun, WAIT_S, "a picture")
    active = inspect(app, name).active()[name]
    assert {task["name"] for task in active} == {"ingest.chunk"}
    reply = app.control.broadcast("shutdown", destination=[name], reply=True, timeout=REPLY_S)
    assert reply == [{name: {"ok": "shutting down"}}]
    wait_for(lambda: not slow.running, WAIT_S, "the worker's end")
    assert "worker.stopping" in slow.log.read_text()
    # Tasks in progress were finished and settled, and no other was lost.
    with SlowWorker(tmp_path / "next", stack.settings, 0, slow.embeddings) as following:
        assert finished_job(stack.client, location)["indexed"] == 3
        assert len(following.all_begun()) == 3


def test_events_are_sent_while_somebody_watches(stack: Stack, app: QueueApp) -> None:
    seen: list[str] = []
    receiver = app.events.Receiver(
        app.connection_for_read(), {"*": lambda event: seen.append(event["type"])}
    )

    def has_seen(kind: str, connection: Any) -> bool:
        drain(connection, 0.2)
        return kind in seen

    with receiver.consumer_context(wakeup=False) as (connection, channel, _):
        # Subscribes before anything is sent.
        channel.connection.cycle.on_poll_start()
        search(stack)
        drain(connection, 1)
        assert seen == []
        app.control.enable_events([NAME], reply=True, timeout=REPLY_S)
        search(stack)
        for kind in ("task-received", "task-succeeded", "worker-heartbeat"):
            wait_for(partial(has_seen, kind, connection), WAIT_S, kind)
        app.control.disable_events([NAME], reply=True, timeout=REPLY_S)
        drain(connection, 0.5)
        seen.clear()
        search(stack)
        drain(connection, 1)
        assert seen == []


def drain(connection: Any, timeout_s: float) -> None:
    """Receive events until none comes for so many seconds."""
    while True:
        try:
            connection.drain_events(timeout=timeout_s)
        except TimeoutError:
            return


def test_flower_shows_workers_and_tasks(stack: Stack, tmp_path: Path) -> None:
    with (
        Flower(tmp_path, stack.settings) as flower,
        httpx.Client(base_url=flower.url, timeout=REPLY_S, **PLAIN) as client,
    ):

        def online() -> bool:
            rows = client.get("/workers", params={"json": "1"}).json()["data"]
            return any(row["hostname"] == NAME and row["status"] for row in rows)

        # By its heartbeats: Flower has asked for events.
        wait_for(online, WAIT_S, "a worker in Flower")
        workers = client.get("/api/workers", params={"refresh": "true"}).json()
        assert "search.run" in workers[NAME]["registered"]
        search(stack)

        def searches() -> dict[str, Any]:
            tasks = client.get("/api/tasks", params={"taskname": "search.run"}).json()
            return {key: task for key, task in tasks.items() if task["state"] == "SUCCESS"}

        (task_id,) = wait_for(searches, WAIT_S, "a task in Flower")
        info = client.get(f"/api/task/info/{task_id}").json()
        assert (info["state"], info["worker"]) == ("SUCCESS", NAME)
        result = client.get(f"/api/task/result/{task_id}").json()
        assert (result["state"], result["result"]["encoder"]) == ("SUCCESS", "hashing")
        refused = client.post(f"/api/worker/pool/grow/{NAME}")
        assert (refused.status_code, "GLIMPSE_WORKER_THREADS" in refused.text) == (403, True)


def test_remote_control_survives_an_outage_of_redis(stack: Stack, app: QueueApp) -> None:
    def pong() -> Any:
        # The question may come before the worker is back, or on a connection that was cut.
        with suppress(RedisError):
            return app.control.inspect(destination=[NAME], timeout=1).ping()

    stack.redis.kill()
    stack.redis.start()
    wait_for(pong, WAIT_S, "a pong")


def test_nothing_stays_in_redis(app: QueueApp, redis: Redis) -> None:
    inspect(app, NAME).stats()
    left = [key for key in redis.scan_iter("*") if "pidbox" in key or "_kombu" in key]
    assert left == []
    assert redis.zcard(Channel.unacked_index_key) == 0


def test_a_reply_that_nobody_reads_expires(app: QueueApp, redis: Redis) -> None:
    mailbox = app.control.mailbox
    with app.connection_for_write() as connection:
        # Asks and does not wait.
        mailbox(connection)._publish(
            "ping", {}, [NAME], reply_ticket="ticket", channel=connection.default_channel
        )
    reply = wait_for(
        lambda: next(filter(is_reply_queue, redis.scan_iter("*")), None), WAIT_S, "a reply"
    )
    assert 0 < redis.ttl(reply) <= 60


def test_a_worker_without_the_rights_works_without_remote_control(
    stack: Stack, app: QueueApp, redis: Redis, tmp_path: Path
) -> None:
    redis.execute_command(
        "ACL SETUSER narrow on >word ~glimpse:* ~ingest* ~search* ~catalog* ~reindex* ~unacked*"
        " ~celery-task-meta-* resetchannels &celery-task-meta-* +@all"
    )
    url = stack.settings["GLIMPSE_REDIS_URL"].replace("redis://", "redis://narrow:word@")
    settings = stack.settings | {"GLIMPSE_REDIS_URL": url}
    with CeleryWorker(tmp_path, settings, "search", "-n", "narrow@tools") as worker:
        log = worker.log.read_text()
        assert "worker.no_remote_control Redis's user may not use PSUBSCRIBE /0.glimpse.pid" in log
        assert app.control.inspect(destination=["narrow@tools"], timeout=1).ping() is None


def test_remote_control_can_be_turned_off(stack: Stack, app: QueueApp, tmp_path: Path) -> None:
    settings = stack.settings | {"GLIMPSE_REMOTE_CONTROL": "false"}
    with CeleryWorker(tmp_path, settings, "search", "-n", "deaf@tools") as worker:
        assert app.control.inspect(destination=["deaf@tools"], timeout=1).ping() is None
        os.kill(worker.pid, signal.SIGTERM)
        wait_for(lambda: not worker.running, WAIT_S, "the worker's end")
