"""Questions about images, which a worker answers while the caller waits.

Each raises ``Overloaded`` where as many wait as may (``api/http/stream_slots.py``).
"""

from __future__ import annotations

import uuid
from typing import TypeVar

from api.auth.caller import current_tenant
from api.http.stream_slots import slots
from api.services import services
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


def find_image(image_id: str) -> ImageRecord:
    """Return an indexed image.

    Raises:
        NotFound: It is not indexed.
        WorkerUnavailable: No worker answered, or the store does not answer it.
    """
    images = _ask(CATALOG_GET, _request([image_id]), CatalogImages).images
    if not images:
        raise NotFound(f"There is no image {image_id}.")
    return images[0]


def known_images(ids: list[str]) -> list[str]:
    """Return those of the ids that a search can find; raises ``WorkerUnavailable``."""
    return _ask(CATALOG_KNOWN, _request(ids), CatalogKnown).known


def list_images(limit: int, tag: str | None, after: Place | None) -> CatalogPage:
    """Return a page of images, newest first; raises ``WorkerUnavailable``."""
    request = CatalogListRequest(tenant=current_tenant(), limit=limit, tag=tag, after=after)
    return _ask(CATALOG_LIST, request, CatalogPage)


def delete_image(image_id: str) -> None:
    """Let an image be in no search that starts afterwards.

    Raises:
        NotFound: It is not indexed.
        WorkerUnavailable: No worker answered, the store does not answer it, or the
            image is being ingested. It may be deleted all the same; ask again.
    """
    if not _ask(CATALOG_DELETE, _request([image_id]), CatalogDeleted).deleted:
        raise NotFound(f"There is no image {image_id}.")


def _request(ids: list[str]) -> CatalogRequest:
    return CatalogRequest(tenant=current_tenant(), ids=ids)


def _ask(task: str, request: Message, answer: type[Answer]) -> Answer:
    dispatcher = services().dispatcher
    task_id = uuid.uuid4().hex
    # Take the place first: without one there is no point in sending the question.
    with slots().waits.held():
        dispatcher.send(task, SEARCH_QUEUE, task_id, request, expires_s=_TIMEOUT_S)
        result = dispatcher.wait(task_id, _TIMEOUT_S)
    if result.state != "succeeded":
        raise WorkerUnavailable("No search worker answered in time; try again in a moment.")
    found = answer.model_validate(result.value)
    if found.error is not None:
        if found.error.code == StoreError.code:
            # To ask again would not help.
            raise StoreError(found.error.detail)
        raise WorkerUnavailable(found.error.detail)
    return found
