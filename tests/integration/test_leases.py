"""Message leases in a real Redis: renewal, redelivery, and messages that must not reappear."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from kombu.transport.redis import Channel
from redis import Redis

from common.redis.client import connect
from tests.support.services import RedisServer
from worker.delivery.leases import Lease, Leases
from worker.delivery.messages import Delivered, RedisMessages

INDEX, MESSAGES = Channel.unacked_index_key, Channel.unacked_key
QUEUE = "queue"


# Valkey and Redis word their out-of-memory errors differently.
@pytest.fixture(params=["valkey", "redis_server"])
def server(request: pytest.FixtureRequest) -> RedisServer:
    found: RedisServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def redis(server: RedisServer) -> Iterator[Redis]:
    with connect(server.url) as client:
        client.config_set("maxmemory", 0)
        client.flushdb()
        yield client


@pytest.fixture
def leases(redis: Redis) -> Leases:
    return Leases(RedisMessages(redis), lease_s=60)


def delivered(tag: str) -> Delivered:
    content = {"headers": {}, "properties": {"delivery_tag": tag, "delivery_info": {}}}
    return Delivered(tag, QUEUE, content)


def deliver(redis: Redis, leases: Leases, tag: str) -> Lease:
    """Hold a message that was delivered long ago."""
    lease = leases.hold(delivered(tag))
    redis.zadd(INDEX, {tag: 1.0})
    return lease


def queued(redis: Redis) -> list[str]:
    """Return the tags of queued messages, in the order of delivery."""
    waiting: list[Any] = [json.loads(text) for text in redis.lrange(QUEUE, 0, -1)]
    assert all(message["headers"]["redelivered"] for message in waiting)
    return [message["properties"]["delivery_tag"] for message in reversed(waiting)]


def test_what_is_held_is_kept_as_kombu_keeps_it(redis: Redis, leases: Leases) -> None:
    leases.hold(delivered("held"))
    assert redis.zscore(INDEX, "held") == pytest.approx(time.time(), abs=60)
    content, exchange, queue = json.loads(redis.hget(MESSAGES, "held"))
    assert (content["properties"]["delivery_tag"], exchange, queue) == ("held", "", QUEUE)


def test_what_is_held_briefly_is_not_kept(redis: Redis, leases: Leases) -> None:
    leases.settle(leases.hold(delivered("held"), briefly=True))
    assert leases.held() == 0
    assert redis.keys() == []


def test_what_is_held_briefly_and_waits_is_kept_from_the_next_renewal_on(
    redis: Redis, leases: Leases
) -> None:
    lease = leases.hold(delivered("held"), briefly=True)
    leases.renew()
    assert redis.hkeys(MESSAGES) == redis.zrange(INDEX, 0, -1) == ["held"]
    leases.settle(lease)
    assert redis.keys() == []


def test_what_is_held_briefly_goes_back(redis: Redis, leases: Leases) -> None:
    leases.hold(delivered("held"), briefly=True)
    leases.give_back_waiting()
    assert queued(redis) == ["held"]


def test_what_is_held_is_stamped_anew(redis: Redis, leases: Leases) -> None:
    deliver(redis, leases, "held")
    redis.zadd(INDEX, {"held": 1.0})
    leases.renew()
    assert redis.zscore(INDEX, "held") == pytest.approx(time.time(), abs=60)


def test_what_is_settled_or_taken_is_not_revived(redis: Redis, leases: Leases) -> None:
    deliver(redis, leases, "taken")
    redis.zrem(INDEX, "taken")
    leases.settle(deliver(redis, leases, "settled"))
    leases.renew()
    assert redis.zscore(INDEX, "taken") is None
    assert redis.zscore(INDEX, "settled") is None
    assert not redis.hexists(MESSAGES, "settled")


def test_what_is_given_back_is_nobody_elses_to_begin(redis: Redis, leases: Leases) -> None:
    lease = deliver(redis, leases, "given")
    leases.give_back(lease, last=True)
    leases.give_back(lease)
    assert queued(redis) == ["given"]
    assert not redis.hexists(MESSAGES, "given")
    assert leases.begin("given") is None
    assert leases.held() == 0


def test_the_end_of_a_lease_is_not_that_of_the_next_on_the_same_message(
    redis: Redis, leases: Leases
) -> None:
    first = deliver(redis, leases, "twice")
    leases.give_back(first)
    redis.delete(QUEUE)
    deliver(redis, leases, "twice")
    leases.give_back(first, last=True)
    leases.settle(first)
    assert queued(redis) == []
    assert redis.hexists(MESSAGES, "twice")


def test_a_message_goes_before_all_others_or_behind_them(redis: Redis, leases: Leases) -> None:
    for tag, last in (("b", False), ("c", True), ("a", False), ("d", True)):
        leases.give_back(deliver(redis, leases, tag), last=last)
    assert queued(redis) == ["a", "b", "c", "d"]


def test_only_what_has_not_begun_goes_back_first(redis: Redis, leases: Leases) -> None:
    deliver(redis, leases, "runs")
    deliver(redis, leases, "waits")
    assert leases.begin("runs")
    leases.give_back_waiting()
    assert queued(redis) == ["waits"]
    leases.give_back_all()
    assert queued(redis) == ["runs", "waits"]


def test_a_closing_worker_begins_nothing(redis: Redis, leases: Leases) -> None:
    deliver(redis, leases, "late")
    leases.closing.set()
    assert leases.begin("late") is None


def test_a_message_is_taken_by_one_worker(redis: Redis, leases: Leases) -> None:
    """A frozen worker still holds a message that another has taken over."""
    other = Leases(RedisMessages(redis), lease_s=60)
    for holders in ((leases, other), (other, leases)):
        for each in holders:
            each.hold(delivered("once"))
        assert [each.take("once") for each in holders] == [True, False]
        assert not redis.hexists(MESSAGES, "once")
        assert leases.held() == other.held() == 0
    assert not leases.take("once")


def test_a_message_that_is_in_its_queue_again_is_not_taken(redis: Redis, leases: Leases) -> None:
    deliver(redis, leases, "abandoned")
    RedisMessages(redis).put_back_abandoned(60)
    assert not leases.take("abandoned")
    assert queued(redis) == ["abandoned"]


def test_a_closing_worker_takes_nothing(redis: Redis, leases: Leases) -> None:
    lease = deliver(redis, leases, "late")
    leases.closing.set()
    assert not leases.take("late")
    leases.give_back(lease)
    assert queued(redis) == ["late"]


def test_what_is_not_its_own_any_more_is_not_put_back(redis: Redis, leases: Leases) -> None:
    lease = deliver(redis, leases, "taken")
    redis.hdel(MESSAGES, "taken")
    leases.give_back(lease)
    assert queued(redis) == []


def test_what_was_abandoned_goes_back_before_all_others(redis: Redis, leases: Leases) -> None:
    deliver(redis, leases, "abandoned")
    leases.hold(delivered("fresh"))
    redis.zadd(INDEX, {"empty": 1.0})
    leases.give_back(deliver(redis, leases, "waits"))
    RedisMessages(redis).put_back_abandoned(age_s=60)
    assert queued(redis) == ["abandoned", "waits"]
    assert redis.zrange(INDEX, 0, -1) == ["fresh"]
    assert redis.hkeys(MESSAGES) == ["fresh"]


@pytest.mark.parametrize("skew_s", [-300, 300])
def test_stamps_are_of_redis_and_not_of_the_machines_clock(
    redis: Redis, leases: Leases, monkeypatch: pytest.MonkeyPatch, skew_s: float
) -> None:
    right = time.time
    leases.hold(delivered("of one whose clock is right"))
    monkeypatch.setattr(time, "time", lambda: right() + skew_s)
    wrong = Leases(RedisMessages(redis), lease_s=60)
    wrong.hold(delivered("of one whose clock is wrong"))
    wrong.renew()
    RedisMessages(redis).put_back_abandoned(age_s=60)
    assert queued(redis) == []
    stamps = redis.zrange(INDEX, 0, -1, withscores=True)
    assert [stamp for _, stamp in stamps] == pytest.approx([right()] * 2, abs=60)


def test_nothing_is_looked_for_until_others_had_time_to_renew(redis: Redis, leases: Leases) -> None:
    deliver(redis, leases, "renewed in a moment")
    leases.give_back_abandoned()
    assert queued(redis) == []


def test_a_redis_that_is_full_lets_go_of_all(redis: Redis, leases: Leases) -> None:
    settled, given = deliver(redis, leases, "settled"), deliver(redis, leases, "given")
    deliver(redis, leases, "abandoned")
    redis.config_set("maxmemory", 1)
    unknown = leases.hold(delivered("unknown"))
    assert not redis.hexists(MESSAGES, "unknown")
    leases.settle(settled)
    for lease in (given, unknown):
        leases.give_back(lease, last=True)
    RedisMessages(redis).put_back_abandoned(age_s=60)
    assert queued(redis) == ["abandoned", "given", "unknown"]
    assert redis.hkeys(MESSAGES) == []


def test_what_a_full_redis_did_not_keep_is_kept_when_it_has_room(
    redis: Redis, leases: Leases
) -> None:
    redis.config_set("maxmemory", 1)
    leases.hold(delivered("held"))
    leases.settle(leases.hold(delivered("settled")))
    redis.config_set("maxmemory", 0)
    leases.renew()
    assert redis.hkeys(MESSAGES) == redis.zrange(INDEX, 0, -1) == ["held"]


def test_what_redis_did_not_hear_is_made_good(server: RedisServer, redis: Redis) -> None:
    leases = Leases(RedisMessages(connect(server.url)), lease_s=60)
    held = [deliver(redis, leases, tag) for tag in ("settled", "given")]
    server.kill()
    try:
        leases.settle(held[0])
        leases.give_back(held[1])
        leases.hold(delivered("late"))
        assert leases.held() == 1
    finally:
        server.start()
    leases.renew()
    assert queued(redis) == ["given"]
    assert redis.hkeys(MESSAGES) == ["late"]


def test_a_worker_holds_no_more_messages_than_its_slots_at_the_moment(redis: Redis) -> None:
    slots = 1
    leases = Leases(RedisMessages(redis), 60, slots=lambda threads: min(threads, slots))
    deliver(redis, leases, "one")
    assert not leases.has_room(8)
    slots = 2
    assert leases.has_room(8)
    assert not leases.has_room(1)


def test_room_is_what_is_not_held(redis: Redis, leases: Leases) -> None:
    assert leases.asked_at is None
    lease = deliver(redis, leases, "one")
    assert leases.has_room(2)
    assert not leases.has_room(1)
    leases.settle(lease)
    assert leases.has_room(1)
    assert leases.asked_at == pytest.approx(time.time(), abs=60)
