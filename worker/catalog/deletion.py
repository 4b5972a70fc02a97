"""Deletion: removes an image's row at once, and its bytes when no upload can need them."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Sequence

from common.blobs.base import BlobStore
from common.claims.base import Claims
from common.contract import CatalogDeleted, CatalogRequest
from common.dead_letters.base import DeadLetters, find_letter
from common.errors import WorkerUnavailable
from common.jobs.base import JobRecords
from common.quotas.base import Quotas
from common.read_marks.base import ReadMarks
from worker.catalog.claiming import CLAIM_WAIT_S, busy, claim_soon
from worker.late_writes.fence import Claimed, Fence
from worker.late_writes.settled import settled_jobs
from worker.stores.base import Row, VectorStore
from worker.stores.collections import Collections
from worker.stores.written import note_written

log = logging.getLogger(__name__)


class Deletion:
    """Runs ``catalog.delete``.

    An image is claimed for its deletion as it is for its ingest, so that the two
    never overlap. Its bytes are only withdrawn, since an upload accepted before
    may rely on them (``PictureReader`` restores them), and so may an image whose
    deletion was interrupted (``WithdrawnBlobs`` restores them).

    Args:
        store: Holds the row.
        blobs: Holds the bytes.
        jobs: Records the image as indexed if its job has not yet.
        claims: The claims on images.
        dead_letters: A letter about the image is removed with it.
        fence: Keeps a deletion that lost its claim from removing newer uploads.
        collections: The collections of other models, which must not keep the row.
        quotas: Counts the tenants' images.
        marks: The read marks, which a deletion raises.
        wait_s: Seconds to wait for a claimed image; must be less than the API's timeout.
        replaced_s: Seconds within which an edit has replaced a row.
    """

    def __init__(
        self,
        store: VectorStore,
        blobs: BlobStore,
        jobs: JobRecords,
        claims: Claims,
        dead_letters: DeadLetters,
        fence: Fence,
        collections: Collections,
        quotas: Quotas,
        marks: ReadMarks,
        wait_s: float = CLAIM_WAIT_S,
        replaced_s: float = 0.2,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._jobs = jobs
        self._claims = claims
        self._dead_letters = dead_letters
        self._fence = fence
        self._collections = collections
        self._quotas = quotas
        self._marks = marks
        self._wait_s = wait_s
        self._replaced_s = replaced_s

    def run(
        self, request: CatalogRequest, is_wanted: Callable[[], bool] = lambda: True
    ) -> CatalogDeleted:
        """Delete images and return those that were indexed.

        Args:
            request: The images to delete.
            is_wanted: Returns whether the caller still waits. A caller that timed out was
                asked to retry, and may have uploaded the image again since.

        Raises:
            ImagesBusy: Another task has claimed an image and did not release it in time.
            WorkerUnavailable: The caller no longer waits.
            ServiceError: A part of the service is unavailable. Retry in all three cases.
        """
        deleted = [
            image_id
            for image_id in request.ids
            if self._delete(request.tenant, image_id, is_wanted)
        ]
        return CatalogDeleted(deleted=deleted)

    def _delete(self, tenant: str, image_id: str, is_wanted: Callable[[], bool]) -> bool:
        if not self._is_known(tenant, image_id) and not self._may_come_back(tenant, image_id):
            # The caller may be retrying a deletion that was interrupted before it raised the mark.
            self._raise_marks([self._store])
            return False
        owner = uuid.uuid4().hex
        claim_soon(self._claims, owner, tenant, image_id, self._wait_s)
        try:
            is_deleted = self._delete_claimed(owner, tenant, image_id, is_wanted)
        except BaseException:
            self._claims.give_back(owner, tenant, [image_id])
            raise
        self._claims.settle(owner, tenant, {image_id: ""})
        return is_deleted

    def _is_known(self, tenant: str, image_id: str) -> bool:
        """Return whether an image has a row; look twice, because an edit may be replacing it."""
        if self._store.known(tenant, [image_id]):
            return True
        # Milvus Lite replaces a row in two steps, between which a read finds neither.
        time.sleep(self._replaced_s)
        return bool(self._store.known(tenant, [image_id]))

    def _may_come_back(self, tenant: str, image_id: str) -> bool:
        """Return whether amends would bring a row back that is not there.

        An earlier deletion removed it and was interrupted before it noted that.
        """
        return bool(settled_jobs(self._claims, tenant, {image_id: ""}))

    def _delete_claimed(
        self, owner: str, tenant: str, image_id: str, is_wanted: Callable[[], bool]
    ) -> bool:
        """Delete an image in steps that can be interrupted at any point."""
        # Checked under the claim: any upload accepted from here on is newer than the deletion.
        if not is_wanted():
            raise WorkerUnavailable("The deletion started after the request timed out; retry.")
        row = self._store.rows(tenant, [image_id]).get(image_id)
        if row is None:
            return False
        # Otherwise another run of its task would index the image again.
        note_written(self._jobs, self._store, [row])
        letter = find_letter(self._dead_letters, tenant, image_id)
        if not self._fence.holds(owner, tenant, image_id):
            raise busy(image_id)
        # The bytes first: after an interruption here, the upkeep finds the row and restores
        # them. In the other order, it could not find them.
        self._blobs.withdraw(tenant, image_id)
        held = self._fence.delete([Claimed(owner, row)], self._delete_rows)
        if held != [True]:
            raise busy(image_id)
        self._quotas.settle(tenant, deleted=[image_id])
        if letter is not None:
            # Only this job's letter: a newer one may have replaced it.
            self._dead_letters.remove(tenant, image_id, letter.job_id)
        log.info("catalog.deleted tenant=%s id=%s", tenant, image_id)
        return True

    def _delete_rows(self, rows: Sequence[Row]) -> None:
        # This store last: after an interruption, only it shows that the deletion is unfinished.
        stores = (*self._collections.others(self._store), self._store)
        for store in stores:
            for row in rows:
                store.delete(row.tenant, [row.record.id])
        self._raise_marks(stores)

    def _raise_marks(self, stores: Sequence[VectorStore]) -> None:
        """Make reads as of the marks see these stores as they are now."""
        marks = [store.read_mark(fresh=True) for store in stores]
        self._marks.advance([mark for mark in marks if mark is not None])
