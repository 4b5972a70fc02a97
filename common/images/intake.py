"""Pictures on their way in, from a request or out of an archive, into the blob store."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from common.blobs.base import BlobWriter
from common.errors import ImageError, ImageTooLarge
from common.images.filenames import clean_filename
from common.images.formats import HEAD_BYTES, sniff


@dataclass(frozen=True, slots=True)
class Upload:
    """One picture received: its id, its name, and why it cannot be used, if so."""

    id: str
    filename: str
    error: ImageError | None


class Intake:
    """One picture on its way in: hashed, counted, and written to the blob store.

    Stands for the file that Werkzeug's form parser writes to. Bytes past the
    limit are hashed and dropped, so that one large picture fails alone.

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
        """The id of the image, as far as its bytes are here."""
        return self._sha256.hexdigest()

    @property
    def is_full(self) -> bool:
        """Whether it has more bytes than a picture may have; what follows changes nothing."""
        return self._bytes > self._bytes_max

    def seek(self, offset: int, whence: int = 0) -> int:
        """Let go of the file: the parser goes back to the start when a part is whole.

        A request of thousands of pictures must not hold thousands of open files.
        """
        del offset, whence
        self._writer.seal()
        return 0

    def close(self) -> None:
        """Forget what was written unless it was kept."""
        self._writer.discard()

    def finish(self, filename: str, blob_id: str | None = None) -> Upload:
        """Keep the picture if it looks like one; the worker sees whether it is.

        Args:
            filename: Its name.
            blob_id: What its bytes are kept under, instead of its own id.
        """
        image_id = self.id
        error = self._error()
        if error is None:
            self._writer.commit(blob_id or image_id)
        else:
            self._writer.discard()
        return Upload(image_id, clean_filename(filename) or image_id[:12], error)

    def _error(self) -> ImageError | None:
        if self.is_full:
            return ImageTooLarge(f"The picture has more than {self._bytes_max} bytes.")
        try:
            sniff(self._head)
        except ImageError as error:
            return error
        return None
