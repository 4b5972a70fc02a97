"""Dispatch through Celery on Redis."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from celery import Celery
from celery.backends.redis import RedisBackend
from redis import Redis
from redis.exceptions import RedisError

from api.dispatch.base import TaskResult, TaskState
from api.dispatch.subscription import Subscription, subscribed
from common.blocking import blocking
from common.broker.celery_options import celery_options
from common.broker.names import queues_of
from common.broker.prepared import PreparedTask
from common.broker.queues import QueueDepth, read_depths, together
from common.broker.sender import TaskSender
from common.contract import PURPOSES, Message, ReadRequest
from common.models.base import Models
from common.redis.client import broker_call, broker_error
from common.redis.time import Clock
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

# Seconds after which a listener looks whether it has missed the result: if its subscription took
# longer to reach Redis than the task took to run.
_LOOK_EVERY_S = 1.0


class CeleryDispatcher:
    """Sends tasks with Celery and reads results from its Redis result backend.

    Reads results by their keys, and listens for them on the channels to which the backend
    publishes them, with one connection per waiting request.

    Args:
        settings: The address of Redis.
        redis: A client that decodes responses.
        clock: Redis's clock, which determines when a task expires.
        models: Provide the model whose workers run a task.
    """

    def __init__(
        self,
        settings: Settings,
        redis: Redis,
        clock: Clock,
        models: Models,
    ) -> None:
        options = celery_options(settings)
        # Otherwise reads are strong.
        self._marks_reads = settings.consistency == "marks"
        self._sender = TaskSender(settings, redis, clock, models)
        self._models = models
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
        if isinstance(message, ReadRequest):
            self._sender.send_read(
                task, queue, task_id, message, expires_s, marked=self._marks_reads
            )
        else:
            self._sender.send(task, queue, task_id, message, expires_s)

    @broker_call
    def result(self, task_id: str) -> TaskResult:
        """Return a task's state and result."""
        text = cast("str | None", self._redis.get(self._key(task_id)))
        return TaskResult("queued") if text is None else self._decode(text)

    @contextmanager
    def listen(self, task_id: str) -> Iterator[CeleryListener]:
        """Listen for a task's result during a block, in which the task is sent."""
        try:
            with subscribed(self._redis, self._key(task_id)) as subscription:
                yield CeleryListener(subscription, self._decode, lambda: self.result(task_id))
        except RedisError as error:
            raise broker_error(error) from error

    def wait(self, task_id: str, timeout_s: float) -> TaskResult:
        """Wait as a listener does, for a task that was sent before."""
        with self.listen(task_id) as listener:
            found = self.result(task_id)
            return found if found.done else listener.wait(timeout_s)

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


class CeleryListener:
    """Receives the result of one task.

    Args:
        subscription: Receives what the backend publishes.
        decode: Decodes it.
        look: Reads the result by its key.
    """

    def __init__(
        self,
        subscription: Subscription,
        decode: Callable[[str], TaskResult],
        look: Callable[[], TaskResult],
    ) -> None:
        self._subscription = subscription
        self._decode = decode
        self._look = look

    @broker_call
    def wait(self, timeout_s: float) -> TaskResult:
        """Wait until the task is done or the timeout expires; return its state and result."""
        deadline = time.monotonic() + timeout_s
        found = TaskResult("queued")
        while not found.done and (left_s := deadline - time.monotonic()) > 0:
            with blocking():
                text = self._subscription.message(min(left_s, _LOOK_EVERY_S))
            found = self._look() if text is None else self._decode(text)
        return found
