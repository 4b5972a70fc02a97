"""Bytes that are missing, and for how long."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

# Images that are remembered at once; beyond it the oldest is waited for anew.
_IMAGES_MAX = 10_000


class MissingBlobs:
    """Since when images' bytes have been missing; used by several threads at once.

    It is forgotten when the process ends: then the images are waited for anew.

    Args:
        now: Tells the time, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._since: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, tenant: str, image_id: str) -> float:
        """Note that an image's bytes are missing; return for how many seconds by now."""
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
        """Forget all: nothing of what was seen counts."""
        with self._lock:
            self._since.clear()
