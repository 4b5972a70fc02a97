"""Dispatch through Celery on Redis."""

from __future__ import annotations

import time
from typing import Any, cast

from celery import Celery
from celery.backends.redis import RedisBackend
from redis import Redis

from api.dispatch.base import TaskResult, TaskState
from common.broker.celery_options import celery_options
from common.broker.queues import QueueDepth, read_depths
from common.broker.sender import TaskSender
from common.contract import QUEUES, Message
from common.redis_client import SOCKET_TIMEOUT_S, broker_call
from common.redis_time import Clock
from common.settings import Settings

# States that Celery writes, as the API names them.
_STATES: dict[str, TaskState] = {
    "PENDING": "queued",
    "STARTED": "running",
    "RETRY": "running",
    "SUCCESS": "succeeded",
    "FAILURE": "failed",
    "REVOKED": "failed",
}


class CeleryDispatcher:
    """Sends with Celery; reads what Celery's Redis result backend holds.

    Results are read by their key, and awaited on the channel that the backend
    publishes them on, with one connection for each waiting request.

    Args:
        settings: Where Redis is.
        redis: A client of it that decodes responses.
        clock: Redis's, which says when a task expires.
    """

    def __init__(self, settings: Settings, redis: Redis, clock: Clock) -> None:
        options = celery_options(settings)
        self._sender = TaskSender(settings, clock)
        reader = Celery("glimpse.api.results", set_as_current=False)
        reader.conf.update(options)
        self._backend = RedisBackend(app=reader, url=settings.redis_url)
        self._redis = redis

    def send(
        self, task: str, queue: str, task_id: str, message: Message, expires_s: float | None = None
    ) -> None:
        """Put a task into a queue."""
        self._sender.send(task, queue, task_id, message, expires_s)

    @broker_call
    def result(self, task_id: str) -> TaskResult:
        """Return where a task stands."""
        text = cast("str | None", self._redis.get(self._key(task_id)))
        return TaskResult("queued") if text is None else self._decode(text)

    @broker_call
    def wait(self, task_id: str, timeout_s: float) -> TaskResult:
        """Return a task's result as soon as it is there, or its state at the timeout."""
        deadline = time.monotonic() + timeout_s
        with self._redis.pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
            # Subscribe first and look then: a result that comes between is not missed.
            channel.subscribe(self._key(task_id))
            found = self.result(task_id)
            while not found.done and (rest := deadline - time.monotonic()) > 0:
                message = channel.get_message(timeout=min(rest, SOCKET_TIMEOUT_S / 2))
                if message:
                    found = self._decode(message["data"])
        return found

    def depths(self) -> list[QueueDepth]:
        """Return how much waits in each queue, and what is in hand."""
        return read_depths(self._redis, QUEUES)

    def _key(self, task_id: str) -> str:
        key: bytes | str = self._backend.get_key_for_task(task_id)
        return key.decode() if isinstance(key, bytes) else key

    def _decode(self, text: str) -> TaskResult:
        meta: dict[str, Any] = self._backend.decode_result(text.encode())
        return TaskResult(_STATES.get(meta["status"], "running"), meta["result"])
