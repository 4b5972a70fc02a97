"""Upkeep chores: one worker at a time runs them, and a failing chore does not stop others."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from redis import Redis
from redis.exceptions import RedisError

from common.errors import BlobsUnavailable
from common.redis.client import connect
from tests.support.polling import wait_for
from tests.support.services import Valkey, free_port
from worker.upkeep.base import Upkeep
from worker.upkeep.turn import Check, Turn, TurnLost


@pytest.fixture
def redis(valkey: Valkey) -> Iterator[Redis]:
    with connect(valkey.url) as client:
        client.flushdb()
        yield client


def test_a_chore_that_fails_stops_no_other(redis: Redis) -> None:
    done: list[str] = []

    def away(_: Check) -> None:
        raise BlobsUnavailable("away")

    def odd(_: Check) -> None:
        raise RuntimeError("odd")

    chores = {"away": away, "odd": odd, "well": lambda _: done.append("well")}
    Upkeep(redis, chores, interval_s=60).turn()
    assert done == ["well"]


def test_a_turn_that_another_worker_took_is_not_taken_again(redis: Redis) -> None:
    turns: list[int] = []
    redis.set("glimpse:upkeep", 1, px=60_000)
    worker = Upkeep(redis, {"note": lambda _: turns.append(1)}, interval_s=0.01)
    worker.start()
    time.sleep(0.2)
    assert turns == []
    redis.delete("glimpse:upkeep")
    wait_for(lambda: turns, 30, "a turn")
    worker.stop()


def test_a_redis_that_is_away_is_waited_for() -> None:
    turns: list[int] = []
    away = connect(f"redis://127.0.0.1:{free_port()}/0")
    worker = Upkeep(away, {"note": lambda _: turns.append(1)}, interval_s=0.01)
    worker.start()
    time.sleep(0.1)
    worker.stop()
    assert turns == []


def test_a_long_turn_keeps_its_lock_so_that_no_other_begins(redis: Redis) -> None:
    turn = Turn(redis, ttl_s=1.5)
    assert turn.begin()
    # Without renewal the lock would expire twice.
    for _ in range(30):
        time.sleep(0.1)
        assert not Turn(redis, ttl_s=1.5).begin()
    turn.check()
    turn.end()
    wait_for(lambda: not redis.exists("glimpse:upkeep"), 30, "the end of the lock")
    with pytest.raises(TurnLost):
        turn.check()


def test_a_turn_that_lost_its_lock_does_nothing_more(redis: Redis) -> None:
    done: list[str] = []
    turn = Turn(redis, ttl_s=0.3)
    assert turn.begin()

    def overtaken(check: Check) -> None:
        done.append("begun")
        redis.set("glimpse:upkeep", "another worker")
        wait_for(lambda: _is_lost(turn), 30, "the loss to be noticed")
        check()
        done.append("changed")

    chores = {"overtaken": overtaken, "next": lambda _: done.append("next")}
    Upkeep(redis, chores, interval_s=60).turn(turn.check)
    turn.end()
    assert done == ["begun"]
    assert redis.get("glimpse:upkeep") == "another worker"


def test_a_turn_whose_redis_is_away_loses_its_lock() -> None:
    turn = Turn(connect(f"redis://127.0.0.1:{free_port()}/0"), ttl_s=60)
    with pytest.raises(RedisError):
        turn.begin()
    assert _is_lost(turn)


def test_workers_take_turns_that_never_overlap(redis: Redis) -> None:
    running: list[int] = []
    overlaps: list[int] = []
    turns: list[int] = []

    def chore(_: Check) -> None:
        running.append(1)
        # Longer than the interval.
        time.sleep(2.5)
        overlaps.append(len(running) - 1)
        running.pop()
        turns.append(1)

    workers = [Upkeep(redis, {"long": chore}, interval_s=1.5) for _ in range(3)]
    for worker in workers:
        worker.start()
    wait_for(lambda: len(turns) >= 2, 60, "two turns")
    for worker in workers:
        worker.stop()
    assert set(overlaps) == {0}


def _is_lost(turn: Turn) -> bool:
    try:
        turn.check()
    except TurnLost:
        return True
    return False
