"""Routing: no task is run by a worker of another model."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from common.broker.names import queue_for
from common.broker.queues import age_s
from common.broker.sender import TaskSender
from common.contract import (
    CATALOG_QUEUE,
    INGEST_QUEUE,
    SEARCH_QUEUE,
    SEARCH_TASKS,
    Done,
    EditImages,
    IngestArchive,
    IngestChunk,
    Message,
)
from common.errors import ServiceError
from common.jobs.base import JobRecords
from common.models.base import Models

log = logging.getLogger(__name__)

# Seconds since a task was sent in which its queue's model is taken to be active still.
_JUST_SENT_S = 1.0

Payload = TypeVar("Payload", IngestChunk, IngestArchive, EditImages)


class SwitchInProgress(ServiceError):
    """Uploads wait until this worker's model is active, in a moment."""

    code = "switch_in_progress"


class Routing:
    """Decides whether this worker runs a task, and forwards the others.

    A task may come from a queue without a model, or from the time before a switch.

    Args:
        models: The models' roles.
        model: The name of this worker's model.
        sender: Sends tasks.
        jobs: Learns of the tasks that enter another queue.
    """

    def __init__(self, models: Models, model: str, sender: TaskSender, jobs: JobRecords) -> None:
        self._models = models
        self._model = model
        self._sender = sender
        self._jobs = jobs

    def ingests(
        self,
        task: str,
        task_id_of: Callable[[Payload], str],
        run: Callable[[Payload, str], Message],
    ) -> Callable[[Payload, str], Message]:
        """Return ``run`` for an ingest task, but for tasks of another model."""

        def routed(message: Payload, owner: str) -> Message:
            roles = self._models.roles()
            target = roles.of(INGEST_QUEUE)
            if target not in (None, self._model):
                log.info("task.forwarded name=%s to=%s", task, target)
                self._sender.send_to(
                    queue_for(INGEST_QUEUE, target, message), task, task_id_of(message), message
                )
                self._jobs.requeued(message.job_id)
                return Done()
            if roles.active not in (None, self._model):
                raise SwitchInProgress(f"{self._model} becomes the active model in a moment.")
            return run(message, owner)

        return routed

    def forwards(self, task: str, task_id: str, message: Message, expires_s: float | None) -> bool:
        """Forward a task that a caller waits for if another model is active; return whether."""
        active = self._models.roles().active
        if active in (None, self._model):
            return False
        queue = SEARCH_QUEUE if task in SEARCH_TASKS else CATALOG_QUEUE
        self._sender.send_to(queue_for(queue, active, message), task, task_id, message, expires_s)
        return True


def is_just_sent(headers: Mapping[str, Any], model: str, now: float) -> bool:
    """Return whether a task was sent to a model's queue a moment ago.

    The model was active then, so its collection has all images whose jobs had ended.

    Args:
        headers: The headers of the task's message, and where it was delivered from.
        model: The model of this worker.
        now: The time by Redis's clock.
    """
    # The routing key of a message sent directly to a queue is the queue's name.
    queue = (headers.get("delivery_info") or {}).get("routing_key", "")
    age = age_s(headers, now)
    return queue.endswith(f"@{model}") and age is not None and age < _JUST_SENT_S
