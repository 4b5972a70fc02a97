"""Reads the photo info of an indexed image from its bytes again."""

from __future__ import annotations

from collections.abc import Callable

from common.blobs.base import BlobStore
from common.contract import ImageRecord
from common.errors import BlobsUnavailable, BytesMissing, NotFound
from common.images.photo_info import PhotoInfo

# Returns the photo info in a picture's bytes of a format.
ReadInfo = Callable[[bytes, str], PhotoInfo | None]


class StoredPhotoInfo:
    """Reads photo info from the blob store; thread-safe.

    Args:
        blobs: Holds the originals.
        read: Reads the photo info in their bytes.
        is_here: Returns whether ``blobs`` is the store that the API writes to.
    """

    def __init__(
        self, blobs: BlobStore, read: ReadInfo, is_here: Callable[[], bool] = lambda: True
    ) -> None:
        self._blobs = blobs
        self._read = read
        self._is_here = is_here

    def read(self, tenant: str, record: ImageRecord) -> PhotoInfo | None:
        """Return an image's photo info; None if its file has none.

        Raises:
            BytesMissing: The image's bytes are lost.
            BlobsUnavailable: They cannot be read now.
        """
        try:
            data = self._blobs.read(tenant, record.id)
        except NotFound:
            data = self._restored(tenant, record.id)
        return self._read(data, record.format)

    def _restored(self, tenant: str, image_id: str) -> bytes:
        """Return the bytes that a deletion withdrew before it was interrupted."""
        if not self._is_here():
            raise BlobsUnavailable(
                f"The bytes of image {image_id} are not in this worker's blob store; "
                "give the API and all workers the same GLIMPSE_BLOBS_DIR or GLIMPSE_BLOBS_URL."
            )
        try:
            self._blobs.restore(tenant, image_id)
            return self._blobs.read(tenant, image_id)
        except NotFound:
            raise BytesMissing(
                "The image's bytes are not in the blob store; delete it, then upload it again."
            ) from None
