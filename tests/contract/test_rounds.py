"""Contract tests for the rounds of the walk: Valkey, and memory."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from common.errors import BrokerUnavailable
from common.redis.client import connect
from tests.support.services import Valkey, free_port
from worker.upkeep.rounds import MemoryRounds, RedisRounds, Rounds


@pytest.fixture(params=["memory", "valkey"])
def rounds(request: pytest.FixtureRequest) -> Iterator[Rounds]:
    if request.param == "memory":
        yield MemoryRounds()
        return
    with connect(request.getfixturevalue(request.param).url) as client:
        client.flushdb()
        yield RedisRounds(client, lease_s=60)


def test_turns_are_numbered(rounds: Rounds) -> None:
    first = rounds.next()
    assert [rounds.next(), rounds.next()] == [first + 1, first + 2]


def test_a_collection_counts_from_when_it_is_first_seen(rounds: Rounds) -> None:
    since = rounds.since("images")
    assert since == pytest.approx(time.time(), abs=200)
    assert since <= time.time()
    assert rounds.since("images") == since


def test_a_collection_that_follows_another_counts_from_an_hour_later(rounds: Rounds) -> None:
    rounds.since("images")
    since = rounds.since("others")
    # Until then, some workers may still write to the first collection.
    assert since == pytest.approx(time.time() + 3600, abs=60)
    assert rounds.since("others") == since
    assert rounds.since("images") >= since


def test_workers_share_their_rounds(valkey: Valkey) -> None:
    with connect(valkey.url) as client:
        client.flushdb()
        one, other = RedisRounds(client, 60), RedisRounds(client, 60)
        assert [one.next(), other.next()] == [1, 2]
        assert one.since("images") == other.since("images")


def test_an_operator_may_vouch_for_what_was_there_before(valkey: Valkey) -> None:
    with connect(valkey.url) as client:
        client.flushdb()
        rounds = RedisRounds(client, 60)
        rounds.since("images")
        client.hset("glimpse:orphans", "since", 0)
        assert rounds.since("images") == 0


def test_a_redis_that_is_away_is_told() -> None:
    with connect(f"redis://127.0.0.1:{free_port()}/0") as away:
        with pytest.raises(BrokerUnavailable):
            RedisRounds(away, 60).next()
        with pytest.raises(BrokerUnavailable):
            RedisRounds(away, 60).since("images")
