"""The head of a request, its request line and headers, buffered without occupying a thread."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine

# Maximum bytes of a head, and so the memory that a waiting connection can use.
HEAD_BYTES_MAX = 64 * 1024
# An empty line ends a head. A bare line feed makes it invalid, so parsing can start at once.
_END = re.compile(rb"\r\n\r\n|(?<!\r)\n")
# Bytes before new ones in which the end may have begun.
_OVERLAP = len(b"\r\n\r\n") - 1


class RequestHead:
    """A partially received head and its deadline.

    Args:
        within_s: Seconds from now within which the head must be complete.
        now: Returns the seconds of a clock.
    """

    def __init__(self, within_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._due_at = now() + within_s
        self._data = bytearray()
        self._is_whole = False

    @property
    def data(self) -> bytes:
        """All bytes received, which may include part of the body or of the next request."""
        return bytes(self._data)

    @property
    def has_begun(self) -> bool:
        """Whether any byte was received."""
        return bool(self._data)

    @property
    def is_whole(self) -> bool:
        """Whether the head can be parsed: it is complete or known to be invalid."""
        return self._is_whole

    @property
    def is_late(self) -> bool:
        """Whether the head is incomplete after its deadline."""
        return not self._is_whole and self._now() >= self._due_at

    def take(self, data: bytes) -> None:
        """Add bytes.

        Raises:
            LimitRequestHeaders: The head is too long.
            LimitRequestLine: The head is too long, and all of it is one line.
        """
        begin = max(len(self._data) - _OVERLAP, 0)
        self._data += data
        self._is_whole = self._is_whole or _END.search(self._data, begin) is not None
        if self._is_whole or len(self._data) <= HEAD_BYTES_MAX:
            return
        if b"\n" not in self._data:
            raise LimitRequestLine(len(self._data), HEAD_BYTES_MAX)
        raise LimitRequestHeaders(f"more than {HEAD_BYTES_MAX} bytes")
