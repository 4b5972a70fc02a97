"""Ingest of chunks: takes each image from its blob to its outcome."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field

from common.claims.base import Claims, Verdict
from common.contract import ChunkItem, ChunkResult, IngestChunk, Outcome
from common.dead_letters.base import DeadLetters
from common.errors import (
    DecoderDied,
    EncoderError,
    ImagesBusy,
    Quarantined,
    QuotaExceeded,
    ServiceError,
)
from common.jobs.base import JobRecords
from common.logs.context import bound
from common.quotas.base import QUOTA_EXCEEDED, Quotas
from common.redis.time import Clock, MachineClock
from worker.edits.editor import Editor
from worker.ingest.duplicates import Duplicates, is_to_change
from worker.ingest.isolation import Isolation
from worker.ingest.outcomes import (
    Outcomes,
    outcome_of,
    piped_outcome,
    stored_outcome,
)
from worker.ingest.pictures import PictureReader
from worker.ingest.pipeline import IngestPipeline
from worker.ingest.quota import QuotaKeeper
from worker.late_writes.amends import Amends
from worker.late_writes.settled import settled_jobs
from worker.stores.base import Named, VectorStore
from worker.stores.written import changed_by

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Run:
    """One run of a chunk."""

    chunk: IngestChunk
    owner: str
    # By index in the job.
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    # The rows of claimed images that this run has found.
    found: dict[str, Named] = field(default_factory=dict)
    # The claimed images that have a row in the store, with the row's job.
    stored: dict[str, str] = field(default_factory=dict)
    # Claimed images that an earlier run has ended but that had no row when this run looked. Milvus
    # Lite replaces a row in two steps, and a read between them finds neither.
    unknown: set[str] = field(default_factory=set)
    # The records of rows that this run has changed, as JSON.
    records: dict[str, str] = field(default_factory=dict)
    # The images that decoder processes died of.
    deadly: set[str] = field(default_factory=set)
    # The reason why some images have no outcome yet.
    trouble: ServiceError | None = None


class ChunkIngest:
    """Runs ``ingest.chunk``: each image ends as indexed, duplicate, failed or cancelled.

    An image is claimed before its bytes are read, and released when it has an
    outcome, so that only one of several tasks with the same bytes embeds them and
    the others find them indexed. Those are changed as the upload says. Images being
    processed when a worker died are retried alone, and quarantined after their last
    attempt. If the job is cancelled, no further image starts; those that already have
    a row count as indexed.

    Args:
        reader: Turns items into pictures.
        store: Provides the images already indexed.
        pipeline: Decodes, encodes and writes.
        jobs: Records the outcomes.
        claims: The claims on images.
        dead_letters: Receives the images that are given up.
        isolation: Shared by all chunks of this process.
        editor: Changes images that are already indexed.
        amends: The images awaiting correction; chunks with such images wait.
        quotas: How many images the tenants may have.
        clock: Redis's clock.
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
        editor: Editor,
        amends: Amends,
        quotas: Quotas,
        clock: Clock | None = None,
    ) -> None:
        self._reader = reader
        self._store = store
        self._pipeline = pipeline
        self._jobs = jobs
        self._claims = claims
        self._outcomes = Outcomes(
            jobs, claims, dead_letters, quotas, store, clock or MachineClock()
        )
        self._quota = QuotaKeeper(quotas, store)
        self._duplicates = Duplicates(editor)
        self._isolation = isolation
        self._amends = amends

    def run(self, chunk: IngestChunk, owner: str) -> ChunkResult:
        """Ingest a chunk; idempotent.

        Args:
            chunk: The images.
            owner: The owner of their claims; the same when the chunk is retried.

        Raises:
            ImagesBusy: Other tasks have claimed some of the images.
            ServiceError: A part of the service is unavailable. In both cases the
                other images have their outcomes; retry the chunk later.
        """
        if self._amends.concern(chunk.tenant, [item.id for item in chunk.items]):
            raise _busy()
        run = _Run(chunk, owner)
        if self._jobs.begin(chunk.job_id, [item.index for item in chunk.items]):
            for suspect in self._ingest_together(run):
                self._ingest_alone(run, suspect)
        else:
            self._cancel(run)
        if run.trouble is not None:
            raise run.trouble
        return ChunkResult(outcomes=[run.outcomes[item.index] for item in chunk.items])

    def give_up(self, chunk: IngestChunk) -> ChunkResult:
        """End a chunk that keeps failing: images not indexed fail with ``encoder_error``.

        Raises:
            ServiceError: A part of the service is unavailable; retry later.
        """
        error = EncoderError("The worker failed on this picture's chunk; see its log.")
        # Images with an outcome keep it, without a dead letter.
        outcomes, items = self._outcomes.ended_before(chunk, chunk.items)
        try:
            stored, rows = self._stored(chunk, items)
        except ServiceError:
            raise
        except Exception:
            # This may be the same fault for which the chunk is given up.
            log.exception("ingest.known_failed")
            stored, rows = {}, {}
        ended = [
            stored_outcome(item, stored[item.id], chunk)
            if item.id in stored and not is_to_change(chunk, item, rows[item.id])
            else Outcome.failed(item.index, item.id, error)
            for item in items
        ]
        self._outcomes.record(chunk, items, ended, found=bool(stored))
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
            self._find_rows(run, free)
            outcomes = [
                stored_outcome(item, run.stored[item.id], chunk)
                if self._is_own(run, item)
                else outcome_of(item, "cancelled")
                for item in free
            ]
            self._outcomes.record(chunk, free, outcomes, found=bool(run.found))
            run.outcomes |= {outcome.index: outcome for outcome in outcomes}
        if len(free) < len(items):
            run.trouble = _busy()

    def _ingest_together(self, run: _Run) -> list[ChunkItem]:
        """Ingest all images except suspects, and return the suspects."""
        items = run.chunk.items
        with self._isolation.together():
            found = self._claims.take(run.owner, run.chunk.tenant, [item.id for item in items])
            verdicts = list(zip(items, found, strict=True))
            granted = [item for item, verdict in verdicts if verdict is Verdict.GRANTED]
            if granted:
                self._ingest(run, granted)
        self._refuse(run, [item for item, verdict in verdicts if verdict is Verdict.QUARANTINED])
        if Verdict.BUSY in found:
            run.trouble = run.trouble or _busy()
        return [item for item, verdict in verdicts if verdict is Verdict.SUSPECT]

    def _ingest_alone(self, run: _Run, item: ChunkItem) -> None:
        with self._isolation.alone():
            (verdict,) = self._claims.take(run.owner, run.chunk.tenant, [item.id], alone=True)
            if verdict is Verdict.GRANTED:
                self._ingest(run, [item])
        if verdict is Verdict.QUARANTINED:
            self._refuse(run, [item])
        elif verdict is not Verdict.GRANTED:
            run.trouble = run.trouble or _busy()

    def _ingest(self, run: _Run, items: Sequence[ChunkItem]) -> None:
        """Ingest claimed images and record their outcomes; give back those without one."""
        with self._claimed(run, items):
            found = self._find_outcomes(run, items)
            outcomes = self._outcomes.without_lost_claims(run.owner, run.chunk.tenant, found)
            if len(outcomes) < len(found):
                run.trouble = _busy()
            ended = [item for item in items if item.index in outcomes]
            self._outcomes.record(
                run.chunk, ended, [outcomes[item.index] for item in ended], found=bool(run.found)
            )
            run.outcomes |= outcomes

    @contextmanager
    def _claimed(self, run: _Run, items: Sequence[ChunkItem]) -> Iterator[None]:
        """Release claimed images at the end: settle those with outcomes, give back the others."""
        tenant = run.chunk.tenant
        try:
            yield
        finally:
            ended = [item.id for item in items if item.index in run.outcomes]
            left = {
                image_id: None if image_id in run.unknown else run.stored.get(image_id, "")
                for image_id in ended
            }
            self._claims.settle(run.owner, tenant, left, run.records)
            rest = [item.id for item in items if item.id not in left]
            self._claims.give_back(run.owner, tenant, rest, deadly=run.deadly)

    def _find_outcomes(self, run: _Run, items: Sequence[ChunkItem]) -> dict[int, Outcome]:
        """Return the images' outcomes by index; ``run.trouble`` says why some are missing."""
        chunk = run.chunk
        # Images that an earlier run of the chunk has ended keep their outcomes: they may have
        # been deleted since, and must not be indexed again.
        self._find_rows(run, items)
        outcomes, items = self._outcomes.ended_before(chunk, items)
        run.unknown |= {one.id for one in outcomes.values()} - run.stored.keys()
        outcomes |= self._found_outcomes(run, [item for item in items if item.id in run.found])
        granted = self._granted(run, items, outcomes)
        with self._pipeline.limit.piping():
            piped = self._run_pipeline(run, granted)
        for item, future in piped:
            try:
                outcomes[item.index] = piped_outcome(item, future)
            except ServiceError as error:
                run.trouble = error
                if isinstance(error, DecoderDied):
                    run.deadly.add(item.id)
            if future.exception() is None:
                run.stored[item.id] = chunk.job_id
        return outcomes

    def _found_outcomes(self, run: _Run, items: Sequence[ChunkItem]) -> dict[int, Outcome]:
        """Change images that have rows as the upload says; return their outcomes."""
        chunk = run.chunk
        due = {item.id: item for item in items if is_to_change(chunk, item, run.found[item.id])}
        outcomes = {
            item.index: stored_outcome(item, run.stored[item.id], chunk)
            for item in items
            if item.id not in due
        }
        try:
            changes = self._duplicates.change(chunk, run.owner, due) if due else []
        except ServiceError as error:
            run.trouble = error
            return outcomes
        for change in changes:
            outcomes[change.outcome.index] = change.outcome
            if change.outcome.changed:
                run.stored[change.outcome.id] = change.row.job_id
                run.records[change.outcome.id] = change.row.record.model_dump_json()
        if len(changes) < len(due):
            run.trouble = _busy()
        return outcomes

    def _granted(
        self, run: _Run, items: Sequence[ChunkItem], outcomes: dict[int, Outcome]
    ) -> list[ChunkItem]:
        """Return the images to embed; those beyond the tenant's quota get their outcome."""
        new = [item for item in items if item.id not in run.stored]
        granted = self._quota.grant(run.chunk.tenant, [item.id for item in new])
        over = QuotaExceeded(QUOTA_EXCEEDED)
        outcomes |= {
            item.index: Outcome.failed(item.index, item.id, over)
            for item in new
            if item.id not in granted
        }
        return [item for item in new if item.id in granted]

    def _find_rows(self, run: _Run, items: Sequence[ChunkItem]) -> None:
        """Note in the run which of the claimed images have rows."""
        stored, rows = self._stored(run.chunk, items)
        run.stored |= stored
        run.found |= rows

    def _stored(
        self, chunk: IngestChunk, items: Sequence[ChunkItem]
    ) -> tuple[dict[str, str], dict[str, Named]]:
        """Return the jobs of the images that have rows, and these rows, both by image id."""
        rows = self._store.named(chunk.tenant, [item.id for item in items])
        jobs = {image_id: row.job_id for image_id, row in rows.items()}
        stored = settled_jobs(self._claims, chunk.tenant, jobs)
        return stored, {image_id: rows[image_id] for image_id in stored}

    def _is_own(self, run: _Run, item: ChunkItem) -> bool:
        """Return whether this job wrote or changed the image's row, in an earlier run."""
        job_id = run.chunk.job_id
        return run.stored.get(item.id) in (job_id, changed_by(job_id))

    def _run_pipeline(
        self, run: _Run, items: Sequence[ChunkItem]
    ) -> list[tuple[ChunkItem, Future[None]]]:
        """Run images through the pipeline; return them with their done futures."""
        begun: list[tuple[ChunkItem, Future[None]]] = []
        try:
            begun.extend((item, self._begin(run, item)) for item in items)
        finally:
            # For all of them: a claim must not be released while its image is in the pipeline.
            wait([future for _, future in begun])
        return begun

    def _begin(self, run: _Run, item: ChunkItem) -> Future[None]:
        with bound(image=item.id):
            return self._pipeline.submit(lambda: self._reader.read(item, run.chunk, run.owner))

    def _refuse(self, run: _Run, items: Sequence[ChunkItem]) -> None:
        """End quarantined images."""
        outcomes = [
            Outcome.failed(item.index, item.id, Quarantined(_quarantined())) for item in items
        ]
        self._outcomes.record(run.chunk, items, outcomes)
        run.outcomes |= {outcome.index: outcome for outcome in outcomes}


def _busy() -> ImagesBusy:
    return ImagesBusy("Other tasks are processing the same images.")


def _quarantined() -> str:
    return (
        "The processes that worked on this image died each time, so it is not retried; "
        "replay its dead letter to try again."
    )
