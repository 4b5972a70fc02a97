"""When uploaded images become searchable."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from itertools import islice

from cli.bench.requests import Sample
from glimpse_client import Glimpse, GlimpseError

# Code of images that were not searchable by the end.
NOT_SEARCHABLE = "not_searchable"
# Seconds between checks, to which the latencies are exact; and images in one check.
_CHECK_S, _CHECKED_MAX = 0.25, 1000


class Searchable:
    """Checks in a thread which images are searchable; a context manager.

    Args:
        client: The client.
    """

    def __init__(self, client: Glimpse) -> None:
        self._client = client
        # When the uploads of the images that are not searchable yet were due, oldest first.
        self._waiting: dict[str, float] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._found: list[Sample] = []

    def __enter__(self) -> Searchable:
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop checking."""
        self._closing.set()

    def expect(self, image_id: str, due_s: float) -> None:
        """Watch an image that was accepted."""
        with self._lock:
            self._waiting[image_id] = due_s

    def settle(self, ended: Callable[[], bool], timeout_s: float) -> None:
        """Wait until all images are searchable, or have ended otherwise, at most for a time."""
        deadline = time.monotonic() + timeout_s
        while self._waiting and time.monotonic() < deadline:
            is_last = ended()
            self._check()
            if is_last:
                return
            time.sleep(_CHECK_S)

    def samples(self, failed: Mapping[str, str]) -> list[Sample]:
        """Return when each image became searchable, or why it did not.

        Args:
            failed: Codes of images that were not indexed.
        """
        now = time.monotonic()
        with self._lock:
            missing = [
                Sample(due_s, now, failed.get(image_id, NOT_SEARCHABLE))
                for image_id, due_s in self._waiting.items()
            ]
            return [*self._found, *missing]

    def _watch(self) -> None:
        while not self._closing.wait(_CHECK_S):
            self._check()

    def _check(self) -> None:
        with self._lock:
            oldest = list(islice(self._waiting, _CHECKED_MAX))
        try:
            known = self._client.check(oldest).known if oldest else ()
        except GlimpseError:
            # The next check follows.
            return
        now = time.monotonic()
        with self._lock:
            # Another thread may have found some of them.
            found = [self._waiting.pop(each) for each in known if each in self._waiting]
            self._found += [Sample(due_s, now) for due_s in found]
