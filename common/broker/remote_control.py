"""Celery's remote control and events: the names that they have in Redis."""

from __future__ import annotations

# Instead of Celery's "celery": other Celery apps on the same Redis must not reach these workers.
CONTROL_EXCHANGE = "glimpse"
EVENT_EXCHANGE = "glimpse.events"
EVENT_QUEUE_PREFIX = "glimpse:events"
# Seconds after which Redis deletes a worker's unread reply.
REPLY_S = 60

# kombu's names of the exchange of replies, and of a process's queue for them.
_REPLIES = f"reply.{CONTROL_EXCHANGE}.pidbox"
_REPLY_QUEUE = f".{_REPLIES}"


def reply_queue(exchange: str, routing_key: str) -> str | None:
    """Return the queue of a reply's receiver; None if the message is no reply."""
    return f"{routing_key}.{exchange}" if exchange == _REPLIES else None


def is_reply_queue(queue: str) -> bool:
    """Return whether a process receives replies through a queue."""
    return queue.endswith(_REPLY_QUEUE)


def rights_needed(db: int) -> str:
    """Return commands that only a user with the rights to all of it may send, separated by ``|``.

    A transaction that is discarded, so that none is run.

    Args:
        db: The number of Redis's database, which is part of the channels' names.
    """
    control, events = f"/{db}.{CONTROL_EXCHANGE}.pidbox", f"/{db}.{EVENT_EXCHANGE}"
    return (
        f"MULTI|PSUBSCRIBE {control}|PSUBSCRIBE {events}/*|PUBLISH {control} v"
        f"|PUBLISH {events}/worker.heartbeat v|LLEN probe{_REPLY_QUEUE}|DISCARD"
    )
