"""Slots for long requests: each holds a thread, so their number is bounded.

A process has one thread for each slot in addition to those that serve all other requests
(``Settings.api_threads``), so that streams and waits do not block other requests.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

from flask import Flask

from common.errors import Overloaded
from common.settings import Settings

_EXTENSION = "glimpse.stream_slots"
# Seconds after which a caller may ask for a slot again. A job can be polled instead of streamed.
_STREAMS_RETRY_S = 5
# A wait for an available worker ends much sooner.
_WAITS_RETRY_S = 1


class Slots:
    """Slots of one kind in one process.

    Args:
        count: How many there are.
        refusal: The error's detail when all are taken.
        retry_s: Seconds after which one may be free.
    """

    def __init__(self, count: int, refusal: str, retry_s: int) -> None:
        self._count = count
        self._refusal = refusal
        self._retry_s = retry_s
        self._taken = 0
        self._lock = threading.Lock()

    def take_if_free(self) -> Callable[[], None] | None:
        """Take a slot; return a function that releases it once, however often it is called.

        Returns None when all are taken.
        """
        with self._lock:
            if self._taken >= self._count:
                return None
            self._taken += 1
        return self._return_once()

    def take(self) -> Callable[[], None]:
        """Take a slot as ``take_if_free`` does.

        Raises:
            Overloaded: All are taken.
        """
        give_back = self.take_if_free()
        if give_back is None:
            raise Overloaded(self._refusal, self._retry_s)
        return give_back

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold a slot for the block; raises as ``take`` does."""
        give_back = self.take()
        try:
            yield
        finally:
            give_back()

    def _return_once(self) -> Callable[[], None]:
        is_held = True

        def give_back() -> None:
            nonlocal is_held
            with self._lock:
                self._taken -= is_held
                is_held = False

        return give_back


class ProcessSlots:
    """All slots of one process.

    Args:
        settings: How many there are.
    """

    def __init__(self, settings: Settings) -> None:
        self.streams = Slots(
            settings.events_max,
            f"This process already serves its maximum of {settings.events_max} event streams; poll"
            f" the job instead, or try again in {_STREAMS_RETRY_S} s.",
            _STREAMS_RETRY_S,
        )
        self.waits = Slots(
            settings.waits_max,
            f"{settings.waits_max} requests of this process are already waiting for search workers;"
            f" try again in {_WAITS_RETRY_S} s.",
            _WAITS_RETRY_S,
        )
        self.catalog = Slots(
            settings.catalog_waits_max,
            f"{settings.catalog_waits_max} requests of this process are already waiting for answers"
            f" about images and models; try again in {_WAITS_RETRY_S} s.",
            _WAITS_RETRY_S,
        )
        # Whether this process is about to stop, which ends all streams; set by the server.
        self.is_closing: Callable[[], bool] = lambda: False


def install(app: Flask, settings: Settings) -> None:
    """Give an app its slots."""
    app.extensions[_EXTENSION] = ProcessSlots(settings)


def close_with(app: Flask, is_closing: Callable[[], bool]) -> None:
    """End an app's streams when its process stops.

    Args:
        app: The app.
        is_closing: Returns whether the process is about to stop.
    """
    slots_of(app).is_closing = is_closing


def slots_of(app: Flask) -> ProcessSlots:
    """Return the slots of the process that runs an app."""
    return cast("ProcessSlots", app.extensions[_EXTENSION])
