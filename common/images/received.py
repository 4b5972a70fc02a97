"""Receives pictures, from a request or an archive, into the blob store."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from common.blobs.base import BlobWriter
from common.errors import ImageError, ImageTooLarge
from common.images.filenames import clean_filename
from common.images.formats import HEAD_BYTES, sniff


@dataclass(frozen=True, slots=True)
class ReceivedPicture:
    """A received picture: its id, its name, and the error that makes it unusable, if any."""

    id: str
    filename: str
    error: ImageError | None


class PictureWriter:
    """Hashes, counts and stores the bytes of one picture while they are received.

    Werkzeug's form parser writes to it as to a file. Bytes past the limit are hashed and dropped,
    so that an oversized picture fails without failing its request.

    Args:
        writer: Stores the bytes.
        bytes_max: Maximum size of a picture, in bytes.
    """

    def __init__(self, writer: BlobWriter, bytes_max: int) -> None:
        self._writer = writer
        self._bytes_max = bytes_max
        self._sha256 = hashlib.sha256()
        self._head = b""
        self._bytes = 0

    def write(self, data: bytes) -> int:
        """Add the next bytes; return how many."""
        self._sha256.update(data)
        self._bytes += len(data)
        if len(self._head) < HEAD_BYTES:
            self._head += data[: HEAD_BYTES - len(self._head)]
        if self._bytes <= self._bytes_max:
            self._writer.write(data)
        return len(data)

    @property
    def id(self) -> str:
        """The image's id: the SHA-256 of the bytes received so far."""
        return self._sha256.hexdigest()

    @property
    def is_full(self) -> bool:
        """Whether the picture already exceeds the size limit."""
        return self._bytes > self._bytes_max

    def seek(self, offset: int, whence: int = 0) -> int:
        """Close the file: the parser seeks to the start when a part is complete.

        Otherwise a request with thousands of pictures would hold thousands of open files.
        """
        del offset, whence
        self._writer.seal()
        return 0

    def close(self) -> None:
        """Discard the bytes unless ``finish`` committed them."""
        self._writer.discard()

    def finish(self, filename: str, blob_id: str | None = None) -> ReceivedPicture:
        """Commit the picture if its signature is that of a picture; the worker decodes it.

        Args:
            filename: The picture's file name.
            blob_id: The id to store the bytes under, instead of the image's own.
        """
        image_id = self.id
        error = self._error()
        if error is None:
            self._writer.commit(blob_id or image_id)
        else:
            self._writer.discard()
        return ReceivedPicture(image_id, clean_filename(filename) or image_id[:12], error)

    def _error(self) -> ImageError | None:
        if self.is_full:
            return ImageTooLarge(
                f"The picture has more than {self._bytes_max} bytes. Send a smaller copy."
            )
        try:
            sniff(self._head)
        except ImageError as error:
            return error
        return None
