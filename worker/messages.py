"""Messages as kombu keeps them in Redis: those that wait, and those in hand."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, cast

from kombu.transport.redis import Channel
from redis import Redis

from common.contract import INGEST_QUEUE

# Messages read at a time.
_PAGE = 500


def ingest_payloads(redis: Redis) -> Iterator[dict[str, Any]]:
    """Go through the payloads of all ingest tasks that wait or are in hand.

    Those that wait come first: a message that is taken meanwhile is seen twice
    and never missed. One that is put back meanwhile may be missed.
    """
    start = 0
    while page := cast("list[str]", redis.lrange(INGEST_QUEUE, start, start + _PAGE - 1)):
        yield from (_payload(json.loads(text)) for text in page)
        start += _PAGE
    for text in cast("list[str]", redis.hvals(Channel.unacked_key)):
        message, _, queue = json.loads(text)
        if queue == INGEST_QUEUE:
            yield _payload(message)


def _payload(message: dict[str, Any]) -> dict[str, Any]:
    """Return the one argument of a task; kombu writes its arguments as base64 of JSON."""
    (payload,), _, _ = json.loads(base64.b64decode(message["body"]))
    return cast("dict[str, Any]", payload)
