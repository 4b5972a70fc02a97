"""Leases in a real Redis: what is renewed, and what must not come to life again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import pytest
from kombu.transport.redis import Channel
from redis import Redis

from common.redis_client import connect
from tests.services import Valkey
from worker.leases import Leases

INDEX, MESSAGES = Channel.unacked_index_key, Channel.unacked_key


@pytest.fixture
def redis(valkey: Valkey) -> Iterator[Redis]:
    with connect(valkey.url) as client:
        client.flushdb()
        yield client


@pytest.fixture
def leases(redis: Redis) -> Leases:
    return Leases(redis, lease_s=60)


def deliver(redis: Redis, leases: Leases, tag: str) -> None:
    """Leave what kombu leaves of a message that was delivered long ago."""
    redis.zadd(INDEX, {tag: 1.0})
    redis.hset(MESSAGES, tag, "message")
    leases.hold(tag, partial(put_back, redis, tag))


def put_back(redis: Redis, tag: str, last: bool) -> None:
    redis.zrem(INDEX, tag)
    redis.lpush("back", f"{tag} {last}")


def test_what_is_held_is_stamped_anew(redis: Redis, leases: Leases) -> None:
    deliver(redis, leases, "held")
    before = time.time()
    leases.renew()
    assert redis.zscore(INDEX, "held") >= before


def test_what_is_settled_or_taken_is_not_revived(redis: Redis, leases: Leases) -> None:
    deliver(redis, leases, "taken")
    redis.zrem(INDEX, "taken")
    deliver(redis, leases, "released")
    leases.release("released")
    leases.renew()
    assert redis.zscore(INDEX, "taken") is None
    assert redis.zscore(INDEX, "released") == 1.0


def test_an_acknowledgement_that_was_not_heard_is_made_good(redis: Redis, leases: Leases) -> None:
    deliver(redis, leases, "done")
    leases.release("done")
    leases.finish("done")
    leases.renew()
    assert redis.zscore(INDEX, "done") is None
    assert not redis.hexists(MESSAGES, "done")


def test_what_is_given_back_is_nobody_elses_to_begin(redis: Redis, leases: Leases) -> None:
    deliver(redis, leases, "given")
    leases.give_back("given", last=True)
    leases.give_back("given")
    assert redis.lrange("back", 0, -1) == ["given True"]
    assert not leases.begin("given")
    assert not leases.release("given")


def test_only_what_has_not_begun_goes_back_first(redis: Redis, leases: Leases) -> None:
    deliver(redis, leases, "runs")
    deliver(redis, leases, "waits")
    assert leases.begin("runs")
    leases.give_back_waiting()
    assert redis.lrange("back", 0, -1) == ["waits False"]
    leases.give_back_all()
    assert redis.llen("back") == 2


def test_a_closing_worker_begins_nothing(redis: Redis, leases: Leases) -> None:
    deliver(redis, leases, "late")
    leases.closing.set()
    assert not leases.begin("late")


def test_what_could_not_go_back_goes_when_redis_answers(redis: Redis, leases: Leases) -> None:
    failures = [ConnectionError("away")]

    def flaky(last: bool) -> None:
        if failures:
            raise failures.pop()
        put_back(redis, "late", last)

    leases.hold("late", flaky)
    leases.give_back("late")
    assert redis.llen("back") == 0
    leases.renew()
    assert redis.lrange("back", 0, -1) == ["late False"]
