"""The reindex in this process's memory: the complete fake for tests."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from common.reindex.base import SLICES, Reindex, ReindexState


class MemoryReindexes:
    """A reindex that lasts as long as the object."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._reindex: Reindex | None = None
        self._open: set[str] = set()
        self._failures: dict[str, str] = {}

    def start(self, reindex: Reindex) -> bool:
        """Store a new reindex; return False if one is running."""
        with self._lock:
            if self._reindex is not None and self._reindex.state == "running":
                return False
            self._reindex, self._open, self._failures = reindex, set(SLICES), {}
            return True

    def get(self) -> Reindex | None:
        """Return the last reindex, or None if there was none."""
        with self._lock:
            if self._reindex is None:
                return None
            counts = {
                "slices_done": len(SLICES) - len(self._open),
                "failed": len(self._failures),
            }
            return self._reindex.model_copy(update=counts)

    def is_running(self, reindex_id: str) -> bool:
        """Return whether this reindex is running."""
        found = self._reindex
        return found is not None and (found.id, found.state) == (reindex_id, "running")

    def note(self, reindex_id: str, *, embedded: int, images: int, present: int) -> None:
        """Add embedded images, and store the latest counts of rows."""
        with self._lock:
            if self._reindex is not None and self.is_running(reindex_id):
                total = self._reindex.embedded + embedded
                self._change(embedded=total, images=images, present=present)

    def fail(self, reindex_id: str, tenant: str, image_id: str, code: str) -> None:
        """Note why an image cannot be embedded."""
        with self._lock:
            if self.is_running(reindex_id):
                self._failures[f"{tenant}/{image_id}"] = code

    def slice_done(self, reindex_id: str, number: int, name: str) -> bool:
        """Mark a slice of a pass as done; return whether it was the last open one, once."""
        with self._lock:
            found = self._reindex
            if found is None or not self.is_running(reindex_id) or found.number != number:
                return False
            was_open = name in self._open
            self._open.discard(name)
            return was_open and not self._open

    def open_slices(self, reindex_id: str) -> Sequence[str]:
        """Return the slices of the current pass that are not done."""
        with self._lock:
            return sorted(self._open) if self.is_running(reindex_id) else []

    def next_pass(self, reindex: Reindex) -> bool:
        """Start the pass after this one; return False if that has happened or it ended."""
        with self._lock:
            found = self._reindex
            if not self.is_running(reindex.id) or found is None or found.number != reindex.number:
                return False
            self._change(
                number=reindex.number + 1,
                embedded_before=reindex.embedded,
                images_before=reindex.images,
            )
            self._open = set(SLICES)
            return True

    def end(
        self, reindex: Reindex, state: ReindexState, now: float, detail: str | None = None
    ) -> bool:
        """End a reindex; return False if it is not running."""
        with self._lock:
            if not self.is_running(reindex.id):
                return False
            self._change(state=state, ended_at=now, detail=detail)
            return True

    def _change(self, **fields: object) -> None:
        if self._reindex is not None:
            self._reindex = self._reindex.model_copy(update=fields)
