"""What waits in the queues and what is in hand, as kombu keeps it in Redis.

kombu has a list for each queue, whose right end is taken next, and one hash for
what was delivered and is not acknowledged: the message, its exchange and its
routing key, which is the queue's name, under the delivery tag.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from kombu.transport.redis import Channel
from redis import Redis

from common.redis_client import broker_call

# Headers of a task's message: when it was sent, and when it is no longer worth running, in
# seconds since 1970 by Redis's clock. Celery's own ``expires`` is by the sender's, and is
# compared with the worker's.
_SENT_AT, _EXPIRES_AT = "sent_at", "expires_at"

# Messages read at a time.
_PAGE = 500


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """One queue at one moment."""

    queue: str
    # Tasks that wait, and when the one that is taken next was sent, in seconds since 1970 by
    # Redis's clock; None where there is none, or its sender did not say.
    waiting: int = 0
    next_sent_at: float | None = None
    # Tasks that workers hold, and when the oldest of them was sent.
    in_flight: int = 0
    oldest_in_flight_sent_at: float | None = None


def stamp(now: float, expires_s: float | None = None) -> dict[str, float]:
    """Return the headers that every task is sent with.

    Args:
        now: The time by Redis's clock.
        expires_s: Seconds after which the task is no longer worth running.
    """
    sent = {_SENT_AT: now}
    return sent if expires_s is None else sent | {_EXPIRES_AT: now + expires_s}


def has_expired(headers: Mapping[str, Any], now: float) -> bool:
    """Tell by its headers whether a task is no longer worth running.

    Args:
        headers: Of the task's message.
        now: The time by Redis's clock.
    """
    expires_at = headers.get(_EXPIRES_AT)
    return isinstance(expires_at, float) and now > expires_at


@broker_call
def payloads(redis: Redis, queue: str) -> list[dict[str, Any]]:
    """Return the payloads of all tasks of a queue that wait or are in hand.

    Those that wait are read first: a message that is taken meanwhile is seen twice
    and never missed. One that is put back meanwhile may be missed.

    Raises:
        BrokerUnavailable: Redis does not answer.
    """
    found: list[dict[str, Any]] = []
    while page := redis.lrange(queue, len(found), len(found) + _PAGE - 1):
        found += [_payload(json.loads(text)) for text in cast("list[str]", page)]
    for text in cast("list[str]", redis.hvals(Channel.unacked_key)):
        message, _, its_queue = json.loads(text)
        if its_queue == queue:
            found.append(_payload(message))
    return found


def _payload(message: dict[str, Any]) -> dict[str, Any]:
    """Return the one argument of a task; kombu writes its arguments as base64 of JSON."""
    (payload,), _, _ = json.loads(base64.b64decode(message["body"]))
    return cast("dict[str, Any]", payload)


@broker_call
def read_depths(redis: Redis, queues: Sequence[str]) -> list[QueueDepth]:
    """Return the depth of each queue; raises ``BrokerUnavailable``.

    Args:
        redis: A client of the broker's database that decodes responses.
        queues: Names of queues.
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


def _held(unacked: Sequence[str]) -> dict[str, list[float | None]]:
    """Return when the messages in hand were sent, by their queues."""
    held: dict[str, list[float | None]] = defaultdict(list)
    for text in unacked:
        message, _, queue = json.loads(text)
        held[queue].append(_sent_at(message))
    return held


def _sent_at(message: dict[str, Any]) -> float | None:
    found = message["headers"].get(_SENT_AT)
    return found if isinstance(found, float) else None
