"""Reads the photo info of an indexed image from its bytes again."""

from __future__ import annotations

from collections.abc import Callable

from common.blobs.base import BlobStore
from common.contract import ImageRecord
from common.errors import BytesMissing, NotFound
from common.images.photo_info import PhotoInfo
from worker.originals import other_store, read_original

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
            data = read_original(self._blobs, tenant, record.id)
        except NotFound:
            if not self._is_here():
                raise other_store(f"image {record.id}") from None
            raise BytesMissing(
                "The image's bytes are not in the blob store; delete it, then upload it again."
            ) from None
        return self._read(data, record.format)
