"""Dispatch through Celery on Redis."""

from __future__ import annotations

import time
from typing import Any, cast

from celery import Celery
from celery.backends.redis import RedisBackend
from redis import Redis

from api.dispatch.base import TaskResult, TaskState
from common.broker.celery_options import celery_options
from common.broker.names import queues_of
from common.broker.prepared import PreparedTask
from common.broker.queues import QueueDepth, read_depths, together
from common.broker.sender import TaskSender
from common.contract import PURPOSES, Message, ReadRequest
from common.models.base import Models
from common.read_marks.base import ReadMarks
from common.redis_client import SOCKET_TIMEOUT_S, broker_call
from common.redis_time import Clock
from common.settings import Settings

# The API's name for each of Celery's states.
_STATES: dict[str, TaskState] = {
    "PENDING": "queued",
    "STARTED": "running",
    "RETRY": "running",
    "SUCCESS": "succeeded",
    "FAILURE": "failed",
    "REVOKED": "failed",
}


class CeleryDispatcher:
    """Sends tasks with Celery and reads results from its Redis result backend.

    Reads results by their keys, and waits for them on the channel to which the backend publishes
    them, with one connection per waiting request.

    Args:
        settings: The address of Redis.
        redis: A client that decodes responses.
        clock: Redis's clock, which determines when a task expires.
        models: Provide the model whose workers run a task.
        marks: Provide the read marks that a read is sent with; None makes reads strong.
    """

    def __init__(
        self,
        settings: Settings,
        redis: Redis,
        clock: Clock,
        models: Models,
        marks: ReadMarks | None = None,
    ) -> None:
        options = celery_options(settings)
        self._sender = TaskSender(settings, redis, clock, models)
        self._models = models
        self._marks = marks
        reader = Celery("glimpse.api.results", set_as_current=False)
        reader.conf.update(options)
        # It only names and decodes results, and never connects.
        self._backend = RedisBackend(app=reader)
        self._redis = redis

    def prepare(
        self, task: str, queue: str, task_id: str, message: Message, *, first: bool = False
    ) -> PreparedTask:
        """Return a task for a queue."""
        return self._sender.prepare(task, queue, task_id, message, first=first)

    def send(
        self, task: str, queue: str, task_id: str, message: Message, expires_s: float | None = None
    ) -> None:
        """Send a task to a queue; a read is to see all writes that were reported before."""
        if self._marks is not None and isinstance(message, ReadRequest):
            message = message.model_copy(update={"as_of": self._marks.read()})
        self._sender.send(task, queue, task_id, message, expires_s)

    @broker_call
    def result(self, task_id: str) -> TaskResult:
        """Return a task's state and result."""
        text = cast("str | None", self._redis.get(self._key(task_id)))
        return TaskResult("queued") if text is None else self._decode(text)

    @broker_call
    def wait(self, task_id: str, timeout_s: float) -> TaskResult:
        """Wait until a task is done or the timeout expires; return its state and result."""
        deadline = time.monotonic() + timeout_s
        with self._redis.pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
            # Subscribe before reading, so that no result is missed in between.
            channel.subscribe(self._key(task_id))
            found = self.result(task_id)
            while not found.done and (rest := deadline - time.monotonic()) > 0:
                message = channel.get_message(timeout=min(rest, SOCKET_TIMEOUT_S / 2))
                if message:
                    found = self._decode(message["data"])
        return found

    @broker_call
    def keep(self, task_id: str, ttl_s: int) -> None:
        """Keep a task's result for this many seconds from now."""
        self._redis.expire(self._key(task_id), ttl_s)

    @broker_call
    def forget(self, task_id: str) -> None:
        """Delete a task's result."""
        self._redis.unlink(self._key(task_id))

    def depths(self) -> list[QueueDepth]:
        """Return the numbers of waiting and delivered tasks of each purpose, for all models."""
        models = [None, *self._models.known()]
        names = {purpose: queues_of(purpose, models) for purpose in PURPOSES}
        depths = read_depths(self._redis, [name for group in names.values() for name in group])
        found = {depth.queue: depth for depth in depths}
        return [together(each, [found[name] for name in names[each]]) for each in PURPOSES]

    def send_to(self, name: str, task: str, task_id: str, message: Message) -> None:
        """Send a task to the queue of this name."""
        self._sender.send_to(name, task, task_id, message)

    def _key(self, task_id: str) -> str:
        key: bytes | str = self._backend.get_key_for_task(task_id)
        return key.decode() if isinstance(key, bytes) else key

    def _decode(self, text: str) -> TaskResult:
        meta: dict[str, Any] = self._backend.decode_result(text.encode())
        return TaskResult(_STATES.get(meta["status"], "running"), meta["result"])
