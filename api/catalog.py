"""Queries about images, answered by a search worker while the caller waits."""

from __future__ import annotations

from dataclasses import dataclass

from api.search_worker import Answer, SearchWorker
from common.contract import (
    CATALOG_DELETE,
    CATALOG_EDIT,
    CATALOG_GET,
    CATALOG_KNOWN,
    CATALOG_LIST,
    CATALOG_TAGS,
    NEWEST_FIRST,
    CatalogDeleted,
    CatalogEdited,
    CatalogImages,
    CatalogKnown,
    CatalogKnownRequest,
    CatalogListRequest,
    CatalogPage,
    CatalogRequest,
    CatalogTags,
    CatalogTagsRequest,
    Change,
    EditRequest,
    ImageRecord,
    Message,
    Place,
    Sort,
)
from common.errors import NotFound
from common.filters.model import Filter
from common.images.filenames import clean_filename

# Seconds to wait for a worker's answer.
_TIMEOUT_S = 4.0


@dataclass(frozen=True, slots=True)
class Catalog:
    """One tenant's images, queried through the workers; raises as ``SearchWorker.call`` does.

    Args:
        worker: Answers the queries.
        tenant: The owner of the images.
    """

    worker: SearchWorker
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

    def known(self, ids: list[str], filenames: list[str] | None = None) -> CatalogKnown:
        """Return the subset of ids that a search can find; raises ``WorkerUnavailable``.

        Args:
            ids: Image ids.
            filenames: The file of each image, to also find those that have been renamed.
        """
        cleaned = None if filenames is None else [clean_filename(name) for name in filenames]
        request = CatalogKnownRequest(tenant=self.tenant, ids=ids, filenames=cleaned)
        return self._ask(CATALOG_KNOWN, request, CatalogKnown)

    def page(
        self,
        limit: int,
        tag: str | None,
        wanted: Filter | None,
        after: Place | None,
        sort: Sort,
        *,
        count: bool,
    ) -> CatalogPage:
        """Return a page of images; raises ``WorkerUnavailable``."""
        # Workers of the release before can answer a list without a filter.
        plain = 1 if wanted is None else 2
        request = CatalogListRequest(
            version=plain if sort == NEWEST_FIRST else 3,
            tenant=self.tenant,
            limit=limit,
            tag=tag,
            filter=wanted,
            sort=sort,
            after=after,
            count=count,
        )
        return self._ask(CATALOG_LIST, request, CatalogPage)

    def tags(self, prefix: str, limit: int) -> CatalogTags:
        """Return the tags that begin with a prefix; raises ``WorkerUnavailable``."""
        request = CatalogTagsRequest(tenant=self.tenant, prefix=prefix, limit=limit)
        return self._ask(CATALOG_TAGS, request, CatalogTags)

    def delete(self, image_id: str) -> None:
        """Delete an image; searches that start afterwards do not find it.

        Raises:
            NotFound: The image is not indexed.
            WorkerUnavailable: No worker answered, the store did not answer the worker, or the
                image is being ingested. The delete may still have taken effect; retry.
        """
        if not self._ask(CATALOG_DELETE, self._request([image_id]), CatalogDeleted).deleted:
            raise NotFound(f"There is no image {image_id}.")

    def edit(self, image_id: str, change: Change) -> ImageRecord:
        """Change an image and return it; reads that start afterwards see the change.

        Raises:
            NotFound: The image is not indexed.
            Unprocessable: The image would exceed the limits on uploads.
            WorkerUnavailable: No worker answered, the store did not answer the worker, or another
                task is processing the image. The change may still have taken effect; retry.
        """
        request = EditRequest(tenant=self.tenant, id=image_id, change=change)
        image = self._ask(CATALOG_EDIT, request, CatalogEdited).image
        if image is None:
            raise NotFound(f"There is no image {image_id}.")
        return image

    def _request(self, ids: list[str]) -> CatalogRequest:
        return CatalogRequest(tenant=self.tenant, ids=ids)

    def _ask(self, task: str, request: Message, answer: type[Answer]) -> Answer:
        return self.worker.call(task, request, answer, _TIMEOUT_S)
