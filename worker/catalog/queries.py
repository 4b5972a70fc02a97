"""Catalog lookups that the API requests, so that it does not depend on the store."""

from __future__ import annotations

from common.contract import (
    CatalogImages,
    CatalogKnown,
    CatalogKnownRequest,
    CatalogListRequest,
    CatalogPage,
    CatalogRequest,
    CatalogTags,
    CatalogTagsRequest,
    TagCount,
)
from worker.edits.uploaded import is_renamed
from worker.stores.base import VectorStore
from worker.stores.rows import cut_filename


class Catalog:
    """Runs the ``catalog.*`` tasks; each raises ``ServiceError`` if the store is unavailable."""

    def __init__(self, store: VectorStore) -> None:
        self._store = store

    def get(self, request: CatalogRequest) -> CatalogImages:
        """Return the records of the requested images that are indexed."""
        return CatalogImages(images=self._store.get(request.tenant, request.ids))

    def known(self, request: CatalogKnownRequest) -> CatalogKnown:
        """Return the requested ids that a search can find, in the requested order."""
        if request.filenames is None:
            stored = self._store.known(request.tenant, request.ids)
            return CatalogKnown(known=[image_id for image_id in request.ids if image_id in stored])
        named = self._store.named(request.tenant, request.ids)
        asked = zip(request.ids, request.filenames, strict=True)
        known = [(image_id, filename) for image_id, filename in asked if image_id in named]
        return CatalogKnown(
            known=[image_id for image_id, _ in known],
            renamed=[
                image_id
                for image_id, filename in known
                if is_renamed(named[image_id].filenames, cut_filename(filename))
            ],
        )

    def list(self, request: CatalogListRequest) -> CatalogPage:
        """Return a page of images, and their count if requested."""
        images, following = self._store.page(
            request.tenant,
            request.limit,
            request.tag,
            request.after,
            request.filter,
            request.sort,
        )
        count = None
        if request.count:
            count = self._store.count_matching(request.tenant, request.tag, request.filter)
        return CatalogPage(images=images, following=following, count=count)

    def tags(self, request: CatalogTagsRequest) -> CatalogTags:
        """Return the most frequent tags that begin with a prefix, in any case."""
        counts, is_all = self._store.tags(request.tenant)
        prefix = request.prefix.casefold()
        found = [
            (-count, tag) for tag, count in counts.items() if tag.casefold().startswith(prefix)
        ]
        tags = [TagCount(tag=tag, count=-count) for count, tag in sorted(found)[: request.limit]]
        return CatalogTags(tags=tags, more_than=not is_all)
