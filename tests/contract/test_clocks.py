"""Contract tests for clocks, and tests of the one that asks Redis."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from common.redis.client import connect
from common.redis.time import Clock, MachineClock, RedisClock
from tests.conftest import require
from tests.support.services import Valkey, free_port


@pytest.fixture(params=["machine", "valkey", "redis_server"])
def clock(request: pytest.FixtureRequest) -> Iterator[Clock]:
    if request.param == "machine":
        yield MachineClock()
        return
    with connect(request.getfixturevalue(request.param).url) as client:
        yield RedisClock(client)


def commands(redis: Redis) -> int:
    """Return how often Redis was asked for the time."""
    stats = redis.info("commandstats")
    return int(stats.get("cmdstat_time", {"calls": 0})["calls"])


def test_it_tells_the_time_since_1970(clock: Clock) -> None:
    before = time.time()
    # Redis runs on this machine, so the clocks differ by half a round trip at most.
    assert before - 1 < clock.now() < time.time() + 1
    assert abs(clock.skew_s()) < 1


def test_it_goes_on(clock: Clock) -> None:
    first = clock.now()
    while clock.now() <= first:
        pass


def test_a_step_of_the_machines_clock_is_no_step_of_it(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(valkey.url) as client:
        clock = RedisClock(client)
        right, now = time.time, clock.now()
        monkeypatch.setattr(time, "time", lambda: right() + 300)
        assert now <= clock.now() < now + 60
        assert 299 < clock.skew_s() < 301


def test_redis_is_not_asked_each_time(valkey: Valkey) -> None:
    with connect(valkey.url) as client:
        before, clock = commands(client), RedisClock(client)
        threads = [threading.Thread(target=clock.now) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for _ in range(100):
            clock.now()
        assert commands(client) == before + 1


def test_without_redis_it_goes_by_the_machines_clock() -> None:
    with connect(f"redis://127.0.0.1:{free_port()}/0") as client:
        clock = RedisClock(client)
        assert time.time() - 60 < clock.now() <= time.time()


def test_while_redis_is_away_it_goes_by_the_last_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require(Valkey)
    with Valkey(tmp_path / "valkey") as service, connect(service.url) as client:
        # Ask Redis on every call, so that the calls below run while it is unavailable.
        monkeypatch.setattr("common.redis.time._QUERY_EVERY_S", 0.0)
        clock = RedisClock(client)
        now = clock.now()
        service.kill()
        right = time.time
        monkeypatch.setattr(time, "time", lambda: right() + 300)
        assert now <= clock.now() < now + 60
        service.start()
        assert now <= clock.now() < now + 60
