"""Originals: the pages of images that a reindex goes through, by the digits of their ids."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from common.blobs.base import BlobStore
from common.pages import pages
from worker.reindex.page import Page


def originals(blobs: BlobStore, name: str, owner: str, size: int) -> Iterator[Page]:
    """Yield a slice's images in pages.

    Args:
        blobs: Holds the originals.
        name: The first two digits of the ids.
        owner: The owner of the pages' claims.
        size: Maximum images of a page.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for blob in blobs.stored(name):
        found[blob.tenant].append(blob.id)
    for tenant, ids in sorted(found.items()):
        for some in pages(sorted(ids), size):
            yield Page(tenant, some, owner)
