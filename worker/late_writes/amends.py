"""Amends: correct rows that this process wrote after it had lost its claims."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from common.blobs.base import BlobStore
from common.claims.base import Claim, Claims, Left, Verdict
from common.contract import ImageRecord
from common.dead_letters.base import DeadLetters, has_letter
from common.errors import NotFound, ServiceError
from common.jobs.base import JobRecords
from common.jobs.walk import walk
from worker.stores.base import Row, VectorStore

log = logging.getLogger(__name__)

# Seconds between attempts while another owner holds an image.
_PAUSE_S = 0.1
# Seconds to finish open corrections at shutdown, and then the one that has begun.
_CLOSE_S, _STOP_S = 5.0, 5.0


@dataclass(frozen=True, slots=True)
class Late:
    """A row as this process wrote or deleted it, and the row that an edit replaced."""

    row: Row
    replaced: Row | None = None


class Amends:
    """Corrects images that this process may have written too late.

    Each image is claimed again, and the store is made to match the state that the last
    owner to settle the image left (``Claims.left``). If none is recorded, no owner settled
    the image, and its row stays. A separate thread does this, because the writer must not
    wait for a claim that its own process may hold.

    Args:
        store: Holds the rows.
        blobs: Holds the bytes: withdrawn for a deleted image, restored for an indexed one.
        jobs: Provide the file name, tags and metadata of an image.
        claims: The claims on images.
        dead_letters: Letters need bytes to be replayed.
        others: Returns the stores of other models, which edits and deletions write to as well.
    """

    def __init__(
        self,
        store: VectorStore,
        blobs: BlobStore,
        jobs: JobRecords,
        claims: Claims,
        dead_letters: DeadLetters,
        others: Callable[[], Sequence[VectorStore]] = tuple,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._jobs = jobs
        self._claims = claims
        self._dead_letters = dead_letters
        self._others = others
        # By tenant, image and job.
        self._open: dict[tuple[str, str, str], Late] = {}
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, late: Sequence[Late]) -> None:
        """Queue rows written or deleted under a lost claim for correction."""
        if not late:
            return
        with self._changed:
            self._open |= {
                (each.row.tenant, each.row.record.id, each.row.job_id): each for each in late
            }
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="amends", daemon=True)
                self._thread.start()

    def concern(self, tenant: str, ids: Sequence[str]) -> bool:
        """Return whether one of these images awaits correction; callers must wait until then."""
        with self._changed:
            return any(owner == tenant and open_id in ids for owner, open_id, _ in self._open)

    def close(self) -> None:
        """Wait briefly for open corrections to finish, and end the thread between two of them."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open, _CLOSE_S)
            self._closing.set()
            thread = self._thread
        if thread is not None:
            # A process that exits within a correction leaves a claim behind, as if it had died.
            thread.join(_STOP_S)
        with self._changed:
            for tenant, image_id, _ in self._open:
                log.error("amends.not_made tenant=%s id=%s", tenant, image_id)

    def _run(self) -> None:
        while rows := self._next():
            for key, late in rows.items():
                if self._closing.is_set():
                    break
                if self._try(late):
                    self._done(key, late)
            if self._open:
                self._closing.wait(_PAUSE_S)

    def _next(self) -> dict[tuple[str, str, str], Late]:
        """Return the open corrections; if there are none, the thread ends."""
        with self._changed:
            if not self._open or self._closing.is_set():
                self._thread = None
                return {}
            return dict(self._open)

    def _done(self, key: tuple[str, str, str], late: Late) -> None:
        with self._changed:
            # A row added meanwhile was written later, and still needs correction.
            if self._open[key] is late:
                del self._open[key]
            self._changed.notify_all()

    def _try(self, late: Late) -> bool:
        """Correct a row; return whether the correction is finished."""
        row = late.row
        try:
            return self._correct(late)
        except ServiceError as error:
            log.warning("amends.waiting id=%s %s", row.record.id, error)
            return False
        except Exception:
            log.exception("amends.failed tenant=%s id=%s", row.tenant, row.record.id)
            return True

    def _correct(self, late: Late) -> bool:
        claim = Claim(uuid.uuid4().hex, late.row.tenant, late.row.record.id)
        # Isolation does not matter here: nothing is decoded that could kill the worker.
        (verdict,) = self._claims.take(claim.owner, claim.tenant, [claim.id], alone=True)
        if verdict is Verdict.BUSY:
            return False
        if verdict is Verdict.QUARANTINED:
            # The image was given up, so it must have no row, and no owner holds a claim.
            self._make(late, Left(""))
            return True
        try:
            left = self._claims.left(claim.tenant, [claim.id]).get(claim.id)
            if left is not None:
                self._make(late, left)
            # If this claim was lost too, the correction itself may have come too late.
            return self._claims.confirm([claim]) == [True]
        finally:
            self._claims.give_back(claim.owner, claim.tenant, [claim.id])

    def _make(self, late: Late, left: Left) -> None:
        """Make the stores match the state left: the row of one job, or no row."""
        row, job_id = late.row, left.job_id
        tenant, image_id = row.tenant, row.record.id
        stored = self._store.known(tenant, [image_id]).get(image_id)
        if stored not in (None, row.job_id, job_id):
            # The row of an owner that has not settled the image yet.
            return
        log.warning(
            "amends.made tenant=%s id=%s stored=%s left=%s", tenant, image_id, stored, job_id
        )
        if not job_id:
            for store in (*self._others(), self._store):
                store.delete(tenant, [image_id])
            self._withdraw(tenant, image_id)
            return
        if stored == job_id:
            right = self._store.rows(tenant, [image_id])[image_id]
        else:
            right = self._as_of(late, left)
        for store in self._others():
            self._correct_other(store, right)
        if stored != job_id:
            self._store.upsert([right])
        self._blobs.restore(tenant, image_id)

    def _correct_other(self, store: VectorStore, right: Row) -> None:
        """Give another model's row, if there is one, the right record; its vector is its own."""
        image_id = right.record.id
        row = store.rows(right.tenant, [image_id]).get(image_id)
        if row is not None and row.job_id != right.job_id:
            store.upsert([replace(right, vector=row.vector)])

    def _withdraw(self, tenant: str, image_id: str) -> None:
        if not has_letter(self._dead_letters, tenant, image_id):
            self._blobs.withdraw(tenant, image_id)

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
