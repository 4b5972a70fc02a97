"""Room for pixels: what a process of the API unfolds of pictures at once is bounded."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from common.errors import Overloaded

# Seconds that a picture waits for room before its request is refused.
_WAIT_S = 2.0
# Seconds after which to ask again: the largest pictures take a few to be unfolded.
_RETRY_AFTER_S = 2


class PixelRoom:
    """Pixels that may be unfolded at once; shared by the threads of a process.

    Those who wait get room in the order in which they came, so that a large picture
    is not kept out by small ones for ever.

    Args:
        pixels: Pixels of all pictures in the room together; a picture may have no more.
        wait_s: Seconds to wait for room.
    """

    def __init__(self, pixels: int, wait_s: float = _WAIT_S) -> None:
        self._free = pixels
        self._wait_s = wait_s
        self._queue: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, pixels: int) -> Iterator[None]:
        """Have room for a picture's pixels.

        Raises:
            Overloaded: There is none, nor was there in time.
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
                        "Other pictures are being decoded, as many as there is memory for; try "
                        f"again in {_RETRY_AFTER_S} s.",
                        _RETRY_AFTER_S,
                    )
                self._free -= pixels
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()
