"""The threads that run tasks: when one is done with a message, so is the worker."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from celery import Task
from celery.backends.base import Backend
from celery.concurrency.thread import TaskPool
from celery.worker.request import Request

log = logging.getLogger(__name__)


class LeasedRequest(Request):
    """A task's request that settles its message in the task's own thread.

    Celery leaves that to its event loop, which waits where Redis is away and turns no
    more once the worker is to end. What it does later finds the message settled, and
    wakes the loop to take the next.
    """

    def acknowledge(self) -> None:
        """Settle the message."""
        self.message.ack()
        super().acknowledge()

    def reject(self, requeue: bool = False) -> None:
        """Put the message back, or drop it."""
        self.message.reject(requeue)
        super().reject(requeue)


def leased_task(results: Backend) -> type[Task[Any, Any]]:
    """Return the base of tasks whose requests are leased, and whose results go there."""
    return type("LeasedTask", (Task,), {"Request": LeasedRequest, "backend": results})


class SlotPool(TaskPool):
    """Celery's pool of threads, which lets no message outlive the task that had it.

    Celery calls nothing back where an error comes from beside the task: its result
    could not be stored, memory ran out, the thread was to end. Such a message goes
    behind all others in its queue.
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
        # The callbacks are methods of the task's request, which is not given otherwise.
        result.f.add_done_callback(partial(_clear, callback.__self__))
        return result


def _clear(request: Request, ended: Future[Any]) -> None:
    """Put back a message that was neither settled nor put back."""
    if not request.acknowledged:
        error = None if ended.cancelled() else ended.exception()
        log.error("task.not_settled id=%s", request.id, exc_info=error)
        request.reject(requeue=True)
