"""Runs ``reindex.slice``, the tasks of a reindex."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from common.contract import Done, ReindexSlice
from common.redis.time import Clock, MachineClock
from common.reindex.base import Reindex, Reindexes, ReindexState
from common.reindex.tasks import SendTo, send_slices
from worker.ingest.deliveries import Interrupted
from worker.reindex.page import Page, PageReindex
from worker.stores.base import VectorStore
from worker.stores.collections import Collections

log = logging.getLogger(__name__)

# Passes without progress before a reindex ends as incomplete: other tasks may have claimed the
# missing images, but not for that long.
_IDLE_PASSES_MAX = 2
# Seconds between looks at the queue of uploads, and longest wait of a page for it to empty, so that
# endless uploads slow a reindex down but do not stop it.
_PAUSE_S, _PAUSES_MAX = 0.5, 20


@dataclass(frozen=True, slots=True)
class Duties:
    """What comes before a reindex.

    Attributes:
        are_due: Returns whether uploads wait for a worker.
        closing: Waits up to some seconds; returns whether the worker is shutting down.
    """

    are_due: Callable[[], bool]
    closing: Callable[[float], bool]

    def come_first(self) -> None:
        """Wait while uploads are due, but not forever.

        Raises:
            Interrupted: The worker is shutting down.
        """
        for _ in range(_PAUSES_MAX):
            is_due = self.are_due()
            if self.closing(_PAUSE_S if is_due else 0):
                raise Interrupted("The worker shuts down.")
            if not is_due:
                return


class SliceReindex:
    """Runs a slice of a pass: every page of it, while no upload waits.

    Args:
        pages: Embeds what a page lacks.
        originals: Returns a slice's pages for an owner of claims.
        store: The model's collection.
        collections: Provide the collection of the source.
        reindexes: The record of the reindex.
        duties: What comes first.
        send_to: Sends the tasks of the next pass.
        clock: Redis's clock.
    """

    def __init__(
        self,
        *,
        pages: PageReindex,
        originals: Callable[[str, str], Iterator[Page]],
        store: VectorStore,
        collections: Collections,
        reindexes: Reindexes,
        duties: Duties,
        send_to: SendTo,
        clock: Clock | None = None,
    ) -> None:
        self._pages = pages
        self._originals = originals
        self._store = store
        self._collections = collections
        self._reindexes = reindexes
        self._duties = duties
        self._send_to = send_to
        self._clock = clock or MachineClock()

    def run(self, task: ReindexSlice, owner: str) -> Done:
        """Reindex a slice; idempotent.

        Args:
            task: The slice.
            owner: The owner of claims; the same when the task is retried.

        Raises:
            Interrupted: The worker is shutting down.
            ServiceError: A part of the service is unavailable. Retry later in both cases.
        """
        reindex = self._reindexes.get()
        if reindex is None or not self._is_current(reindex, task):
            return Done()
        source = self._collections.find(reindex.source)
        if source is None:
            self._end_without_source(reindex)
            return Done()
        if self._run_pages(reindex, task, owner, source):
            last = self._reindexes.slice_done(reindex.id, reindex.number, task.slice)
            # A worker may have died between the last slice of a pass and its end.
            if last or not self._reindexes.open_slices(reindex.id):
                self._end_pass(reindex, source)
        return Done()

    def give_up(self, task: ReindexSlice) -> Done:
        """End a slice that keeps failing; the next pass tries its images again."""
        reindex = self._reindexes.get()
        source = None if reindex is None else self._collections.find(reindex.source)
        if reindex is not None and source is not None and self._is_current(reindex, task):
            log.error("reindex.given_up slice=%s", task.slice)
            if self._reindexes.slice_done(reindex.id, reindex.number, task.slice):
                self._end_pass(reindex, source)
        return Done()

    def _is_current(self, reindex: Reindex, task: ReindexSlice) -> bool:
        return (reindex.id, reindex.number, reindex.state) == (
            task.reindex_id,
            task.number,
            "running",
        )

    def _run_pages(
        self, reindex: Reindex, task: ReindexSlice, owner: str, source: VectorStore
    ) -> bool:
        """Run a slice's pages; return False if the reindex was cancelled meanwhile."""
        note_failure = partial(self._reindexes.fail, reindex.id)
        for page in self._originals(task.slice, owner):
            self._duties.come_first()
            if not self._reindexes.is_running(reindex.id):
                return False
            embedded = self._pages.run(page, source, note_failure)
            if embedded:
                self._note(reindex, source, embedded)
        return True

    def _note(self, reindex: Reindex, source: VectorStore, embedded: int) -> None:
        self._reindexes.note(
            reindex.id, embedded=embedded, images=source.count(), present=self._store.count()
        )

    def _end_pass(self, reindex: Reindex, source: VectorStore) -> None:
        """End the reindex if nothing is missing or nothing more can be done, else continue."""
        self._note(reindex, source, 0)
        found = self._reindexes.get()
        if found is None or (found.id, found.number) != (reindex.id, reindex.number):
            # Another task has ended this pass.
            return
        missing = found.images - found.present
        # The latest arrivals are left to the switch: while uploads continue, there are some.
        if missing <= _arrived(found):
            self._end(found, "complete")
        elif found.embedded == found.embedded_before and found.number >= _IDLE_PASSES_MAX:
            self._end(
                found,
                "incomplete",
                f"{missing} images are missing: {found.failed} could not be embedded, and the"
                " others have no bytes in the blob store. Delete them, or switch without them.",
            )
        elif self._reindexes.next_pass(found):
            send_slices(found.model_copy(update={"number": found.number + 1}), self._send_to)

    def _end(self, reindex: Reindex, state: ReindexState, detail: str | None = None) -> None:
        self._reindexes.end(reindex, state, self._clock.now(), detail)
        log.info("reindex.ended model=%s state=%s", reindex.model, state)

    def _end_without_source(self, reindex: Reindex) -> None:
        detail = f"The collection of {reindex.source} was dropped."
        self._reindexes.end(reindex, "incomplete", self._clock.now(), detail)


def _arrived(reindex: Reindex) -> int:
    """Return how many images the source has gained in this pass."""
    if reindex.images_before is None:
        return 0
    return max(0, reindex.images - reindex.images_before)
