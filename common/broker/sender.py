"""Sending tasks by name, from the API and from workers that make more work."""

from __future__ import annotations

from collections.abc import Callable

from celery import Celery
from kombu.exceptions import OperationalError

from common.broker.celery_options import celery_options
from common.broker.queues import stamp
from common.contract import Message, dump
from common.redis_client import broker_error
from common.redis_time import Clock
from common.settings import Settings

# What Celery's own events would show of a task's payload. Made of the payload itself, as Celery
# does unless it is told, it costs a sender as much as the payload's JSON, and nobody reads it.
_NO_ACCOUNT = "..."

# Puts a task into the queue that its maker has chosen: its name, its id, its payload.
Send = Callable[[str, str, Message], None]


class TaskSender:
    """Puts tasks into queues.

    The app that sends has no result backend: Celery would subscribe to the
    result of every task it sends, and a sender that never collects them would
    hold these subscriptions for ever.

    Args:
        settings: Where Redis is.
        clock: Redis's, which says when a task expires.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._clock = clock
        self._app = Celery("glimpse.sender", set_as_current=False)
        self._app.conf.update(celery_options(settings))

    def send(
        self, task: str, queue: str, task_id: str, message: Message, expires_s: float | None = None
    ) -> None:
        """Put a task into a queue.

        Args:
            task: A name of ``common.contract``.
            queue: A queue of ``common.contract``.
            task_id: The caller's choice; its result is kept under it.
            message: The payload.
            expires_s: Seconds after which the task is no longer worth running.

        Raises:
            BrokerUnavailable: Redis does not answer.
        """
        try:
            self._app.send_task(
                task,
                args=[dump(message)],
                task_id=task_id,
                queue=queue,
                headers=stamp(self._clock.now(), expires_s),
                retry=False,
                argsrepr=_NO_ACCOUNT,
                kwargsrepr=_NO_ACCOUNT,
            )
        except (OperationalError, OSError) as error:
            raise broker_error(error) from error
