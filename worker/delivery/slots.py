"""The threads that run tasks; each settles its task's message itself."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from celery import Task
from celery.concurrency.thread import TaskPool
from celery.worker.request import Request

log = logging.getLogger(__name__)


class LeasedRequest(Request):
    """A task's request that settles its message in the task's own thread.

    Celery leaves that to its event loop, which blocks during an outage of Redis and
    no longer runs at shutdown. The event loop's later call finds the message settled,
    and makes the loop fetch the next one.
    """

    def acknowledge(self) -> None:
        """Settle the message."""
        self.message.ack()
        super().acknowledge()

    def reject(self, requeue: bool = False) -> None:
        """Requeue the message, or drop it."""
        self.message.reject(requeue)
        super().reject(requeue)


class LeasedTask(Task[Any, Any]):
    """A task with leased requests."""

    Request = LeasedRequest  # type: ignore[assignment]
    # Characters of a result in Celery's log line. The hits of a search have the names of pictures,
    # and formatting them takes as long as storing them.
    resultrepr_maxsize = 1


class SlotPool(TaskPool):
    """Celery's thread pool, but every task that ends leaves its message settled or requeued.

    Celery calls no callback after an error outside the task: its result could not be
    stored, memory ran out, or the thread was asked to stop. Such a message goes to
    the end of its queue.
    """

    def on_apply(
        self,
        target: Callable[..., Any],
        args: Any = None,
        kwargs: Any = None,
        callback: Any = None,
        accept_callback: Any = None,
        **options: Any,
    ) -> Any:
        """Run a task in a thread."""
        result: Any = super().on_apply(target, args, kwargs, callback, accept_callback, **options)
        # The callbacks are methods of the task's request, which is not passed otherwise.
        result.f.add_done_callback(partial(_requeue_unsettled, callback.__self__))
        return result


def _requeue_unsettled(request: Request, ended: Future[Any]) -> None:
    """Requeue a message that was neither settled nor requeued."""
    if not request.acknowledged:
        error = None if ended.cancelled() else ended.exception()
        log.error("task.not_settled id=%s", request.id, exc_info=error)
        request.reject(requeue=True)
