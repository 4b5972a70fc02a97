"""Checks whether the blob store can take an upload, for readiness."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from common.blobs.base import BlobStore
from common.contract import DEFAULT_TENANT
from common.errors import BlobsUnavailable, BrokerUnavailable

# Seconds for which a result is reused: anyone may ask for readiness, as often as they like.
_PAUSE_S = 1.0
# The id of no image: reading it shows whether the store answers.
_NO_IMAGE = "0" * 64


class BlobCheck:
    """Begins and discards a blob, and reads one that does not exist.

    One thread checks at a time; others get the last result, so that a store that hangs holds up
    one thread only.

    Args:
        now: Returns the seconds of a monotonic clock.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._checked_at: float | None = None
        self._trouble: str | None = None

    def trouble(self, blobs: BlobStore) -> str | None:
        """Return why a store cannot take an upload, or None if it can."""
        if self._lock.acquire(blocking=self._checked_at is None):
            try:
                if self._is_due():
                    self._trouble = _look(blobs)
                    self._checked_at = self._now()
            finally:
                self._lock.release()
        return self._trouble

    def _is_due(self) -> bool:
        return self._checked_at is None or self._now() - self._checked_at >= _PAUSE_S


def _look(blobs: BlobStore) -> str | None:
    try:
        blobs.writer(DEFAULT_TENANT).discard()
        blobs.rendition(DEFAULT_TENANT, _NO_IMAGE, "none")
    except (BlobsUnavailable, BrokerUnavailable) as error:
        return str(error)
    return None
