"""Isolation: images that may kill the worker are processed alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Isolation:
    """Runs tasks of this process concurrently, or one of them alone.

    An image that was being processed when a worker died is retried alone: if
    this worker dies too, that image is the cause.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._together = 0
        self._alone = False
        # Callers waiting in alone(), which take precedence over together().
        self._waiting = 0

    @contextmanager
    def together(self) -> Iterator[None]:
        """Run concurrently with others; block while a caller is in ``alone`` or waits for it."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone and not self._waiting)
            self._together += 1
        try:
            yield
        finally:
            with self._changed:
                self._together -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Run alone; block until all others are done."""
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: not self._alone and not self._together)
            self._waiting -= 1
            self._alone = True
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()
