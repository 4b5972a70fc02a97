"""Members: the pictures of an archive."""

from __future__ import annotations

from worker.archives.entry import Body

# Default number of bytes per read.
READ_BYTES = 256 * 1024


class Member:
    """One picture, read once and sequentially, before the next member is requested.

    Reading it fully is optional. Its bytes are valid only if the end was reached,
    since damage may be detected only there.

    Args:
        filename: Its path in the archive as a clean label; may be empty.
        body: The rest of its bytes.
        head: Its first bytes, if already read.
    """

    def __init__(self, filename: str, body: Body, head: bytes = b"") -> None:
        self.filename = filename
        self._body = body
        self._head = head
        self._open = True

    def read(self, size: int = READ_BYTES) -> bytes:
        """Return up to ``size`` of the next bytes (at least 1), none at the end.

        Raises:
            TruncatedImage: This picture is damaged in the archive; others may be intact.
            UnsupportedFormat: This picture is packed in an unsupported way.
            ArchiveError: The archive cannot be read any further.
            ValueError: The next member has been requested, or ``size`` is less than 1.
        """
        if not self._open:
            raise ValueError("Read a member before the next one is requested.")
        if size < 1:
            # To zlib, 0 means no limit.
            raise ValueError("Read at least one byte.")
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
            return data
        return self._body.read(size)

    def close(self) -> None:
        """Refuse further reads, because the archive moves on to the next member."""
        self._open = False
