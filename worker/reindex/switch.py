"""Runs ``models.switch``: makes this worker's model the active one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from common.contract import Done, SwitchRequest
from common.models.base import Models
from common.read_marks.base import ReadMarks
from common.redis.time import Clock, MachineClock
from common.reindex.base import SLICES
from worker.ingest.deliveries import Interrupted
from worker.reindex.page import Page, PageReindex
from worker.stores.base import VectorStore
from worker.stores.collections import Collections

log = logging.getLogger(__name__)

# Images that a switch embeds itself, for which uploads wait; a reindex embeds more.
LATE_MAX = 1000
# Seconds between looks at the queue that has to become empty, and between passes over the images.
_PAUSE_S = 0.2
# Passes that may leave images out before a switch is refused: other tasks may have claimed them,
# and a deletion may come between the two counts, but not every time.
_PASSES_MAX = 3


class ModelSwitch:
    """Switches all searches from the active model to this worker's, at once and completely.

    First it embeds the last images that are missing. Then uploads go to this model, whose
    workers wait; as soon as the active model's workers have finished theirs, the rest is
    embedded. So no search misses an image of a job that succeeded before it.

    Args:
        models: The models' roles.
        collections: Provide the collection of the active model.
        store: This model's collection.
        pages: Embeds what a page lacks.
        originals: Returns a slice's pages for an owner of claims.
        is_drained: Returns whether a model's workers have no more uploads.
        closing: Waits up to some seconds; returns whether the worker is shutting down.
        marks: The read marks; the switch raises that of this model's collection.
        clock: Redis's clock.
    """

    def __init__(
        self,
        *,
        models: Models,
        collections: Collections,
        store: VectorStore,
        pages: PageReindex,
        originals: Callable[[str, str], Iterator[Page]],
        is_drained: Callable[[str], bool],
        closing: Callable[[float], bool],
        marks: ReadMarks,
        clock: Clock | None = None,
    ) -> None:
        self._models = models
        self._collections = collections
        self._store = store
        self._pages = pages
        self._originals = originals
        self._is_drained = is_drained
        self._closing = closing
        self._marks = marks
        self._clock = clock or MachineClock()

    def run(self, request: SwitchRequest, owner: str) -> Done:
        """Switch, or refuse to; idempotent.

        Args:
            request: The switch.
            owner: The owner of claims; the same when the task is retried.

        Raises:
            Interrupted: The worker is shutting down.
            ServiceError: A part of the service is unavailable. Retry later in both cases.
        """
        active = self._models.roles().active
        source = None
        if active not in (None, request.model) and not request.allow_missing:
            source = self._collections.find(active)
        if self._is_on(request.model) and (
            source is None or self._catches_up(request.model, active or "", source, owner)
        ):
            # Searches find what a reindex wrote, which raised no mark.
            if mark := self._store.read_mark(fresh=True):
                self._marks.advance([mark])
            self._models.activate(request.model, self._clock.now())
            log.info("models.switched from=%s to=%s", active, request.model)
        return Done()

    def give_up(self, request: SwitchRequest) -> Done:
        """Refuse a switch that keeps failing."""
        self._refuse(request.model, "The switch failed repeatedly; see the workers' logs.")
        return Done()

    def _catches_up(self, model: str, active: str, source: VectorStore, owner: str) -> bool:
        """Embed what is missing; return whether the switch may complete."""
        missing = self._missing(source)
        if missing > LATE_MAX:
            return self._refuse_for(model, missing)
        self._embed_missing(model, source, owner)
        if not self._models.hold_uploads(model):
            return False
        while not self._is_drained(active):
            self._pause(model)
        for _ in range(_PASSES_MAX):
            self._embed_missing(model, source, owner)
            missing = self._missing(source)
            if missing <= 0:
                return True
            self._pause(model)
        return self._refuse_for(model, missing)

    def _embed_missing(self, model: str, source: VectorStore, owner: str) -> None:
        if self._missing(source) == 0:
            return
        for name in SLICES:
            for page in self._originals(name, owner):
                self._pages.run(page, source, _log_failure)
                self._pause(model, 0)

    def _missing(self, source: VectorStore) -> int:
        """Return how many rows of the source this model lacks, or more beside a deletion.

        Deletions reach all collections, the active one last, and rows are added only for rows
        of the source. So equal counts, the source's first, mean that no row is missing.
        """
        return source.count() - self._store.count()

    def _refuse_for(self, model: str, missing: int) -> bool:
        return self._refuse(
            model,
            f"{model} lacks {missing} images. Run `glimpse reindex --model {model}` first,"
            " or switch without them (--allow-missing).",
        )

    def _refuse(self, model: str, detail: str) -> bool:
        self._models.refuse(model, detail, self._clock.now())
        return False

    def _is_on(self, model: str) -> bool:
        switch = self._models.switch()
        return switch is not None and (switch.model, switch.state) == (model, "running")

    def _pause(self, model: str, seconds: float = _PAUSE_S) -> None:
        if self._closing(seconds):
            raise Interrupted("The worker shuts down.")
        if not self._is_on(model):
            raise Interrupted("The switch was called off.")


def _log_failure(tenant: str, image_id: str, code: str) -> None:
    log.warning("models.switch_failed tenant=%s id=%s code=%s", tenant, image_id, code)
