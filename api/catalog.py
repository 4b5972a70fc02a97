"""Queries about images, answered by a worker while the caller waits.

Each raises ``Overloaded`` if no wait slot is free (``api/http/stream_slots.py``).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TypeVar

from api.dispatch.base import Dispatcher
from api.http.stream_slots import Slots
from common.contract import (
    CATALOG_DELETE,
    CATALOG_GET,
    CATALOG_KNOWN,
    CATALOG_LIST,
    SEARCH_QUEUE,
    CatalogDeleted,
    CatalogImages,
    CatalogKnown,
    CatalogListRequest,
    CatalogPage,
    CatalogRequest,
    Dropped,
    ImageRecord,
    Message,
    ModelsList,
    Place,
)
from common.errors import NotFound, StoreError, WorkerUnavailable

# Seconds to wait for a worker's answer.
_TIMEOUT_S = 4.0

Answer = TypeVar(
    "Answer", CatalogImages, CatalogKnown, CatalogDeleted, CatalogPage, ModelsList, Dropped
)


@dataclass(frozen=True, slots=True)
class Catalog:
    """One tenant's images, queried through the workers.

    Args:
        dispatcher: Sends the queries to the workers.
        waits: Slots for requests that wait for a worker.
        tenant: The owner of the images.
    """

    dispatcher: Dispatcher
    waits: Slots
    tenant: str

    def find(self, image_id: str) -> ImageRecord:
        """Return an indexed image.

        Raises:
            NotFound: The image is not indexed.
            WorkerUnavailable: No worker answered, or the store did not answer the worker.
        """
        images = self._ask(CATALOG_GET, self._request([image_id]), CatalogImages).images
        if not images:
            raise NotFound(f"There is no image {image_id}.")
        return images[0]

    def known(self, ids: list[str]) -> list[str]:
        """Return the subset of ids that a search can find; raises ``WorkerUnavailable``."""
        return self._ask(CATALOG_KNOWN, self._request(ids), CatalogKnown).known

    def page(self, limit: int, tag: str | None, after: Place | None) -> CatalogPage:
        """Return a page of images, newest first; raises ``WorkerUnavailable``."""
        request = CatalogListRequest(tenant=self.tenant, limit=limit, tag=tag, after=after)
        return self._ask(CATALOG_LIST, request, CatalogPage)

    def delete(self, image_id: str) -> None:
        """Delete an image; searches that start afterwards do not find it.

        Raises:
            NotFound: The image is not indexed.
            WorkerUnavailable: No worker answered, the store did not answer the worker, or the
                image is being ingested. The delete may still have taken effect; retry.
        """
        if not self._ask(CATALOG_DELETE, self._request([image_id]), CatalogDeleted).deleted:
            raise NotFound(f"There is no image {image_id}.")

    def _request(self, ids: list[str]) -> CatalogRequest:
        return CatalogRequest(tenant=self.tenant, ids=ids)

    def _ask(self, task: str, request: Message, answer: type[Answer]) -> Answer:
        return ask(self.dispatcher, self.waits, task, request, answer)


def ask(
    dispatcher: Dispatcher, waits: Slots, task: str, request: Message, answer: type[Answer]
) -> Answer:
    """Run a task in a search worker and return its result.

    Raises:
        Overloaded: No wait slot is free.
        WorkerUnavailable: No worker answered, or the store did not answer the worker.
        StoreError: The store refused.
    """
    task_id = uuid.uuid4().hex
    # Take the slot first: without one, the answer could not be awaited.
    with waits.held():
        dispatcher.send(task, SEARCH_QUEUE, task_id, request, expires_s=_TIMEOUT_S)
        result = dispatcher.wait(task_id, _TIMEOUT_S)
    if result.state != "succeeded":
        raise WorkerUnavailable("No search worker answered in time; try again in a moment.")
    found = answer.model_validate(result.value)
    if found.error is not None:
        if found.error.code == StoreError.code:
            # Permanent: a retry would fail too.
            raise StoreError(found.error.detail)
        raise WorkerUnavailable(found.error.detail)
    return found
