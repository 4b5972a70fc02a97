"""Questions about images, which a worker answers while the caller waits.

Each question raises ``Overloaded`` where as many wait as may (``api/http/stream_slots.py``).
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
    ImageRecord,
    Message,
    Place,
)
from common.errors import NotFound, StoreError, WorkerUnavailable

# Seconds a caller is kept waiting for a worker's answer.
_TIMEOUT_S = 4.0

Answer = TypeVar("Answer", CatalogImages, CatalogKnown, CatalogDeleted, CatalogPage)


@dataclass(frozen=True, slots=True)
class Catalog:
    """One tenant's images, as the workers know them.

    Args:
        dispatcher: Carries the questions.
        waits: Slots of requests that wait for a worker.
        tenant: Whose images.
    """

    dispatcher: Dispatcher
    waits: Slots
    tenant: str

    def find(self, image_id: str) -> ImageRecord:
        """Return an indexed image.

        Raises:
            NotFound: It is not indexed.
            WorkerUnavailable: No worker answered, or the store does not answer it.
        """
        images = self._ask(CATALOG_GET, self._request([image_id]), CatalogImages).images
        if not images:
            raise NotFound(f"There is no image {image_id}.")
        return images[0]

    def known(self, ids: list[str]) -> list[str]:
        """Return those of the ids that a search can find; raises ``WorkerUnavailable``."""
        return self._ask(CATALOG_KNOWN, self._request(ids), CatalogKnown).known

    def page(self, limit: int, tag: str | None, after: Place | None) -> CatalogPage:
        """Return a page of images, newest first; raises ``WorkerUnavailable``."""
        request = CatalogListRequest(tenant=self.tenant, limit=limit, tag=tag, after=after)
        return self._ask(CATALOG_LIST, request, CatalogPage)

    def delete(self, image_id: str) -> None:
        """Let an image be in no search that starts afterwards.

        Raises:
            NotFound: It is not indexed.
            WorkerUnavailable: No worker answered, the store does not answer it, or the
                image is being ingested. It may be deleted all the same; ask again.
        """
        if not self._ask(CATALOG_DELETE, self._request([image_id]), CatalogDeleted).deleted:
            raise NotFound(f"There is no image {image_id}.")

    def _request(self, ids: list[str]) -> CatalogRequest:
        return CatalogRequest(tenant=self.tenant, ids=ids)

    def _ask(self, task: str, request: Message, answer: type[Answer]) -> Answer:
        task_id = uuid.uuid4().hex
        # Take the slot first: without one there is no point in sending the question.
        with self.waits.held():
            self.dispatcher.send(task, SEARCH_QUEUE, task_id, request, expires_s=_TIMEOUT_S)
            result = self.dispatcher.wait(task_id, _TIMEOUT_S)
        if result.state != "succeeded":
            raise WorkerUnavailable("No search worker answered in time; try again in a moment.")
        found = answer.model_validate(result.value)
        if found.error is not None:
            if found.error.code == StoreError.code:
                # To ask again would not help.
                raise StoreError(found.error.detail)
            raise WorkerUnavailable(found.error.detail)
        return found
