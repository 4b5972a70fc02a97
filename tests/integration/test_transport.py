"""kombu's transport with leases, on a real Valkey: delivery, settlement, and prefetch limits."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kombu import Connection, Exchange, Queue
from kombu.transport.redis import Channel
from redis import Redis

from common.contract import CATALOG_DELETE, SEARCH_RUN
from common.redis.address import RedisAddress
from common.redis.client import connect
from tests.support.services import Valkey
from worker.delivery.leases import Leases
from worker.delivery.messages import RedisMessages
from worker.delivery.transport import LeasedMessage, leased_transport

QUEUE = "queue"


@pytest.fixture
def redis(valkey: Valkey) -> Iterator[Redis]:
    with connect(valkey.url) as client:
        client.flushdb()
        yield client


@pytest.fixture
def leases(redis: Redis) -> Leases:
    return Leases(RedisMessages(redis), lease_s=60)


@pytest.fixture
def connection(valkey: Valkey, leases: Leases) -> Iterator[Connection]:
    with connected(valkey, leases) as connection:
        yield connection


def connected(valkey: Valkey, leases: Leases, **held_max: int) -> Connection:
    address = RedisAddress.parse(valkey.url)
    return Connection(valkey.url, transport=leased_transport(address, leases, held_max))


def send(connection: Connection, *bodies: str) -> None:
    with connection.Producer() as producer:
        for body in bodies:
            producer.publish(body, exchange="", routing_key=QUEUE)


def take(
    connection: Connection, taken: Callable[[LeasedMessage], Any], count: int, places: int = 0
) -> None:
    """Consume ``count`` messages; ``places`` limits how many may be held at once."""
    queue = Queue(QUEUE, Exchange(QUEUE), routing_key=QUEUE)
    # Left open, as Celery leaves it when a connection is lost.
    consumer = connection.Consumer([queue], on_message=taken)
    consumer.qos(prefetch_count=places or 100)
    consumer.consume()
    for _ in range(count):
        connection.drain_events(timeout=2)


def waiting(redis: Redis) -> int:
    return redis.llen(QUEUE)


def test_what_could_not_be_taken_in_goes_back(connection: Connection, redis: Redis) -> None:
    def fail(_: LeasedMessage) -> None:
        raise RuntimeError("odd")

    send(connection, "body")
    with pytest.raises(RuntimeError, match="odd"):
        take(connection, fail, 1)
    assert (waiting(redis), redis.hlen(Channel.unacked_key)) == (1, 0)


@pytest.mark.parametrize(("task", "noted"), [(SEARCH_RUN, 0), (CATALOG_DELETE, 1)])
def test_only_a_task_that_is_settled_before_it_runs_is_not_noted(
    connection: Connection, redis: Redis, task: str, noted: int
) -> None:
    with connection.Producer() as producer:
        producer.publish("body", exchange="", routing_key=QUEUE, headers={"task": task})
    taken: list[LeasedMessage] = []
    take(connection, taken.append, 1)
    assert redis.hlen(Channel.unacked_key) == redis.zcard(Channel.unacked_index_key) == noted
    taken[0].requeue()
    assert waiting(redis) == 1


def test_a_message_is_settled_once_and_without_its_channel(
    connection: Connection, redis: Redis, leases: Leases
) -> None:
    taken: list[LeasedMessage] = []
    send(connection, "done", "back", "dropped")
    take(connection, taken.append, 3)
    connection.close()
    assert (leases.held(), redis.hlen(Channel.unacked_key)) == (3, 3)
    done, back, dropped = taken
    for _ in range(2):
        done.ack()
        back.requeue()
        dropped.reject()
    assert (leases.held(), redis.hlen(Channel.unacked_key), waiting(redis)) == (0, 0, 1)


def test_no_more_is_taken_than_there_are_places_whichever_connection_took_it(
    connection: Connection, valkey: Valkey, leases: Leases
) -> None:
    taken: list[LeasedMessage] = []
    send(connection, "a", "b", "c")
    take(connection, taken.append, 2)
    connection.close()
    with connected(valkey, leases) as second:
        with pytest.raises(socket.timeout):
            take(second, taken.append, 1, places=2)
        taken[0].ack()
        take(second, taken.append, 1, places=2)
    assert [message.body for message in taken] == [b"a", b"b", b"c"]


def test_no_more_is_taken_of_a_purpose_than_its_bound(
    valkey: Valkey, redis: Redis, leases: Leases
) -> None:
    taken: list[LeasedMessage] = []
    with connected(valkey, leases, **{QUEUE: 1}) as connection:
        send(connection, "a", "b", "c")
        with connection.Producer() as producer:
            producer.publish("other", exchange="", routing_key="other")
        queues = [Queue(name, Exchange(name), routing_key=name) for name in (QUEUE, "other")]
        with connection.Consumer(queues, on_message=taken.append) as consumer:
            consumer.qos(prefetch_count=100)
            for _ in range(2):
                connection.drain_events(timeout=2)
            assert sorted(str(message.body) for message in taken) == ["b'a'", "b'other'"]
            with pytest.raises(socket.timeout):
                connection.drain_events(timeout=2)
            taken[[message.body for message in taken].index(b"a")].ack()
            connection.drain_events(timeout=5)
    assert taken[2].body == b"b"
    assert waiting(redis) == 1


def test_what_comes_for_no_consumer_goes_back_before_the_others(
    connection: Connection, redis: Redis, leases: Leases
) -> None:
    send(connection, "first", "second")
    raw = json.loads(redis.rpop(QUEUE))
    connection.default_channel.connection._deliver(raw, QUEUE)
    assert leases.held() == 0
    assert json.loads(redis.lindex(QUEUE, -1))["body"] == raw["body"]
