"""Corrects rows: makes the stores match what the last owners of images left."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from common.blobs.base import BlobStore
from common.claims.base import Left
from common.contract import ImageRecord
from common.dead_letters.base import DeadLetters, has_letter
from common.errors import NotFound
from common.jobs.base import JobRecords
from common.jobs.walk import walk
from worker.late_writes.late import Late
from worker.stores.base import Row, VectorStore

log = logging.getLogger(__name__)

# A row written too late, and what the last owner of its image left.
_Wrong: TypeAlias = tuple[Late, Left]


class Correction:
    """Corrects the rows of claimed images, several in each call of a store.

    Args:
        store: Holds the rows.
        blobs: Holds the bytes: withdrawn for a deleted image, restored for an indexed one.
        jobs: Provide the file name, tags and metadata of an image.
        dead_letters: Letters need bytes to be replayed.
        others: Returns the stores of other models, which edits and deletions write to as well.
    """

    def __init__(
        self,
        store: VectorStore,
        blobs: BlobStore,
        jobs: JobRecords,
        dead_letters: DeadLetters,
        others: Callable[[], Sequence[VectorStore]] = tuple,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._jobs = jobs
        self._dead_letters = dead_letters
        self._others = others

    def make(self, tenant: str, wrong: Sequence[_Wrong]) -> None:
        """Make the stores match what was left: the row of one job, or no row.

        Args:
            tenant: The owner of the images.
            wrong: Rows of different images.
        """
        stored = self._store.known(tenant, [late.id for late, _ in wrong])
        # Another row is that of an owner that has not settled the image yet.
        mine = [
            (late, left)
            for late, left in wrong
            if stored.get(late.id) in (None, late.row.job_id, left.job_id)
        ]
        for late, left in mine:
            log.warning(
                "amends.made tenant=%s id=%s stored=%s left=%s",
                *(tenant, late.id, stored.get(late.id), left.job_id),
            )
        self._delete(tenant, [late.id for late, left in mine if not left.job_id])
        self._restore(tenant, [each for each in mine if each[1].job_id], stored)

    def _delete(self, tenant: str, ids: Sequence[str]) -> None:
        if not ids:
            return
        for store in (*self._others(), self._store):
            store.delete(tenant, ids)
        for image_id in ids:
            if not has_letter(self._dead_letters, tenant, image_id):
                self._blobs.withdraw(tenant, image_id)

    def _restore(self, tenant: str, wrong: Sequence[_Wrong], stored: Mapping[str, str]) -> None:
        """Write the rows that were left, where others are stored."""
        if not wrong:
            return
        there = [late.id for late, left in wrong if stored.get(late.id) == left.job_id]
        found = self._store.rows(tenant, there) if there else {}
        missing = [self._as_of(late, left) for late, left in wrong if late.id not in found]
        for store in self._others():
            _correct_other(store, tenant, [*found.values(), *missing])
        if missing:
            self._store.upsert(missing)
        for late, _ in wrong:
            self._blobs.restore(tenant, late.id)

    def _as_of(self, late: Late, left: Left) -> Row:
        """Return a row as the job that left it wrote it; the vector is the same."""
        row, job_id = late.row, left.job_id
        if job_id == row.job_id:
            return row
        if left.record:
            record = ImageRecord.model_validate_json(left.record)
            return replace(row, job_id=job_id, record=record)
        if late.replaced is not None and late.replaced.job_id == job_id:
            return late.replaced
        try:
            job = self._jobs.get(job_id)
            own = (item for item in walk(self._jobs, job_id) if item.id == row.record.id)
            filename = next((item.filename for item in own), row.record.filename)
        except NotFound:
            # The job has expired, and with it the file name, tags and metadata.
            return replace(row, job_id=job_id)
        if job.kind != "ingest":
            # The record of its edit was lost.
            return replace(row, job_id=job_id)
        about = {"filename": filename, "tags": list(job.tags), "metadata": dict(job.metadata)}
        return replace(row, job_id=job_id, record=row.record.model_copy(update=about))


def _correct_other(store: VectorStore, tenant: str, right: Sequence[Row]) -> None:
    """Give another model's rows, where there are some, the right records; the vectors are its own.

    Args:
        store: The store of the other model.
        tenant: The owner of the images.
        right: The images' rows in the store of this model.
    """
    rows = store.rows(tenant, [each.record.id for each in right])
    wrong = [
        replace(each, vector=row.vector)
        for each in right
        if (row := rows.get(each.record.id)) is not None and row.job_id != each.job_id
    ]
    if wrong:
        store.upsert(wrong)
