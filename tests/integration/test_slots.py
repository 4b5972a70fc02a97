"""A worker's slots while Redis refuses writes: neither a slot nor its task is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import cast

import pytest
from kombu.transport.redis import Channel
from redis import Redis

from common.redis.client import connect
from tests.conftest import require
from tests.support.ingest_queues import waiting_uploads
from tests.support.pictures import picture
from tests.support.polling import finished_job, wait_for
from tests.support.services import MilvusLite, SlowWorker, Stack, Valkey

SLOTS = 4
SETTINGS = {
    "GLIMPSE_MODEL": "hashing",
    # Long enough that no message is redelivered during a test.
    "GLIMPSE_LEASE_S": "600",
    "GLIMPSE_CHUNK_IMAGES": "1",
    "GLIMPSE_BATCH_MAX": "1",
    "GLIMPSE_WORKER_THREADS": str(SLOTS),
    "GLIMPSE_GRACE_S": "1",
}

SHADES = count()

Slow = Callable[[float], SlowWorker]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    require(Valkey)
    require(MilvusLite)
    # Each test starts its own workers.
    with Stack(tmp_path_factory.mktemp("stack"), SETTINGS, ingests=False) as stack:
        yield stack


@pytest.fixture
def slow(stack: Stack, redis: Redis, tmp_path: Path) -> Iterator[Slow]:
    workers: list[SlowWorker] = []

    def start(sleep_s: float) -> SlowWorker:
        folder = tmp_path / f"slow{len(workers)}"
        workers.append(SlowWorker(folder, stack.settings, sleep_s, tmp_path / "embeddings"))
        return workers[-1].start()

    yield start
    for worker in workers:
        worker.stop()


@pytest.fixture
def redis(stack: Stack) -> Iterator[Redis]:
    with connect(stack.redis.url) as client:
        client.config_set("maxmemory", 0)
        client.acl_setuser("default", enabled=True, commands=["+setex"])
        client.flushdb()
        yield client


def upload(stack: Stack, pictures: int) -> str:
    """Upload pictures that no earlier test has uploaded."""
    shade = next(SHADES)
    files = [("file", (f"{n}.png", picture(f"rgb({n},{shade},99)"))) for n in range(pictures)]
    return stack.client.post("/v1/images", files=files).raise_for_status().headers["Location"]


def in_hand(redis: Redis) -> int:
    return cast("int", redis.hlen(Channel.unacked_key))


def all_slots_work(stack: Stack, redis: Redis, slow: SlowWorker) -> None:
    """Check that tasks can occupy every slot at once, and that all of them finish."""
    slow.suspend()
    job = upload(stack, 2 * SLOTS)
    slow.resume()
    wait_for(lambda: in_hand(redis) == SLOTS, 30, "all slots to be taken")
    assert finished_job(stack.client, job)["indexed"] == 2 * SLOTS
    wait_for(lambda: in_hand(redis) == 0, 30, "all slots to be free")


def test_results_that_cannot_be_stored_cost_no_slot(stack: Stack, redis: Redis, slow: Slow) -> None:
    worker = slow(0.3)
    pid = worker.pid
    # Only storing a result uses this command.
    redis.acl_setuser("default", enabled=True, commands=["-setex"])
    job = upload(stack, SLOTS)
    assert finished_job(stack.client, job)["indexed"] == SLOTS
    # The messages wait for their results, and still belong to this worker.
    assert in_hand(redis) == SLOTS
    redis.acl_setuser("default", enabled=True, commands=["+setex"])
    wait_for(lambda: in_hand(redis) == 0, 30, "the messages to be settled")
    assert len(list(redis.scan_iter("celery-task-meta-*"))) == SLOTS
    all_slots_work(stack, redis, worker)
    assert (worker.running, worker.pid) == (True, pid)


def test_what_waits_to_store_its_result_goes_back_when_its_worker_ends(
    stack: Stack, redis: Redis, slow: Slow
) -> None:
    worker = slow(0)
    redis.acl_setuser("default", enabled=True, commands=["-setex"])
    assert finished_job(stack.client, upload(stack, SLOTS))["indexed"] == SLOTS
    worker.stop()
    assert (in_hand(redis), waiting_uploads(redis)) == (0, SLOTS)


def test_what_is_delivered_by_a_redis_that_is_full_is_kept(
    stack: Stack, redis: Redis, slow: Slow
) -> None:
    worker = slow(0.3)
    pid = worker.pid
    worker.suspend()
    job = upload(stack, 3 * SLOTS)
    redis.config_set("maxmemory", 1)
    worker.resume()
    wait_for(
        lambda: waiting_uploads(redis) == 2 * SLOTS,
        30,
        "all slots to be taken",
    )
    wait_for(lambda: b"_noted" in worker.log.read_bytes(), 30, "messages that are not kept")
    redis.config_set("maxmemory", 0)
    assert finished_job(stack.client, job)["indexed"] == 3 * SLOTS
    all_slots_work(stack, redis, worker)
    assert (worker.running, worker.pid) == (True, pid)


def test_what_a_redis_that_is_full_gets_back_is_not_lost(
    stack: Stack, redis: Redis, slow: Slow
) -> None:
    worker = slow(600)
    worker.suspend()
    job = upload(stack, 2 * SLOTS)
    redis.config_set("maxmemory", 1)
    worker.resume()
    wait_for(lambda: waiting_uploads(redis) == SLOTS, 30, "all slots to be taken")
    worker.stop()
    assert (in_hand(redis), waiting_uploads(redis)) == (0, 2 * SLOTS)
    redis.config_set("maxmemory", 0)
    slow(0)
    assert finished_job(stack.client, job)["indexed"] == 2 * SLOTS
