"""Places for answers that last: each holds a thread, so there are only so many."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import cast

from flask import Flask, current_app

from common.errors import Overloaded

_EXTENSION = "glimpse.places"
# Seconds after which a caller may ask for a place again; jobs can be polled meanwhile.
_RETRY_S = 5


class Places:
    """The places of one process.

    Args:
        count: How many there are.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._taken = 0
        self._lock = threading.Lock()
        # Tells whether this process is about to end; nothing lasts past that. Whoever runs the
        # process knows.
        self.is_closing: Callable[[], bool] = lambda: False

    def take(self) -> Callable[[], None]:
        """Take a place, and return what gives it back, once however often it is called.

        Raises:
            Overloaded: All are taken.
        """
        with self._lock:
            if self._taken >= self._count:
                raise Overloaded(
                    f"All {self._count} streams of this process are taken; poll the job instead,"
                    f" or try again in {_RETRY_S} s.",
                    _RETRY_S,
                )
            self._taken += 1
        return self._return_once()

    def _return_once(self) -> Callable[[], None]:
        is_held = True

        def give_back() -> None:
            nonlocal is_held
            with self._lock:
                self._taken -= is_held
                is_held = False

        return give_back


def install(app: Flask, count: int) -> None:
    """Give an app its places."""
    app.extensions[_EXTENSION] = Places(count)


def close_with(app: Flask, is_closing: Callable[[], bool]) -> None:
    """Let what lasts end with the process that runs an app.

    Args:
        app: The app.
        is_closing: Tells whether the process is about to end.
    """
    cast("Places", app.extensions[_EXTENSION]).is_closing = is_closing


def places() -> Places:
    """Return the places of the process that serves the current request."""
    return cast("Places", current_app.extensions[_EXTENSION])
