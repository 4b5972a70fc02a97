"""A member: one picture of an archive, on its way out."""

from __future__ import annotations

from worker.archives.entry import Body

# Bytes handed out at a time.
READ_BYTES = 256 * 1024


class Member:
    """One picture, read once and in order, before the next member is asked for.

    It may be left unread, or read in part. What was read of it counts only when
    its end was reached: damage may show there first.

    Args:
        filename: Its path in the archive as a clean label; it may be empty.
        body: The rest of its bytes.
        head: Its first bytes, where they were read already.
    """

    def __init__(self, filename: str, body: Body, head: bytes = b"") -> None:
        self.filename = filename
        self._body = body
        self._head = head
        self._open = True

    def read(self, size: int = READ_BYTES) -> bytes:
        """Return up to ``size`` of the next bytes (at least 1), none at the end.

        Raises:
            TruncatedImage: This picture is damaged in the archive; the others may be whole.
            UnsupportedFormat: This picture is packed in a way that is not read.
            ArchiveError: The archive ends here.
            ValueError: The archive has gone on to the next member, or no byte was asked for.
        """
        if not self._open:
            raise ValueError("A member is read before the next one is asked for.")
        if size < 1:
            # To zlib, none means all.
            raise ValueError("At least one byte is read.")
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
            return data
        return self._body.read(size)

    def close(self) -> None:
        """Read no more: the archive goes on."""
        self._open = False
