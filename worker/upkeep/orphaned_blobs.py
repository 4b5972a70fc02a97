"""Orphaned blobs: originals that no image, no job and no dead letter needs."""

from __future__ import annotations

import logging
import math
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from common.blobs.base import BlobStore, StoredBlob
from common.broker.queues import QueueDepth
from common.claims.base import Claims, Verdict
from common.dead_letters.base import DeadLetters, has_letter
from common.jobs.base import JobRecords
from common.pages import pages
from common.redis.time import Clock, MachineClock
from worker.stores.base import VectorStore
from worker.upkeep.rounds import Rounds
from worker.upkeep.turn import Check, no_check

log = logging.getLogger(__name__)

# Slices of a round, one per turn: the ids that start with the same two digits.
SLICES = 256
# Minimum age of an original, in seconds since its upload: its job and tasks follow at once,
# and any upload that began during an outage of Redis has ended by then.
_LEFT_ALONE_S = 3600.0
# Ids looked up at a time, and images claimed at a time.
_PAGE, _CLAIMS_PAGE = 1000, 100


@dataclass(frozen=True, slots=True)
class _Span:
    """The period of storage, in Unix time, for which orphans can be identified."""

    since: float
    before: float

    def has(self, blob: StoredBlob) -> bool:
        return self.since < blob.at < self.before


class OrphanedBlobs:
    """A chore of the upkeep: withdraws the bytes of images that ended without a row.

    Such images were cancelled, are not pictures, had their dead letters deleted, or their
    uploads were refused midway. ``WithdrawnBlobs`` discards withdrawn bytes after an hour;
    until then, a task that needs them restores them.

    A missing row is not sufficient proof: Milvus may have been emptied or restored from a
    backup, and the model may have changed. So bytes once seen with their row are kept
    whatever Milvus returns later, and bytes stored before the current collection came into
    use are ignored.

    Args:
        blobs: Holds the originals.
        store: Provides the indexed images.
        jobs: Provides the age of the oldest job that may wait for its images.
        claims: An image is claimed while its bytes are withdrawn.
        dead_letters: Letters need bytes to be replayed.
        rounds: Counts the turns, and knows since when the collection has been in use.
        depths: Returns the depths of the queues with ingest tasks, since a task may
            outlive the record of its job.
        is_here: Returns whether ``blobs`` is the store that the API writes to: in another
            service's folder, every original would look like an orphan.
        left_alone_s: Minimum age of an original, in seconds since its upload.
        clock: Redis's clock, by which jobs and tasks have their times too.
    """

    def __init__(
        self,
        *,
        blobs: BlobStore,
        store: VectorStore,
        jobs: JobRecords,
        claims: Claims,
        dead_letters: DeadLetters,
        rounds: Rounds,
        depths: Callable[[], Sequence[QueueDepth]],
        is_here: Callable[[], bool],
        left_alone_s: float = _LEFT_ALONE_S,
        clock: Clock | None = None,
    ) -> None:
        self._blobs = blobs
        self._store = store
        self._jobs = jobs
        self._claims = claims
        self._dead_letters = dead_letters
        self._rounds = rounds
        self._depths = depths
        self._is_here = is_here
        self._left_alone_s = left_alone_s
        self._clock = clock or MachineClock()

    def sweep(self, check: Check = no_check) -> int:
        """Check the next slice and return the number of originals withdrawn.

        Raises:
            ServiceError: A part of the service is unavailable; retry later.
        """
        if not self._is_here():
            return 0
        prefix = f"{self._rounds.next() % SLICES:02x}"
        collection = self._store.collection()
        # Compute the span first: anything uploaded or replayed from here on is younger.
        span = _Span(self._rounds.since(collection), self._awaited_from() - self._left_alone_s)
        return sum(
            self._sweep_page(tenant, page, span, collection, check)
            for tenant, blobs in self._unsettled(prefix).items()
            for page in pages(blobs, _PAGE)
        )

    def _awaited_from(self) -> float:
        """Return when the oldest upload was accepted that may still wait for its images.

        The oldest job and the oldest tasks are sufficient: all others are younger.
        """
        oldest_job = self._jobs.oldest_unfinished()
        sent = [at for depth in self._depths() for at in _oldest_tasks(depth)]
        return min([self._clock.now(), math.inf if oldest_job is None else oldest_job, *sent])

    def _unsettled(self, prefix: str) -> Mapping[str, list[StoredBlob]]:
        """Return a slice's blobs never seen with their rows, by tenant."""
        found: dict[str, list[StoredBlob]] = defaultdict(list)
        for blob in self._blobs.stored(prefix):
            if not blob.kept:
                found[blob.tenant].append(blob)
        return found

    def _sweep_page(
        self, tenant: str, page: Sequence[StoredBlob], span: _Span, collection: str, check: Check
    ) -> int:
        indexed = self._store.known(tenant, [blob.id for blob in page])
        for blob in page:
            if blob.id in indexed:
                self._blobs.keep(tenant, blob.id, blob.at)
        left = [blob for blob in page if blob.id not in indexed and span.has(blob)]
        # If the collection was emptied or replaced meanwhile, its missing rows prove nothing.
        if left and self._store.collection() != collection:
            return 0
        return sum(self._settle(tenant, some, check) for some in pages(left, _CLAIMS_PAGE))

    def _settle(self, tenant: str, blobs: Sequence[StoredBlob], check: Check) -> int:
        """Withdraw originals that nothing needs and return their number."""
        check()
        owner = uuid.uuid4().hex
        # Images claimed by other tasks are checked again in the next round.
        claimed = self._claim(
            owner, tenant, [b for b in blobs if not has_letter(self._dead_letters, b.tenant, b.id)]
        )
        ids = [blob.id for blob in claimed]
        try:
            indexed = self._store.known(tenant, ids)
            return sum(self._withdraw(blob) for blob in claimed if blob.id not in indexed)
        finally:
            self._claims.give_back(owner, tenant, ids)

    def _claim(self, owner: str, tenant: str, blobs: Sequence[StoredBlob]) -> list[StoredBlob]:
        ids = [blob.id for blob in blobs]
        verdicts = dict(zip(ids, self._claims.take(owner, tenant, ids, alone=True), strict=True))
        locked = [image_id for image_id in ids if verdicts[image_id] is Verdict.QUARANTINED]
        if locked:
            # Without a dead letter, these quarantines could never be lifted.
            self._claims.forget(tenant, locked)
            again = self._claims.take(owner, tenant, locked, alone=True)
            verdicts |= dict(zip(locked, again, strict=True))
        return [blob for blob in blobs if verdicts[blob.id] is Verdict.GRANTED]

    def _withdraw(self, blob: StoredBlob) -> bool:
        if has_letter(self._dead_letters, blob.tenant, blob.id):
            return False
        is_withdrawn = self._blobs.withdraw(blob.tenant, blob.id, blob.at)
        if is_withdrawn:
            log.info("orphan.withdrawn tenant=%s id=%s", blob.tenant, blob.id)
        return is_withdrawn


def _oldest_tasks(depth: QueueDepth) -> Iterator[float]:
    """Yield the times at which the oldest tasks of a queue were sent; 0 if unknown."""
    if depth.waiting:
        yield depth.next_sent_at or 0.0
    if depth.in_flight:
        yield depth.oldest_in_flight_sent_at or 0.0
