"""Sends tasks by name, from the API and from workers that create more tasks."""

from __future__ import annotations

from collections.abc import Callable

from celery import Celery
from kombu.exceptions import OperationalError

from common.broker.celery_options import celery_options
from common.broker.names import queue_for
from common.broker.queues import stamp
from common.broker.request_header import request_header
from common.contract import INGEST_CHUNK, Message, dump
from common.models.base import Models
from common.redis_client import broker_error
from common.redis_time import Clock
from common.settings import Settings
from common.traces.spans import trace_headers

# Stands for a task's payload in Celery's events. By default Celery formats the payload itself,
# which takes as long as encoding it as JSON, and nothing reads the result.
_NO_REPR = "..."
# Tasks whose payloads are compressed: ids and similar file names take a third of their bytes.
_COMPRESSED = frozenset({INGEST_CHUNK})

# Sends a task, given its name, id and payload, to a queue chosen in advance.
Send = Callable[[str, str, Message], None]


class TaskSender:
    """Sends tasks to queues.

    Its Celery app has no result backend. Otherwise Celery would subscribe to the result of every
    task it sends, and a sender that never collects the results would keep these subscriptions
    forever.

    Args:
        settings: The address of Redis.
        clock: Redis's clock, which determines when a task expires.
        models: Provide the model whose workers run a task.
    """

    def __init__(self, settings: Settings, clock: Clock, models: Models) -> None:
        self._clock = clock
        self._models = models
        self._app = Celery("glimpse.sender", set_as_current=False)
        self._app.conf.update(celery_options(settings))

    def send(
        self,
        task: str,
        queue: str,
        task_id: str,
        message: Message,
        expires_s: float | None = None,
        *,
        first: bool = False,
    ) -> None:
        """Send a task to a queue of the model that runs such tasks now.

        Args:
            task: A task name from ``common.contract``.
            queue: One of ``PURPOSES``.
            task_id: Chosen by the caller; the result is stored under it.
            message: The payload.
            expires_s: Seconds until the task expires; None for never.
            first: Whether it has the first images of a tenant that had none waiting.

        Raises:
            BrokerUnavailable: Redis does not answer.
        """
        model = self._models.roles().of(queue)
        name = queue_for(queue, model, message, first=first)
        self.send_to(name, task, task_id, message, expires_s)

    def send_to(
        self, name: str, task: str, task_id: str, message: Message, expires_s: float | None = None
    ) -> None:
        """Send a task to the queue of this name; see ``send``."""
        try:
            self._app.send_task(
                task,
                args=[dump(message)],
                task_id=task_id,
                queue=name,
                headers=stamp(self._clock.now(), expires_s) | request_header() | trace_headers(),
                retry=False,
                compression="zlib" if task in _COMPRESSED else None,
                argsrepr=_NO_REPR,
                kwargsrepr=_NO_REPR,
            )
        except (OperationalError, OSError) as error:
            raise broker_error(error) from error
