"""Reads waiting and delivered messages from kombu's keys in Redis.

kombu keeps a list per queue, consumed from the right, and one hash of delivered messages that are
not acknowledged. By delivery tag, the hash holds the message, its exchange and its routing key,
which is the name of the queue.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from kombu.compression import decompress
from kombu.transport.redis import Channel
from redis import Redis

from common.redis.client import broker_call
from common.redis.time import seconds

# Headers of a task's message: when it was sent and when it expires, in seconds since 1970 by
# Redis's clock. Celery's own ``expires`` is written by the sender's clock and compared with the
# worker's.
_SENT_AT, _EXPIRES_AT = "sent_at", "expires_at"

# Number of messages read per command: from a queue, and from those that workers hold.
_PAGE, _PAGE_DELIVERED = 500, 100


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """One queue at one moment."""

    queue: str
    # Number of waiting tasks, and when the next one was sent, in seconds since 1970 by Redis's
    # clock; None if there is none or it lacks the header.
    waiting: int = 0
    next_sent_at: float | None = None
    # Number of tasks held by workers, and when the oldest of them was sent.
    in_flight: int = 0
    oldest_in_flight_sent_at: float | None = None


def stamp(now: float, expires_s: float | None = None) -> dict[str, float]:
    """Return the headers of a task that is being sent.

    Args:
        now: The time by Redis's clock.
        expires_s: Seconds until the task expires; None for never.
    """
    sent = {_SENT_AT: now}
    return sent if expires_s is None else sent | {_EXPIRES_AT: now + expires_s}


def rest_s(headers: Mapping[str, Any], now: float) -> float | None:
    """Return the seconds until a task expires; None for never."""
    expires_at = headers.get(_EXPIRES_AT)
    return expires_at - now if isinstance(expires_at, float) else None


def age_s(headers: Mapping[str, Any], now: float) -> float | None:
    """Return the seconds since a task was sent; None if it does not say."""
    sent_at = _sent_at({"headers": headers})
    return None if sent_at is None else now - sent_at


def has_expired(headers: Mapping[str, Any], now: float) -> bool:
    """Return whether a task has expired.

    Args:
        headers: The headers of the task's message.
        now: The time by Redis's clock.
    """
    left_s = rest_s(headers, now)
    return left_s is not None and left_s < 0


@broker_call
def payloads(redis: Redis, queues: Sequence[str]) -> list[dict[str, Any]]:
    """Return the payloads of all waiting and delivered tasks of some short queues.

    Waiting tasks are read first, so a message that is delivered meanwhile is returned twice and
    never missed. A message that is requeued meanwhile may be missed.

    Raises:
        BrokerUnavailable: Redis does not answer.
    """
    found = [payload for queue in queues for payload in _waiting(redis, queue)]
    return [*found, *delivered(redis, queues)]


@broker_call
def delivered(redis: Redis, queues: Collection[str]) -> list[dict[str, Any]]:
    """Return the payloads of the tasks from some queues that workers hold.

    Raises:
        BrokerUnavailable: Redis does not answer.
    """
    # A message that is here throughout is found; one may be found twice.
    entries = redis.hscan_iter(Channel.unacked_key, count=_PAGE_DELIVERED)
    messages = (json.loads(text) for _, text in entries)
    return [_payload(message) for message, _, queue in messages if queue in queues]


@broker_call
def next_sent_at(redis: Redis, queues: Sequence[str]) -> dict[str, float]:
    """Return when the next task of each queue was sent, in seconds since 1970 by Redis's clock.

    Now if the queue is empty; 0 if the task does not say.

    Raises:
        BrokerUnavailable: Redis does not answer.
    """
    pipe = redis.pipeline(transaction=False)
    # Read the time first: a task that enters an empty queue later was sent after it.
    pipe.time()
    for queue in queues:
        pipe.lindex(queue, -1)
    time, *tasks = pipe.execute()
    return {
        queue: seconds(time) if task is None else _sent_at(json.loads(task)) or 0.0
        for queue, task in zip(queues, tasks, strict=True)
    }


def _waiting(redis: Redis, queue: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while page := redis.lrange(queue, len(found), len(found) + _PAGE - 1):
        found += [_payload(json.loads(text)) for text in cast("list[str]", page)]
    return found


def _payload(message: dict[str, Any]) -> dict[str, Any]:
    """Return the only argument of a task; kombu encodes arguments as JSON in base64."""
    body = base64.b64decode(message["body"])
    compression = message["headers"].get("compression")
    (payload,), _, _ = json.loads(decompress(body, compression) if compression else body)
    return cast("dict[str, Any]", payload)


@broker_call
def read_depths(redis: Redis, queues: Sequence[str]) -> list[QueueDepth]:
    """Return the depth of each queue; raises ``BrokerUnavailable``.

    Args:
        redis: A client of the broker's database that decodes responses.
        queues: The names of the queues.
    """
    pipe = redis.pipeline(transaction=False)
    for queue in queues:
        pipe.llen(queue)
        pipe.lindex(queue, -1)
    pipe.hvals(Channel.unacked_key)
    *lists, unacked = pipe.execute()
    held = _held(unacked)
    return [
        QueueDepth(
            queue=queue,
            waiting=waiting,
            next_sent_at=None if following is None else _sent_at(json.loads(following)),
            in_flight=len(held[queue]),
            oldest_in_flight_sent_at=min((at for at in held[queue] if at), default=None),
        )
        for queue, waiting, following in zip(queues, lists[::2], lists[1::2], strict=True)
    ]


def together(purpose: str, depths: Sequence[QueueDepth]) -> QueueDepth:
    """Return the depth of several queues of one purpose as that of one queue."""
    next_sent = [each.next_sent_at for each in depths if each.next_sent_at is not None]
    oldest = [each.oldest_in_flight_sent_at for each in depths]
    return QueueDepth(
        queue=purpose,
        waiting=sum(each.waiting for each in depths),
        next_sent_at=min(next_sent, default=None),
        in_flight=sum(each.in_flight for each in depths),
        oldest_in_flight_sent_at=min((at for at in oldest if at), default=None),
    )


def _held(unacked: Sequence[str]) -> dict[str, list[float | None]]:
    """Return when the delivered messages were sent, by queue."""
    held: dict[str, list[float | None]] = defaultdict(list)
    for text in unacked:
        message, _, queue = json.loads(text)
        held[queue].append(_sent_at(message))
    return held


def _sent_at(message: dict[str, Any]) -> float | None:
    found = message["headers"].get(_SENT_AT)
    return found if isinstance(found, float) else None
