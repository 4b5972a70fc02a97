"""Repeated outages of Redis, of every kind, with three ingest workers."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from kombu.transport.redis import Channel
from redis import Redis

from tests.chaos.conftest import MakeWorkers
from tests.support.chaos.ledger import Files, Ledger
from tests.support.chaos.rounds import rounds
from tests.support.pictures import picture
from tests.support.polling import wait_for
from tests.support.services import SlowWorker, Stack

ROUNDS = 10
WORKERS, SLOTS = 3, 4
# Longest outage in seconds: longer than any client's Redis timeout, and shorter than the lease,
# so that live workers lose no work to others.
OUTAGE_S = 3.0
SETTINGS = {"GLIMPSE_LEASE_S": "6", "GLIMPSE_WORKER_THREADS": str(SLOTS)}
# Images per upload: four chunks.
IMAGES = 32

Outage = Callable[[Stack, Redis, float], None]


def killed(stack: Stack, _: Redis, length_s: float) -> None:
    stack.redis.kill()
    time.sleep(length_s / 3)
    stack.redis.start()


def suspended(stack: Stack, _: Redis, length_s: float) -> None:
    stack.redis.suspend()
    time.sleep(length_s)
    stack.redis.resume()


def disconnected(_: Stack, redis: Redis, length_s: float) -> None:
    for _ in range(1 + int(length_s)):
        redis.client_kill_filter(_type="normal", skipme=True)
        time.sleep(length_s / 10)


def paused(_: Stack, redis: Redis, length_s: float) -> None:
    redis.client_pause(int(length_s * 1000), all=True)
    time.sleep(length_s)


def paused_writes(_: Stack, redis: Redis, length_s: float) -> None:
    redis.client_pause(int(length_s * 1000), all=False)
    time.sleep(length_s)


def full(_: Stack, redis: Redis, length_s: float) -> None:
    redis.config_set("maxmemory", 1)
    time.sleep(length_s)
    redis.config_set("maxmemory", 0)


def full_and_disconnected(_: Stack, redis: Redis, length_s: float) -> None:
    redis.config_set("maxmemory", 1)
    redis.client_kill_filter(_type="normal", skipme=True)
    time.sleep(length_s)
    redis.config_set("maxmemory", 0)


OUTAGES: list[Outage] = [
    killed,
    suspended,
    disconnected,
    paused,
    paused_writes,
    full,
    full_and_disconnected,
]


def pictures(mark: int, count: int) -> Files:
    """Return pictures that are unique to the mark."""
    return {
        f"{mark}/{n}.png": picture(f"rgb({n},{mark % 256},{mark // 256})", (8, 8))
        for n in range(count)
    }


def accepted(ledger: Ledger, files: Files) -> str:
    """Retry an upload until it is accepted; return the job's location."""

    def upload() -> str | None:
        try:
            return ledger.upload(files)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                raise
            return None

    return wait_for(upload, 60, "an upload to be accepted")


@contextmanager
def unharmed(stack: Stack, made: list[SlowWorker]) -> Iterator[None]:
    """Check that all workers, including the search worker, survive the block."""
    everyone = [stack.search_worker, *made]
    before = [worker.pid for worker in everyone]
    yield
    assert [worker.pid if worker.running else None for worker in everyone] == before


def all_slots_work(stack: Stack, ledger: Ledger, mark: int) -> None:
    """Check that every slot can hold a task, while suspended Milvus blocks the tasks."""
    slots = WORKERS * SLOTS
    stack.milvus.suspend()
    try:
        job = accepted(ledger, pictures(mark, 200))
        unacked = Channel.unacked_key
        wait_for(lambda: ledger.redis.hlen(unacked) == slots, 60, f"{slots} slots to be taken")
    finally:
        stack.milvus.resume()
    assert ledger.settled(job)["state"] == "succeeded"
    ledger.at_rest()


@pytest.mark.timeout(120 + 20 * rounds(ROUNDS))
def test_outages_end_no_worker_take_no_slot_and_lose_nothing(
    stack: Stack, ledger: Ledger, workers: MakeWorkers, dice: random.Random
) -> None:
    made = workers(WORKERS, 0.005, SETTINGS)
    jobs: dict[str, Files] = {}
    with unharmed(stack, made):
        for mark in range(rounds(ROUNDS)):
            files = pictures(mark, IMAGES)
            jobs[accepted(ledger, files)] = files
            time.sleep(dice.uniform(0, 0.5))
            dice.choice(OUTAGES)(stack, ledger.redis, dice.uniform(0, OUTAGE_S))
        for location, files in jobs.items():
            job = ledger.settled(location)
            # A rejected attempt may already have brought in some of the images.
            assert job["state"] == "succeeded", job
            assert job["indexed"] + job["duplicates"] == len(files), job
            assert ledger.missing(files.values()) == set()
        assert ledger.new_rows() == len(jobs) * IMAGES
        ledger.at_rest()
        all_slots_work(stack, ledger, len(jobs))
