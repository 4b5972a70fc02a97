"""Dispatch within this process: the complete fake for tests."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from api.dispatch.base import TaskResult
from common.broker.prepared import PreparedTask
from common.broker.queues import QueueDepth
from common.contract import PURPOSES, Message, dump


class InlineDispatcher:
    """Runs each task with the handler for its name as soon as it is sent.

    A task without a handler stays queued, like a task that no worker takes. Payloads and results
    are encoded as JSON and decoded, as with Celery.

    Args:
        handlers: Functions from payload to result, by task name.
    """

    def __init__(self, handlers: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]) -> None:
        self._handlers = handlers
        self._results: dict[str, TaskResult] = {}
        # The queue of each task without a handler, and when it was sent.
        self._waiting: list[tuple[str, float]] = []

    def prepare(
        self, task: str, queue: str, task_id: str, message: Message, *, first: bool = False
    ) -> PreparedTask:
        """Return a task that runs when it is put into its queue."""
        del first
        put = partial(self.send, task, queue, task_id, message)
        return PreparedTask(queue, json.dumps(dump(message)), put)

    def send(
        self, task: str, queue: str, task_id: str, message: Message, expires_s: float | None = None
    ) -> None:
        """Run a task; the queue is ignored and the task never expires."""
        del expires_s
        handler = self._handlers.get(task)
        if handler is None:
            self._waiting.append((queue, time.time()))
            return
        payload = json.loads(json.dumps(dump(message)))
        try:
            value = json.loads(json.dumps(handler(payload)))
        except Exception:
            self._results[task_id] = TaskResult("failed")
        else:
            self._results[task_id] = TaskResult("succeeded", value)

    def send_to(self, name: str, task: str, task_id: str, message: Message) -> None:
        """Run a task; the queue is ignored."""
        self.send(task, name, task_id, message)

    def result(self, task_id: str) -> TaskResult:
        """Return a task's state and result."""
        return self._results.get(task_id, TaskResult("queued"))

    @contextmanager
    def listen(self, task_id: str) -> Iterator[InlineListener]:
        """Return a listener, which has nothing to wait for."""
        yield InlineListener(self, task_id)

    def wait(self, task_id: str, timeout_s: float) -> TaskResult:
        """Return a task's state and result; it has already run, or never will."""
        return InlineListener(self, task_id).wait(timeout_s)

    def keep(self, task_id: str, ttl_s: int) -> None:
        """Do nothing: results in memory never expire."""

    def forget(self, task_id: str) -> None:
        """Delete a task's result."""
        self._results.pop(task_id, None)

    def depths(self) -> list[QueueDepth]:
        """Return the number of tasks without a handler; none is ever in flight."""
        depths = []
        for queue in PURPOSES:
            sent = [sent_at for name, sent_at in self._waiting if name == queue]
            depths.append(QueueDepth(queue, len(sent), min(sent, default=None)))
        return depths


class InlineListener:
    """Returns the result of one task.

    Args:
        dispatcher: Runs the task.
        task_id: The task's id.
    """

    def __init__(self, dispatcher: InlineDispatcher, task_id: str) -> None:
        self._dispatcher = dispatcher
        self._task_id = task_id

    def wait(self, timeout_s: float) -> TaskResult:
        """Return the task's state and result; it has already run, or never will."""
        del timeout_s
        return self._dispatcher.result(self._task_id)
