"""Withdrawn blobs: bytes of deleted images and of orphans, set aside before they are removed."""

from __future__ import annotations

import logging
import math
import time
import uuid
from collections import defaultdict
from collections.abc import Sequence

from common.blobs.base import BlobStore, StoredBlob
from common.claims.base import Claims, Verdict
from common.dead_letters.base import DeadLetters, find_letter
from common.errors import NotFound
from common.jobs.base import JobRecords
from common.jobs.walk import walk
from common.pages import pages
from worker.stores.base import VectorStore

log = logging.getLogger(__name__)

# Seconds that withdrawn bytes are kept at least. An upload counts on them from the moment
# that it has stored them, and is seen by its job's record; as long as a record lasts whose
# tasks are not all sent, and far longer than lies between the two.
_KEPT_S = 3600.0
# Ids asked for at a time.
_PAGE = 1000


class WithdrawnBlobs:
    """A chore of upkeep: brings back what an image still needs, and discards the rest.

    Args:
        blobs: Where the bytes are aside.
        store: Asked which images are indexed: a deletion that was cut off leaves the row.
        jobs: Asked which images accepted uploads wait for.
        claims: An image is claimed while its bytes are brought back or discarded.
        dead_letters: Letters need bytes to be replayed.
        kept_s: Seconds that bytes are kept at least.
    """

    def __init__(
        self,
        blobs: BlobStore,
        store: VectorStore,
        jobs: JobRecords,
        claims: Claims,
        dead_letters: DeadLetters,
        kept_s: float = _KEPT_S,
    ) -> None:
        self._blobs = blobs
        self._store = store
        self._jobs = jobs
        self._claims = claims
        self._dead_letters = dead_letters
        self._kept_s = kept_s

    def sweep(self) -> int:
        """Bring back and discard; return how many blobs were discarded.

        Raises:
            ServiceError: A part is away; nothing is worse than before.
        """
        aside: dict[str, list[StoredBlob]] = defaultdict(list)
        for blob in self._blobs.withdrawn():
            aside[blob.tenant].append(blob)
        # The moment comes first: what an upload stored since is younger than what is looked at.
        before = time.time() - self._kept_s
        awaited = (
            self._awaited() if any(b.at < before for blobs in aside.values() for b in blobs) else {}
        )
        return sum(
            self._sweep_page(tenant, page, before, awaited.get(tenant, set()))
            for tenant, blobs in aside.items()
            for page in pages(blobs, _PAGE)
        )

    def _awaited(self) -> dict[str, set[str]]:
        """Return the ids of images, by tenant, that accepted uploads wait for."""
        awaited: dict[str, set[str]] = defaultdict(set)
        for job_id in self._jobs.stalled(-math.inf):
            try:
                queued = {item.id for item in walk(self._jobs, job_id, "queued")}
                awaited[self._jobs.get(job_id).tenant] |= queued
            except NotFound:
                continue
        return awaited

    def _sweep_page(
        self, tenant: str, page: Sequence[StoredBlob], before: float, awaited: set[str]
    ) -> int:
        indexed = self._store.known(tenant, [blob.id for blob in page])
        discarded = 0
        for blob in page:
            if blob.id in indexed:
                self._settle(blob)
            elif blob.at < before and blob.id not in awaited:
                discarded += self._settle(blob)
        return discarded

    def _settle(self, blob: StoredBlob) -> bool:
        """Bring back or discard a blob; return whether it was discarded."""
        tenant, image_id, owner = blob.tenant, blob.id, uuid.uuid4().hex
        if self._claims.take(owner, tenant, [image_id], alone=True) != [Verdict.GRANTED]:
            # It is in hand, and is looked at again with the next turn.
            return False
        try:
            if self._store.known(tenant, [image_id]) or self._has_letter(blob):
                self._blobs.restore(tenant, image_id)
                return False
            # Only what was looked at: this process may have stood still since.
            self._blobs.discard(tenant, image_id, blob.at)
        finally:
            self._claims.give_back(owner, tenant, [image_id])
        return True

    def _has_letter(self, blob: StoredBlob) -> bool:
        return find_letter(self._dead_letters, blob.tenant, blob.id) is not None
