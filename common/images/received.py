"""Pictures as they are received, from a request or out of an archive, into the blob store."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from common.blobs.base import BlobWriter
from common.errors import ImageError, ImageTooLarge
from common.images.filenames import clean_filename
from common.images.formats import HEAD_BYTES, sniff


@dataclass(frozen=True, slots=True)
class ReceivedPicture:
    """A picture that was received: its id, its name, and why it cannot be used, if so."""

    id: str
    filename: str
    error: ImageError | None


class PictureWriter:
    """Hashes, counts and stores the bytes of one picture while they are received.

    It is the file that Werkzeug's form parser writes to. Bytes past the limit are
    hashed and dropped, so that one large picture fails alone.

    Args:
        writer: Where the bytes go.
        bytes_max: Bytes of one picture, at most.
    """

    def __init__(self, writer: BlobWriter, bytes_max: int) -> None:
        self._writer = writer
        self._bytes_max = bytes_max
        self._sha256 = hashlib.sha256()
        self._head = b""
        self._bytes = 0

    def write(self, data: bytes) -> int:
        """Take the next bytes."""
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
        """Whether the picture is too large already; further bytes change nothing."""
        return self._bytes > self._bytes_max

    def seek(self, offset: int, whence: int = 0) -> int:
        """Close the file: the parser goes back to the start once a part is complete.

        A request of thousands of pictures must not hold thousands of open files.
        """
        del offset, whence
        self._writer.seal()
        return 0

    def close(self) -> None:
        """Discard what was written unless it was kept."""
        self._writer.discard()

    def finish(self, filename: str, blob_id: str | None = None) -> ReceivedPicture:
        """Keep the picture if its first bytes are those of one; the worker decodes it.

        Args:
            filename: Its name.
            blob_id: The id to keep its bytes under, instead of the image's own.
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
            return ImageTooLarge(f"The picture has more than {self._bytes_max} bytes.")
        try:
            sniff(self._head)
        except ImageError as error:
            return error
        return None
