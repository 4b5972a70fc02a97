"""Reads what is kept of an indexed image's bytes, from these bytes again."""

from __future__ import annotations

from collections.abc import Callable

from common.blobs.base import BlobStore
from common.contract import ImageRecord
from common.errors import BytesMissing, NotFound
from common.images.photo_info import PhotoInfo
from worker.originals import other_store, read_original

# Returns the photo info in a picture's bytes of a format.
ReadInfo = Callable[[bytes, str], PhotoInfo | None]
# Returns the perceptual hash of the picture in a file's bytes, or None if it cannot be decoded.
ReadHash = Callable[[bytes], str | None]


class StoredPhotoInfo:
    """Reads photo info and missing perceptual hashes from the blob store; thread-safe.

    Args:
        blobs: Holds the originals.
        read: Reads the photo info in their bytes.
        is_here: Returns whether ``blobs`` is the store that the API writes to.
        read_hash: Computes the hash of their pictures.
    """

    def __init__(
        self,
        blobs: BlobStore,
        read: ReadInfo,
        is_here: Callable[[], bool] = lambda: True,
        read_hash: ReadHash = lambda _: None,
    ) -> None:
        self._blobs = blobs
        self._read = read
        self._is_here = is_here
        self._read_hash = read_hash

    def refreshed(self, tenant: str, record: ImageRecord) -> ImageRecord:
        """Return an image's record with the photo info in its file, and with a hash.

        A hash is computed once: it depends on nothing but the bytes.

        Raises:
            BytesMissing: The image's bytes are lost.
            BlobsUnavailable: They cannot be read now.
        """
        data = self._bytes(tenant, record)
        photo, perceptual_hash = self._read(data, record.format), record.perceptual_hash
        if perceptual_hash is None:
            perceptual_hash = self._read_hash(data)
        return record.model_copy(update={"photo": photo, "perceptual_hash": perceptual_hash})

    def _bytes(self, tenant: str, record: ImageRecord) -> bytes:
        try:
            return read_original(self._blobs, tenant, record.id)
        except NotFound:
            if not self._is_here():
                raise other_store(f"image {record.id}") from None
            raise BytesMissing(
                "The image's bytes are not in the blob store; delete it, then upload it again."
            ) from None
