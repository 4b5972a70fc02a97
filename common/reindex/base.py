"""The record of a reindex, and the interface for storing it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from common.contract import Message

ReindexState = Literal["running", "complete", "incomplete", "cancelled"]

# The slices of a pass: the images whose ids start with the same two digits.
SLICES = tuple(f"{number:02x}" for number in range(256))


class Reindex(Message):
    """A reindex and its progress.

    It runs in passes over all images, until a pass leaves no row out that was there when it began.
    """

    # Unique; tasks of an earlier reindex recognise by it that they are outdated.
    id: str
    # The model whose collection is filled, and the active model when the reindex began.
    model: str
    source: str
    state: ReindexState
    # Why it is incomplete.
    detail: str | None = None
    # Rows of the source and of the model's collection, when last counted.
    images: int = 0
    present: int = 0
    # Images embedded, and images that the model or their bytes make impossible to embed.
    embedded: int = 0
    failed: int = 0
    # The number of the current pass, from 1, and how many of its slices are done. From the second
    # pass on, how many images were embedded, and how many rows the source had, before it.
    number: int = 1
    embedded_before: int = 0
    images_before: int | None = None
    slices_done: int = 0
    # In seconds since 1970.
    started_at: float
    ended_at: float | None = None


class Reindexes(Protocol):
    """Stores the last reindex; every method raises ``BrokerUnavailable``."""

    def start(self, reindex: Reindex) -> bool:
        """Store a new reindex; return False if one is running."""
        ...

    def get(self) -> Reindex | None:
        """Return the last reindex, or None if there was none."""
        ...

    def is_running(self, reindex_id: str) -> bool:
        """Return whether this reindex is running: neither ended, cancelled nor replaced."""
        ...

    def note(self, reindex_id: str, *, embedded: int, images: int, present: int) -> None:
        """Add embedded images, and store the latest counts of rows."""
        ...

    def fail(self, reindex_id: str, tenant: str, image_id: str, code: str) -> None:
        """Note why an image cannot be embedded."""
        ...

    def slice_done(self, reindex_id: str, number: int, name: str) -> bool:
        """Mark a slice of a pass as done; return whether it was the last open one, once."""
        ...

    def open_slices(self, reindex_id: str) -> Sequence[str]:
        """Return the slices of the current pass that are not done."""
        ...

    def next_pass(self, reindex: Reindex) -> bool:
        """Start the pass after this one; return False if that has happened or it ended."""
        ...

    def end(
        self, reindex: Reindex, state: ReindexState, now: float, detail: str | None = None
    ) -> bool:
        """End a reindex; return False if it is not running."""
        ...
