"""Originals: the bytes of images as uploaded, read from the blob store."""

from __future__ import annotations

from common.blobs.base import BlobStore
from common.errors import BlobsUnavailable, NotFound


def read_original(blobs: BlobStore, tenant: str, image_id: str) -> bytes:
    """Return an image's bytes, even if a deletion has withdrawn them.

    Raises:
        NotFound: They are not in the blob store.
        BlobsUnavailable: The blob store cannot be read.
    """
    try:
        return blobs.read(tenant, image_id)
    except NotFound:
        # If there is nothing to restore, another process may just have restored it.
        blobs.restore(tenant, image_id)
        return blobs.read(tenant, image_id)


def other_store(what: str) -> BlobsUnavailable:
    """Return the error for bytes that are missing because the API writes to another store."""
    return BlobsUnavailable(
        f"The bytes of {what} are not in this worker's blob store; "
        "give the API and all workers the same GLIMPSE_BLOBS_DIR or GLIMPSE_BLOBS_URL."
    )
