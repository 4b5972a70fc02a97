"""The images of one chunk, from their blobs to their outcomes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field

from common.claims.base import Claims, Verdict
from common.contract import ChunkItem, ChunkResult, IngestChunk, Outcome
from common.dead_letters.base import DeadLetters
from common.errors import EncoderError, ImagesBusy, Quarantined, ServiceError
from common.jobs.base import JobRecords
from worker.ingest.isolation import Isolation
from worker.ingest.outcomes import (
    Outcomes,
    outcome_of,
    piped_outcome,
    stored_outcome,
)
from worker.ingest.pictures import PictureReader
from worker.ingest.pipeline import IngestPipeline
from worker.stores.amends import Amends
from worker.stores.base import VectorStore

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Run:
    """One try at a chunk."""

    chunk: IngestChunk
    owner: str
    # By index in the job.
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    # The jobs of the rows in the store, by image, as far as is known of those claimed.
    stored: dict[str, str] = field(default_factory=dict)
    # Why some images have no outcome yet.
    trouble: ServiceError | None = None


class ChunkIngest:
    """Runs ``ingest.chunk``: every image ends indexed, known already, or failed by itself.

    An image is claimed before its bytes are read, and let go of once it has an
    outcome, so that of several tasks with the same bytes one embeds them and
    the others find them indexed. What was in hand when a worker died is tried
    again alone, and quarantined after its last attempt. Of a job that was
    cancelled nothing more is begun; images that already have a row count as indexed.

    Args:
        reader: Makes pictures of items.
        store: Asked for what is indexed already.
        pipeline: Decodes, encodes and writes.
        jobs: Where outcomes are noted.
        claims: Who has which image in hand.
        dead_letters: Where images go that are given up.
        isolation: Shared by all that this process has in hand.
        amends: Knows the images that await correction; they are left alone until then.
    """

    def __init__(
        self,
        *,
        reader: PictureReader,
        store: VectorStore,
        pipeline: IngestPipeline,
        jobs: JobRecords,
        claims: Claims,
        dead_letters: DeadLetters,
        isolation: Isolation,
        amends: Amends,
    ) -> None:
        self._reader = reader
        self._store = store
        self._pipeline = pipeline
        self._jobs = jobs
        self._claims = claims
        self._outcomes = Outcomes(jobs, claims, dead_letters)
        self._isolation = isolation
        self._amends = amends

    def run(self, chunk: IngestChunk, owner: str) -> ChunkResult:
        """Ingest a chunk; running it again changes nothing.

        Args:
            chunk: The images.
            owner: Who claims them; the same when the chunk is tried again.

        Raises:
            ImagesBusy: Other tasks have some of the images in hand.
            ServiceError: A part is away. In both cases the other images have
                their outcomes, and the chunk is to be run again later.
        """
        if self._amends.concern(chunk.tenant, [item.id for item in chunk.items]):
            raise _busy()
        run = _Run(chunk, owner)
        if self._jobs.begin(chunk.job_id, [item.index for item in chunk.items]):
            for suspect in self._take(run):
                self._try_alone(run, suspect)
        else:
            self._cancel(run)
        if run.trouble is not None:
            raise run.trouble
        return ChunkResult(outcomes=[run.outcomes[item.index] for item in chunk.items])

    def give_up(self, chunk: IngestChunk) -> ChunkResult:
        """End a chunk that cannot be run: what is not indexed fails with ``encoder_error``.

        Raises:
            ServiceError: A part is away; call it again later.
        """
        error = EncoderError("The worker failed on this picture's chunk; its log says why.")
        # What has an outcome keeps it, and leaves no dead letter.
        outcomes, items = self._outcomes.ended_before(chunk, chunk.items)
        try:
            stored = self._store.known(chunk.tenant, [item.id for item in items])
        except ServiceError:
            raise
        except Exception:
            # This may be the very fault that the chunk is given up for.
            log.exception("ingest.known_failed")
            stored = {}
        ended = [
            stored_outcome(item, stored[item.id], chunk)
            if item.id in stored
            else Outcome.failed(item.index, item.id, error)
            for item in items
        ]
        self._outcomes.record(chunk, items, ended)
        outcomes |= {outcome.index: outcome for outcome in ended}
        return ChunkResult(outcomes=[outcomes[item.index] for item in chunk.items])

    def _cancel(self, run: _Run) -> None:
        """End the open images: indexed if this job has already written a row, else cancelled.

        A worker may have died between writing the row and recording the outcome.
        """
        chunk = run.chunk
        run.outcomes, items = self._outcomes.ended_before(chunk, chunk.items)
        if not items:
            return
        ids = [item.id for item in items]
        # Isolation does not matter here: nothing is decoded that could kill the worker.
        found = self._claims.take(run.owner, chunk.tenant, ids, alone=True)
        verdicts = zip(items, found, strict=True)
        free = [item for item, verdict in verdicts if verdict is not Verdict.BUSY]
        with self._claimed(run, free):
            self._look(run, free)
            outcomes = [
                outcome_of(item, "indexed" if self._is_own(run, item) else "cancelled")
                for item in free
            ]
            self._outcomes.record(chunk, free, outcomes)
            run.outcomes |= {outcome.index: outcome for outcome in outcomes}
        if len(free) < len(items):
            run.trouble = _busy()

    def _take(self, run: _Run) -> list[ChunkItem]:
        """Bring all images that may be in hand together to their outcomes; return the suspects."""
        items = run.chunk.items
        with self._isolation.together():
            found = self._claims.take(run.owner, run.chunk.tenant, [item.id for item in items])
            verdicts = list(zip(items, found, strict=True))
            granted = [item for item, verdict in verdicts if verdict is Verdict.GRANTED]
            if granted:
                self._bring(run, granted)
        self._refuse(run, [item for item, verdict in verdicts if verdict is Verdict.QUARANTINED])
        if Verdict.BUSY in found:
            run.trouble = run.trouble or _busy()
        return [item for item, verdict in verdicts if verdict is Verdict.SUSPECT]

    def _try_alone(self, run: _Run, item: ChunkItem) -> None:
        with self._isolation.alone():
            (verdict,) = self._claims.take(run.owner, run.chunk.tenant, [item.id], alone=True)
            if verdict is Verdict.GRANTED:
                self._bring(run, [item])
        if verdict is Verdict.QUARANTINED:
            self._refuse(run, [item])
        elif verdict is not Verdict.GRANTED:
            run.trouble = run.trouble or _busy()

    def _bring(self, run: _Run, items: Sequence[ChunkItem]) -> None:
        """Bring claimed images to their outcomes; those without one are given back."""
        with self._claimed(run, items):
            found = self._bring_through(run, items)
            outcomes = self._outcomes.without_lost_claims(run.owner, run.chunk.tenant, found)
            if len(outcomes) < len(found):
                run.trouble = _busy()
            ended = [item for item in items if item.index in outcomes]
            self._outcomes.record(run.chunk, ended, [outcomes[item.index] for item in ended])
            run.outcomes |= outcomes

    @contextmanager
    def _claimed(self, run: _Run, items: Sequence[ChunkItem]) -> Iterator[None]:
        """Release claimed images at the end: settle those with outcomes, give back the others."""
        tenant = run.chunk.tenant
        try:
            yield
        finally:
            ended = [item.id for item in items if item.index in run.outcomes]
            left = {image_id: run.stored.get(image_id, "") for image_id in ended}
            self._claims.settle(run.owner, tenant, left)
            rest = [item.id for item in items if item.id not in left]
            self._claims.give_back(run.owner, tenant, rest)

    def _bring_through(self, run: _Run, items: Sequence[ChunkItem]) -> dict[int, Outcome]:
        """Return the outcomes of images by their indices, and note in the run why some lack."""
        chunk = run.chunk
        # What an earlier run of the chunk brought to its end may have been deleted since, and
        # must not come back.
        self._look(run, items)
        outcomes, items = self._outcomes.ended_before(chunk, items)
        outcomes |= {
            item.index: stored_outcome(item, run.stored[item.id], chunk)
            for item in items
            if item.id in run.stored
        }
        for item, future in self._through_pipeline(run, items):
            try:
                outcomes[item.index] = piped_outcome(item, future)
            except ServiceError as error:
                run.trouble = error
            if future.exception() is None:
                run.stored[item.id] = chunk.job_id
        return outcomes

    def _look(self, run: _Run, items: Sequence[ChunkItem]) -> None:
        """Note in the run which claimed images have rows."""
        run.stored |= self._store.known(run.chunk.tenant, [item.id for item in items])

    def _is_own(self, run: _Run, item: ChunkItem) -> bool:
        """Return whether this job wrote the image's row, in an earlier run."""
        return run.stored.get(item.id) == run.chunk.job_id

    def _through_pipeline(
        self, run: _Run, items: Sequence[ChunkItem]
    ) -> list[tuple[ChunkItem, Future[None]]]:
        """Send images without rows through the pipeline; return them with their futures."""
        begun: list[tuple[ChunkItem, Future[None]]] = []
        try:
            begun.extend(
                (item, self._begin(run, item)) for item in items if item.id not in run.stored
            )
        finally:
            # All of them: a claim is let go of only once nothing more is done in its name.
            wait([future for _, future in begun])
        return begun

    def _begin(self, run: _Run, item: ChunkItem) -> Future[None]:
        return self._pipeline.submit(lambda: self._reader.read(item, run.chunk, run.owner))

    def _refuse(self, run: _Run, items: Sequence[ChunkItem]) -> None:
        """End quarantined images."""
        outcomes = [
            Outcome.failed(item.index, item.id, Quarantined(_quarantined())) for item in items
        ]
        self._outcomes.record(run.chunk, items, outcomes)
        run.outcomes |= {outcome.index: outcome for outcome in outcomes}


def _busy() -> ImagesBusy:
    return ImagesBusy("Other tasks have the same images in hand.")


def _quarantined() -> str:
    return (
        "It was in hand whenever a worker died, as often as it may be; it is kept among the dead"
        " letters, from where it can be replayed."
    )
