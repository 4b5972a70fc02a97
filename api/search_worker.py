"""Calls of a search worker, whose answer the request waits for."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from api.dispatch.base import Dispatcher, TaskResult
from api.http.stream_slots import Slots
from common.contract import (
    CatalogDeleted,
    CatalogEdited,
    CatalogImages,
    CatalogKnown,
    CatalogPage,
    CatalogTags,
    Dropped,
    EmbeddingsResult,
    Message,
    ModelsList,
    ThumbnailResult,
)
from common.errors import (
    BrokerUnavailable,
    Overloaded,
    StoreError,
    Unprocessable,
    WorkerUnavailable,
)

Answer = TypeVar(
    "Answer",
    CatalogImages,
    CatalogKnown,
    CatalogDeleted,
    CatalogEdited,
    CatalogPage,
    CatalogTags,
    EmbeddingsResult,
    ModelsList,
    Dropped,
    ThumbnailResult,
)


# Seconds after which to retry a call for which the worker lacked memory.
_RETRY_AFTER_S = 2


@dataclass(frozen=True, slots=True)
class SearchWorker:
    """Whichever search worker takes a call.

    Args:
        dispatcher: Sends the calls to the workers.
        queue: ``SEARCH_QUEUE`` for calls that need the model, else ``CATALOG_QUEUE``.
        slots: Slots for the requests that wait for such calls.
    """

    dispatcher: Dispatcher
    queue: str
    slots: Slots

    def call(self, task: str, request: Message, answer: type[Answer], timeout_s: float) -> Answer:
        """Run a task and return its result.

        Args:
            task: The name of a task of the queue.
            request: Its payload.
            answer: The type of its result.
            timeout_s: Seconds to wait; no worker starts the task after that.

        Raises:
            Overloaded: No slot is free (``api/http/stream_slots.py``), or the worker lacks memory.
            WorkerUnavailable: No worker answered, or a part of the service did not answer it.
            StoreError: The vector store refuses permanently.
            Unprocessable: The worker found a value that is not acceptable.
        """
        result = self._result(task, request, timeout_s)
        if result.state != "succeeded":
            raise WorkerUnavailable(
                f"No search worker answered within {timeout_s:g} s; try again in a moment."
            )
        found = answer.model_validate(result.value)
        if found.error is not None:
            if found.error.code == StoreError.code:
                # Permanent: a retry would fail too.
                raise StoreError(found.error.detail)
            if found.error.code == Unprocessable.code:
                raise Unprocessable(found.error.detail)
            if found.error.code == Overloaded.code:
                raise Overloaded(found.error.detail, _RETRY_AFTER_S)
            raise WorkerUnavailable(found.error.detail)
        return found

    def _result(self, task: str, request: Message, timeout_s: float) -> TaskResult:
        task_id = uuid.uuid4().hex
        # Take the slot first: without one, the answer could not be awaited.
        with self.slots.held(), self.dispatcher.listen(task_id) as listener:
            self.dispatcher.send(task, self.queue, task_id, request, expires_s=timeout_s)
            result = listener.wait(timeout_s)
        # It is read only once, and thousands of them would fill Redis before they expire.
        with suppress(BrokerUnavailable):
            self.dispatcher.forget(task_id)
        return result
