"""The pixel budget: bounds the pictures that a worker has decoded."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class PixelBudget:
    """A semaphore over the bytes, or pixels, of decoded pictures.

    Threads get room in order of arrival, so that small pictures cannot keep a large one waiting
    forever. A picture larger than the whole budget passes once it is alone.

    Args:
        size: Bytes or pixels of all pictures together; the default is no bound.
    """

    def __init__(self, size: int = sys.maxsize) -> None:
        self._size = size
        self._used = 0
        self._queue: deque[object] = deque()
        self._changed = threading.Condition()

    @property
    def used(self) -> int:
        """How much is taken now."""
        return self._used

    @contextmanager
    def room(self) -> Iterator[Room]:
        """Yield a picture's room; an error in the block gives it back."""
        room = Room(self)
        try:
            yield room
        except BaseException:
            room.shrink(0)
            raise

    def take(self, size: int, wait_s: float | None = None) -> bool:
        """Take room; block until there is some, or return False after ``wait_s`` seconds."""
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            try:
                fits = self._changed.wait_for(
                    lambda: self._queue[0] is ticket and self._fits(size), wait_s
                )
                if fits:
                    self._used += size
                return fits
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()

    def give_back(self, size: int) -> None:
        """Give room back; never blocks."""
        with self._changed:
            self._used -= size
            self._changed.notify_all()

    def _fits(self, size: int) -> bool:
        return not self._used or self._used + size <= self._size


class Budget(Protocol):
    """What a picture's room is taken of."""

    def take(self, size: int) -> object:
        """Take room; block until there is some."""
        ...

    def give_back(self, size: int) -> None:
        """Give room back."""
        ...


class Room:
    """The bytes that one picture takes of a budget.

    Args:
        budget: The budget of all pictures.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._size = 0

    def take(self, size: int) -> None:
        """Take bytes, once; block until there is room."""
        self._budget.take(size)
        self._size = size

    def keep(self, size: int) -> None:
        """Hold ``size`` bytes: give back what is more, or take them if nothing was taken."""
        if self._size:
            self.shrink(size)
        else:
            self.take(size)

    def shrink(self, size: int) -> None:
        """Give back all but ``size`` bytes; may be called again."""
        surplus, self._size = max(self._size - size, 0), min(self._size, size)
        if surplus:
            self._budget.give_back(surplus)
