"""The head of a request on its way in: request line and headers, gathered without a thread."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine

# Bytes of a head, at most: a connection that only waits holds no more memory than that.
HEAD_BYTES_MAX = 64 * 1024
# An empty line ends a head. A bare line feed makes it unreadable, which is told at once.
_END = re.compile(rb"\r\n\r\n|(?<!\r)\n")
# Bytes before new ones that an end may have begun in.
_OVERLAP = len(b"\r\n\r\n") - 1


class RequestHead:
    """What has come of a head, and for how long it may still come.

    Args:
        within_s: Seconds from now within which it must be whole.
        now: Returns the seconds of a clock.
    """

    def __init__(self, within_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._due_at = now() + within_s
        self._data = bytearray()
        self._is_whole = False

    @property
    def data(self) -> bytes:
        """All that has come, which may reach into the body or the next request."""
        return bytes(self._data)

    @property
    def has_begun(self) -> bool:
        """Whether anything has come."""
        return bool(self._data)

    @property
    def is_whole(self) -> bool:
        """Whether it can be read to its end, or to where it is no HTTP."""
        return self._is_whole

    @property
    def is_late(self) -> bool:
        """Whether it should be whole by now."""
        return not self._is_whole and self._now() >= self._due_at

    def take(self, data: bytes) -> None:
        """Add bytes.

        Raises:
            LimitRequestHeaders: There are too many without an end.
            LimitRequestLine: The same, and they are all of one line.
        """
        begin = max(len(self._data) - _OVERLAP, 0)
        self._data += data
        self._is_whole = self._is_whole or _END.search(self._data, begin) is not None
        if self._is_whole or len(self._data) <= HEAD_BYTES_MAX:
            return
        if b"\n" not in self._data:
            raise LimitRequestLine(len(self._data), HEAD_BYTES_MAX)
        raise LimitRequestHeaders(f"more than {HEAD_BYTES_MAX} bytes")
