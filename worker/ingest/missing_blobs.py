"""Missing blobs: how long each image's bytes have been missing."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

# Maximum images remembered; beyond it, the oldest one's time starts over.
_IMAGES_MAX = 10_000


class MissingBlobs:
    """Remembers since when images' bytes have been missing; thread-safe.

    Kept in memory only: after a restart, the times start over.

    Args:
        now: Returns the time in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._since: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, tenant: str, image_id: str) -> float:
        """Note that an image's bytes are missing; return for how many seconds they have been."""
        with self._lock:
            since = self._since.setdefault((tenant, image_id), self._now())
            if len(self._since) > _IMAGES_MAX:
                self._since.popitem(last=False)
            return self._now() - since

    def forget(self, tenant: str, image_id: str) -> None:
        """Forget an image that has an outcome."""
        with self._lock:
            self._since.pop((tenant, image_id), None)

    def clear(self) -> None:
        """Forget all images, so that their times start over."""
        with self._lock:
            self._since.clear()
