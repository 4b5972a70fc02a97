"""A budget of pixels: how much a search worker decodes at the same time for thumbnails."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from common.errors import Overloaded

# Seconds that a picture waits for room before its request is refused.
_WAIT_S = 2.0
# Seconds after which to retry: the largest pictures take a few to decode.
RETRY_AFTER_S = 2


class PixelRoom:
    """Bounds the pixels that the threads of a process decode at the same time.

    Waiting threads are served in order of arrival, so that small pictures cannot keep a
    large one waiting forever.

    Args:
        pixels: Pixels of all pictures in the room together; one picture may have no more.
        wait_s: Seconds to wait for room.
    """

    def __init__(self, pixels: int, wait_s: float = _WAIT_S) -> None:
        self._free = pixels
        self._wait_s = wait_s
        self._queue: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, pixels: int) -> Iterator[None]:
        """Hold room for a picture's pixels for the block.

        Raises:
            Overloaded: There was no room in time.
        """
        self._enter(pixels)
        try:
            yield
        finally:
            with self._changed:
                self._free += pixels
                self._changed.notify_all()

    def _enter(self, pixels: int) -> None:
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            try:
                fits = self._changed.wait_for(
                    lambda: self._queue[0] is ticket and pixels <= self._free, self._wait_s
                )
                if not fits:
                    raise Overloaded(
                        "The memory for decoding pictures is in use; try again in "
                        f"{RETRY_AFTER_S} s.",
                        RETRY_AFTER_S,
                    )
                self._free -= pixels
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()
