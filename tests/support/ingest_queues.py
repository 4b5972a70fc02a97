"""The waiting uploads of a real broker."""

from __future__ import annotations

from typing import cast

from redis import Redis

from common.broker.names import queues_of
from common.contract import INGEST_QUEUE


def waiting_uploads(redis: Redis, model: str = "hashing") -> int:
    """Return the number of ingest tasks that wait for the workers of a model."""
    return sum(cast("int", redis.llen(name)) for name in queues_of(INGEST_QUEUE, [model]))
