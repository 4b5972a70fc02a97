"""Withdrawn blobs: bytes of deleted images and orphans, kept for a while before removal."""

from __future__ import annotations

import logging
import math
import uuid
from collections import defaultdict
from collections.abc import Sequence

from common.blobs.base import BlobStore, StoredBlob
from common.claims.base import Claims, Verdict
from common.dead_letters.base import DeadLetters, has_letter
from common.jobs.base import JobRecords
from common.pages import pages
from common.redis.time import Clock, MachineClock
from worker.stores.base import VectorStore
from worker.upkeep.turn import Check, no_check

log = logging.getLogger(__name__)

# Minimum seconds to keep withdrawn bytes. An upload relies on them once it has stored them,
# but is visible here only by its job's record, written shortly after. This is far longer
# than the time in between, and as long as a record lasts whose tasks were not all sent.
_KEPT_S = 3600.0
# Ids looked up at a time.
_PAGE = 1000


class WithdrawnBlobs:
    """A chore of the upkeep: restores blobs that are still needed, and discards the others.

    Args:
        blobs: Holds the withdrawn blobs.
        store: Provides the indexed images: an interrupted deletion leaves the row.
        jobs: Provides the age of the oldest upload that may wait for its images.
        claims: An image is claimed while its bytes are restored or discarded.
        dead_letters: Letters need bytes to be replayed.
        kept_s: Minimum seconds to keep withdrawn bytes.
        clock: Redis's clock, by which jobs have their times too.
    """

    def __init__(
        self,
        blobs: BlobStore,
        store: VectorStore,
        jobs: JobRecords,
        claims: Claims,
        dead_letters: DeadLetters,
        kept_s: float = _KEPT_S,
        clock: Clock | None = None,
    ) -> None:
        self._blobs = blobs
        self._store = store
        self._jobs = jobs
        self._claims = claims
        self._dead_letters = dead_letters
        self._kept_s = kept_s
        self._clock = clock or MachineClock()

    def sweep(self, check: Check = no_check) -> int:
        """Restore and discard blobs; return the number discarded.

        An upload stores the bytes of its images again, and its job is created within
        ``kept_s`` after that. So no unfinished job needs bytes withdrawn more than
        ``kept_s`` before the oldest one was created, and no job's items need be read.

        Raises:
            ServiceError: A part of the service is unavailable; retry later.
        """
        withdrawn: dict[str, list[StoredBlob]] = defaultdict(list)
        for blob in self._blobs.withdrawn():
            withdrawn[blob.tenant].append(blob)
        # Read the clock before the jobs: blobs of later uploads are younger than this.
        now = self._clock.now()
        oldest_job = self._jobs.oldest_unfinished()
        before = min(now, math.inf if oldest_job is None else oldest_job) - self._kept_s
        return sum(
            self._sweep_page(tenant, page, before, check)
            for tenant, blobs in withdrawn.items()
            for page in pages(blobs, _PAGE)
        )

    def _sweep_page(
        self, tenant: str, page: Sequence[StoredBlob], before: float, check: Check
    ) -> int:
        indexed = self._store.known(tenant, [blob.id for blob in page])
        discarded = 0
        for blob in page:
            check()
            is_old = blob.at < before
            if is_old or blob.id in indexed:
                discarded += self._settle(blob, is_old)
        return discarded

    def _settle(self, blob: StoredBlob, is_old: bool) -> bool:
        """Restore a needed blob, or discard an old one; return whether it was discarded."""
        tenant, image_id, owner = blob.tenant, blob.id, uuid.uuid4().hex
        if self._claims.take(owner, tenant, [image_id], alone=True) != [Verdict.GRANTED]:
            # Another task is processing the image; check it again in the next turn.
            return False
        try:
            if self._store.known(tenant, [image_id]) or has_letter(
                self._dead_letters, blob.tenant, blob.id
            ):
                self._blobs.restore(tenant, image_id)
                return False
            # A young one may have lost its row since: a deletion in progress withdraws the bytes
            # before it deletes the row.
            if is_old:
                # Only if unchanged: this process may have been frozen since it read the time.
                self._blobs.discard(tenant, image_id, blob.at)
            return is_old
        finally:
            self._claims.give_back(owner, tenant, [image_id])
