"""Sends tasks by name, from the API and from workers that create more tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from celery import Celery
from redis import Redis

from common.broker.as_of_header import place_for_marks, split_at_marks
from common.broker.celery_options import celery_options
from common.broker.message import encode_task
from common.broker.names import queue_for
from common.broker.prepared import PreparedTask
from common.broker.queues import stamp
from common.broker.request_header import request_header
from common.contract import INGEST_CHUNK, Message, dump
from common.models.base import Models
from common.models.redis import ROLES_KEY
from common.read_marks.redis import marks_keys
from common.recent import Recent
from common.redis.client import broker_call
from common.redis.scripts import RedisScript
from common.redis.time import Clock
from common.settings import Settings
from common.traces.spans import trace_headers

# Tasks whose payloads are compressed: ids and similar file names take a third of their bytes.
_COMPRESSED = frozenset({INGEST_CHUNK})
# Seconds for which the models' roles are taken as known. A worker forwards a task that has reached
# it by an earlier role.
_ROLES_S = 0.1

# Sends a task, given its name, id and payload, to a queue chosen in advance.
Send = Callable[[str, str, Message], None]


class TaskSender:
    """Sends tasks to queues.

    Args:
        settings: Celery's options follow from them.
        redis: A client of the database that has the queues.
        clock: Redis's clock, which determines when a task expires.
        models: Provide the model whose workers run a task.
    """

    def __init__(self, settings: Settings, redis: Redis, clock: Clock, models: Models) -> None:
        self._redis = redis
        self._send_read = RedisScript(redis, "common/broker/lua/send_read.lua")
        self._clock = clock
        self._roles = Recent(models.roles, _ROLES_S)
        # It only describes tasks, and never connects.
        self._app = Celery("glimpse.sender", set_as_current=False)
        self._app.conf.update(celery_options(settings))

    def prepare(
        self,
        task: str,
        queue: str,
        task_id: str,
        message: Message,
        expires_s: float | None = None,
        *,
        first: bool = False,
    ) -> PreparedTask:
        """Return a task for a queue of the model that runs such tasks now.

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
        name = queue_for(queue, self._roles().of(queue), message, first=first)
        return self._prepare(name, task, task_id, message, expires_s)

    def send(
        self, task: str, queue: str, task_id: str, message: Message, expires_s: float | None = None
    ) -> None:
        """Send a task to a queue of the model that runs such tasks now; see ``prepare``."""
        self.prepare(task, queue, task_id, message, expires_s).put()

    def send_read(
        self,
        task: str,
        queue: str,
        task_id: str,
        message: Message,
        expires_s: float | None = None,
        *,
        marked: bool,
    ) -> None:
        """Send a task that reads the store to the model that is active at this moment.

        So a search that starts after a job succeeded is answered by the model that has its images.
        If it is ``marked``, it reads as of the read marks of this moment, otherwise strongly. The
        other arguments are those of ``prepare``; uploads have another way.
        """
        marks = place_for_marks() if marked else {}
        active = self._roles().active
        while True:
            name = queue_for(queue, active, message)
            text = self._encode(name, task, task_id, message, expires_s, marks)
            if self._put_read(name, active, text):
                return
            active = self._roles.again().active

    @broker_call
    def _put_read(self, queue: str, active: str | None, text: str) -> bool:
        """Put a read into a queue, with the read marks; return False if another model is active."""
        before, after = split_at_marks(text)
        return bool(
            self._send_read(
                queue_key=queue,
                roles_key=ROLES_KEY,
                **marks_keys(),
                active=active or "",
                before=before,
                after=after,
            )
        )

    def send_to(
        self, name: str, task: str, task_id: str, message: Message, expires_s: float | None = None
    ) -> None:
        """Send a task to the queue of this name; see ``prepare``."""
        self._prepare(name, task, task_id, message, expires_s).put()

    def _prepare(
        self, name: str, task: str, task_id: str, message: Message, expires_s: float | None
    ) -> PreparedTask:
        text = self._encode(name, task, task_id, message, expires_s, {})
        return PreparedTask(name, text, partial(self._put, name, text))

    def _encode(
        self,
        name: str,
        task: str,
        task_id: str,
        message: Message,
        expires_s: float | None,
        headers: Mapping[str, str],
    ) -> str:
        stamped = stamp(self._clock.now(), expires_s)
        return encode_task(
            self._app,
            name,
            task,
            task_id,
            dump(message),
            {**stamped, **request_header(), **trace_headers(), **headers},
            compressed=task in _COMPRESSED,
        )

    @broker_call
    def _put(self, queue: str, text: str) -> None:
        self._redis.lpush(queue, text)
