"""Contract tests for heartbeats and search records: Valkey, and memory."""

from __future__ import annotations

import json
import time
import uuid

import pytest
from redis import Redis

from api.search_records import MemorySearches, RedisSearches, SearchRecord, SearchRecords
from common.contract import SearchRequest, Term
from common.errors import NotFound
from common.heartbeats import Heartbeats, MemoryHeartbeats, RedisHeartbeats, fleet_rate
from common.redis.client import connect
from tests.support.inline import heartbeat
from tests.support.services import Valkey


@pytest.fixture
def redis(valkey: Valkey) -> Redis:
    client = connect(valkey.url)
    client.delete("glimpse:workers", "glimpse:ingest:rate")
    return client


@pytest.fixture(params=["memory", "redis"])
def heartbeats(request: pytest.FixtureRequest) -> Heartbeats:
    if request.param == "memory":
        return MemoryHeartbeats()
    return RedisHeartbeats(request.getfixturevalue("redis"))


@pytest.fixture(params=["memory", "redis"])
def searches(request: pytest.FixtureRequest) -> SearchRecords:
    if request.param == "memory":
        return MemorySearches()
    return RedisSearches(request.getfixturevalue("redis"), ttl_s=60)


def test_a_heartbeat_is_heard_until_it_ends(heartbeats: Heartbeats) -> None:
    heartbeats.beat(heartbeat("ingest"))
    heartbeats.beat(heartbeat("search", until=time.time() - 1))
    assert [beat.queue for beat in heartbeats.alive()] == ["ingest"]


def test_the_last_heartbeat_counts(heartbeats: Heartbeats) -> None:
    heartbeats.beat(heartbeat("ingest", store_error="away"))
    heartbeats.beat(heartbeat("ingest"))
    assert [beat.store_error for beat in heartbeats.alive()] == [None]


def test_a_worker_that_stops_is_gone(heartbeats: Heartbeats) -> None:
    heartbeats.beat(heartbeat("ingest"))
    heartbeats.stop("ingest@test.1")
    heartbeats.stop("ingest@test.1")
    assert heartbeats.alive() == []


def test_heartbeats_of_workers_long_gone_are_cleared_away(redis: Redis) -> None:
    heartbeats = RedisHeartbeats(redis)
    redis.hset("glimpse:workers", "of-another-version", "{}")
    heartbeats.beat(heartbeat("search", until=time.time() - 1))
    heartbeats.beat(heartbeat("ingest"))
    assert redis.hkeys("glimpse:workers") == ["ingest@test.1"]


def test_a_clock_that_is_wrong_takes_nobody_for_gone(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeats, right = RedisHeartbeats(redis), time.time
    old = heartbeat("search").model_dump(exclude={"clock_skew_s"})
    redis.hset("glimpse:workers", old["name"], json.dumps(old))
    ingest = heartbeat("ingest")
    monkeypatch.setattr(time, "time", lambda: right() + 300)
    heartbeats.beat(ingest)
    assert {beat.queue: beat.clock_skew_s for beat in heartbeats.alive()} == {
        "search": 0.0,
        "ingest": 0.0,
    }


def test_workers_of_unknown_rate_count_as_the_mean_of_the_others() -> None:
    rates = [10.0, None, 30.0]
    beats = [heartbeat("ingest", rate_per_s=rate) for rate in rates]
    assert fleet_rate([*beats, heartbeat("search", rate_per_s=500.0)]) == 60
    assert fleet_rate([heartbeat("ingest"), heartbeat("ingest", rate_per_s=0.0)]) is None


def test_the_last_rate_of_all_outlives_the_workers(heartbeats: Heartbeats) -> None:
    assert heartbeats.last_rate() is None
    heartbeats.beat(heartbeat("ingest", rate_per_s=12.5))
    heartbeats.beat(heartbeat("ingest", name="ingest@test.2", rate_per_s=7.5))
    assert heartbeats.last_rate() == 20
    heartbeats.stop("ingest@test.1")
    heartbeats.stop("ingest@test.2")
    heartbeats.beat(heartbeat("ingest", name="ingest@test.3"))
    assert heartbeats.last_rate() == 20


def test_a_search_is_kept(searches: SearchRecords) -> None:
    request = SearchRequest(terms=[Term(text="a white dog", weight=0.5)], top_k=3)
    record = SearchRecord(id=uuid.uuid4().hex, created_at=1.5, request=request)
    searches.put(record)
    assert searches.get(record.id) == record


def test_an_unknown_search_is_not_found(searches: SearchRecords) -> None:
    with pytest.raises(NotFound, match="no search nothing"):
        searches.get("nothing")


def test_a_search_is_kept_for_a_limited_time(redis: Redis) -> None:
    record = SearchRecord(id="limited", created_at=0, request=SearchRequest(terms=[Term(text="a")]))
    RedisSearches(redis, ttl_s=60).put(record)
    assert 0 < redis.ttl("glimpse:search:limited") <= 60
    RedisSearches(redis, ttl_s=60).put(record, ttl_s=30)
    assert 0 < redis.ttl("glimpse:search:limited") <= 30


def test_a_search_is_kept_for_less_time_once_it_was_read(
    searches: SearchRecords, redis: Redis
) -> None:
    request = SearchRequest(terms=[Term(text="a")])
    record = SearchRecord(id=uuid.uuid4().hex, created_at=0, request=request)
    searches.put(record)
    searches.keep(record.id, 30)
    assert searches.get(record.id) == record
    assert redis.ttl(f"glimpse:search:{record.id}") <= 30
    searches.keep("nothing", 30)
