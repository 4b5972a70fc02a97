"""Upkeep chores: one worker at a time runs them, and a failing chore does not stop others."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from redis import Redis

from common.errors import BlobsUnavailable
from common.redis_client import connect
from tests.support.polling import wait_for
from tests.support.services import Valkey, free_port
from worker.upkeep.base import Upkeep


@pytest.fixture
def redis(valkey: Valkey) -> Iterator[Redis]:
    with connect(valkey.url) as client:
        client.flushdb()
        yield client


def test_a_chore_that_fails_stops_no_other(redis: Redis) -> None:
    done: list[str] = []

    def away() -> None:
        raise BlobsUnavailable("away")

    def odd() -> None:
        raise RuntimeError("odd")

    chores = {"away": away, "odd": odd, "well": lambda: done.append("well")}
    Upkeep(redis, chores, interval_s=60).turn()
    assert done == ["well"]


def test_a_turn_that_another_worker_took_is_not_taken_again(redis: Redis) -> None:
    turns: list[int] = []
    redis.set("glimpse:upkeep", 1, px=60_000)
    worker = Upkeep(redis, {"note": lambda: turns.append(1)}, interval_s=0.01)
    worker.start()
    time.sleep(0.2)
    assert turns == []
    redis.delete("glimpse:upkeep")
    wait_for(lambda: turns, 30, "a turn")
    worker.stop()


def test_a_redis_that_is_away_is_waited_for() -> None:
    turns: list[int] = []
    away = connect(f"redis://127.0.0.1:{free_port()}/0")
    worker = Upkeep(away, {"note": lambda: turns.append(1)}, interval_s=0.01)
    worker.start()
    time.sleep(0.1)
    worker.stop()
    assert turns == []
