"""One page of a reindex: embeds the images that the model's collection lacks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass

from common.claims.base import Claims, Verdict
from common.errors import DecoderDied, GlimpseError, NotFound, ServiceError
from worker.decoders.base import Decoder
from worker.ingest.isolation import Isolation
from worker.ingest.pictures import Picture
from worker.ingest.pipeline import IngestPipeline
from worker.late_writes.settled import settled_jobs
from worker.pixel_budget import PixelBudget
from worker.stores.base import Row, VectorStore

log = logging.getLogger(__name__)

# Takes a tenant, an image and the code of an error.
NoteFailure = Callable[[str, str, str], None]


@dataclass(frozen=True, slots=True)
class Page:
    """Images of one tenant.

    Attributes:
        tenant: Their owner.
        ids: The images.
        owner: The owner of their claims; the same when the page is repeated.
    """

    tenant: str
    ids: Sequence[str]
    owner: str


class PageReindex:
    """Makes a model's collection hold the same images as another one, page by page.

    Images are claimed as for an upload, so that no upload and no deletion overlaps with
    it. A row keeps everything but its vector.

    Args:
        store: The model's collection.
        pipeline: Encodes and writes to ``store``.
        decoder: Prepares the originals.
        claims: The claims on images.
        isolation: Shared by all tasks of this process.
        budget: Bounds the bytes of all pictures until they are encoded.
    """

    def __init__(
        self,
        *,
        store: VectorStore,
        pipeline: IngestPipeline,
        decoder: Decoder,
        claims: Claims,
        isolation: Isolation,
        budget: PixelBudget | None = None,
    ) -> None:
        self._store = store
        self._pipeline = pipeline
        self._decoder = decoder
        self._claims = claims
        self._isolation = isolation
        self._budget = budget or PixelBudget()

    def run(self, page: Page, source: VectorStore, note_failure: NoteFailure) -> int:
        """Embed the page's images that only ``source`` has, and delete those that it lacks.

        Images that other tasks have claimed are left out.

        Returns:
            The number of images embedded.

        Raises:
            ServiceError: A part of the service is unavailable; retry later.
        """
        wanted = source.known(page.tenant, page.ids)
        present = self._store.known(page.tenant, page.ids)
        surplus = [image_id for image_id in present if image_id not in wanted]
        if surplus:
            self._delete(page, surplus, source)
        missing = [image_id for image_id in page.ids if image_id in wanted.keys() - present.keys()]
        return self._embed_claimed(page, missing, source, note_failure) if missing else 0

    def _embed_claimed(
        self, page: Page, ids: Sequence[str], source: VectorStore, note_failure: NoteFailure
    ) -> int:
        with self._isolation.together():
            found = dict(zip(ids, self._claims.take(page.owner, page.tenant, ids), strict=True))
            granted = [image_id for image_id in ids if found[image_id] is Verdict.GRANTED]
            embedded = self._embed(page, granted, source, note_failure)
        for image_id, verdict in found.items():
            if verdict is Verdict.SUSPECT:
                embedded += self._embed_alone(page, image_id, source, note_failure)
            elif verdict is Verdict.QUARANTINED:
                note_failure(page.tenant, image_id, "quarantined")
        return embedded

    def _embed_alone(
        self, page: Page, image_id: str, source: VectorStore, note_failure: NoteFailure
    ) -> int:
        """Embed an image whose earlier worker died, while this process does nothing else."""
        with self._isolation.alone():
            (verdict,) = self._claims.take(page.owner, page.tenant, [image_id], alone=True)
            granted = [image_id] if verdict is Verdict.GRANTED else []
            return self._embed(page, granted, source, note_failure)

    def _embed(
        self, page: Page, ids: Sequence[str], source: VectorStore, note_failure: NoteFailure
    ) -> int:
        """Embed claimed images and release them."""
        if not ids:
            return 0
        ended: dict[str, str] = {}
        deadly: list[str] = []
        try:
            # Read again under the claims: some may have been deleted or embedded since.
            rows = self._rows(page, ids, source)
            present = self._store.known(page.tenant, ids)
            futures = self._run_pipeline(
                page, {key: row for key, row in rows.items() if key not in present}
            )
            deadly = [
                image_id
                for image_id, future in futures.items()
                if isinstance(future.exception(), DecoderDied)
            ]
            done = [image_id for image_id, future in futures.items() if not future.exception()]
            failed = self._failures(futures)
            ended = {image_id: rows[image_id].job_id for image_id in (*done, *failed)}
            for image_id, code in failed.items():
                note_failure(page.tenant, image_id, code)
            return len(done)
        finally:
            self._claims.settle(page.owner, page.tenant, ended)
            rest = [image_id for image_id in ids if image_id not in ended]
            self._claims.give_back(page.owner, page.tenant, rest, deadly=deadly)

    def _rows(self, page: Page, ids: Sequence[str], source: VectorStore) -> dict[str, Row]:
        """Return the rows to embed, except those that amends are about to delete or replace."""
        rows = source.rows(page.tenant, ids)
        jobs = {image_id: row.job_id for image_id, row in rows.items()}
        stored = settled_jobs(self._claims, page.tenant, jobs)
        return {key: row for key, row in rows.items() if stored.get(key) == row.job_id}

    def _run_pipeline(self, page: Page, rows: Mapping[str, Row]) -> dict[str, Future[None]]:
        """Run rows' pictures through the pipeline; return their done futures by id."""
        futures: dict[str, Future[None]] = {}
        try:
            for image_id, row in rows.items():
                futures[image_id] = self._begin(row, page.owner)
        finally:
            # A claim must not be released while its image is in the pipeline.
            wait(futures.values())
        return futures

    def _begin(self, row: Row, owner: str) -> Future[None]:
        return self._pipeline.submit(lambda: self._read(row, owner))

    def _read(self, row: Row, owner: str) -> Picture:
        with self._budget.room() as room:
            pixels = self._decoder.prepare(row.tenant, row.record.id, room)
            return Picture(row.tenant, row.record, row.job_id, owner, pixels, room)

    def _failures(self, futures: Mapping[str, Future[None]]) -> dict[str, str]:
        """Return the codes of the permanent errors, by image.

        Missing bytes are none: without them the image may just be being deleted.

        Raises:
            ServiceError: A part of the service is unavailable.
        """
        failed = {}
        for image_id, future in futures.items():
            error = future.exception()
            if isinstance(error, ServiceError):
                raise error
            if error is None or isinstance(error, NotFound):
                continue
            log.warning("reindex.failed id=%s %s", image_id, error)
            failed[image_id] = error.code if isinstance(error, GlimpseError) else "encoder_error"
        return failed

    def _delete(self, page: Page, ids: Sequence[str], source: VectorStore) -> None:
        """Delete rows that the source lacks, which an interrupted deletion left."""
        found = self._claims.take(page.owner, page.tenant, ids, alone=True)
        pairs = zip(ids, found, strict=True)
        granted = [image_id for image_id, verdict in pairs if verdict is Verdict.GRANTED]
        try:
            wanted = source.known(page.tenant, granted)
            self._store.delete(
                page.tenant, [image_id for image_id in granted if image_id not in wanted]
            )
        finally:
            self._claims.give_back(page.owner, page.tenant, granted)
