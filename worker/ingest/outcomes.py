"""The outcomes of a chunk's images, as recorded in their job."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future

from common.claims.base import Claim, Claims
from common.contract import ChunkItem, IngestChunk, Outcome, OutcomeState
from common.dead_letters.base import DEAD_CODES, DeadLetter, DeadLetters
from common.errors import EncoderError, GlimpseError, ServiceError
from common.jobs.base import JobRecords
from common.quotas.base import Quotas
from common.redis.time import Clock
from worker.stores.base import VectorStore
from worker.stores.written import changed_by

log = logging.getLogger(__name__)


class Outcomes:
    """Reads and records the outcomes of images; every method raises ``ServiceError``.

    Args:
        jobs: The job records.
        claims: Decides who may record a failure, and counts the attempts.
        dead_letters: Receives the images that are given up.
        quotas: Counts the images that are indexed.
        store: Provides the read mark.
        clock: Redis's clock, for the times of dead letters.
    """

    def __init__(
        self,
        jobs: JobRecords,
        claims: Claims,
        dead_letters: DeadLetters,
        quotas: Quotas,
        store: VectorStore,
        clock: Clock,
    ) -> None:
        self._jobs = jobs
        self._claims = claims
        self._dead_letters = dead_letters
        self._quotas = quotas
        self._store = store
        self._clock = clock

    def ended_before(
        self, chunk: IngestChunk, items: Sequence[ChunkItem]
    ) -> tuple[dict[int, Outcome], list[ChunkItem]]:
        """Return the outcomes already recorded, by index, and the images without one."""
        outcomes = self._jobs.outcomes(chunk.job_id, {item.index: item.id for item in items})
        return outcomes, [item for item in items if item.index not in outcomes]

    def without_lost_claims(
        self, owner: str, tenant: str, outcomes: dict[int, Outcome]
    ) -> dict[int, Outcome]:
        """Drop failures of images whose claims were lost: another worker processes them now."""
        failed = [outcome for outcome in outcomes.values() if outcome.state == "failed"]
        claims = [Claim(owner, tenant, outcome.id) for outcome in failed]
        holds = self._claims.confirm(claims) if claims else []
        lost = {outcome.index for outcome, held in zip(failed, holds, strict=True) if not held}
        return {index: outcome for index, outcome in outcomes.items() if index not in lost}

    def record(
        self,
        chunk: IngestChunk,
        items: Sequence[ChunkItem],
        outcomes: Sequence[Outcome],
        *,
        found: bool = False,
    ) -> None:
        """Record the outcomes of items, after writing dead letters for those given up.

        Args:
            chunk: The chunk of the items.
            items: The items.
            outcomes: Their outcomes, in the same order.
            found: Whether some of them have rows that another process may have written, and died
                before it raised the read mark.
        """
        dead = [
            self._letter(chunk, item, outcome)
            for item, outcome in zip(items, outcomes, strict=True)
            if outcome.code in DEAD_CODES
        ]
        if dead:
            self._dead_letters.put(dead)
        indexed = {one.id for one in outcomes if one.state in ("indexed", "duplicate")}
        ended = {one.id for one in outcomes} - indexed
        mark = self._store.read_mark(fresh=found) if indexed else None
        self._jobs.record(chunk.job_id, outcomes, mark)
        self._quotas.settle(chunk.tenant, indexed=indexed, ended=ended)

    def _letter(self, chunk: IngestChunk, item: ChunkItem, outcome: Outcome) -> DeadLetter:
        return DeadLetter(
            id=item.id,
            tenant=chunk.tenant,
            filename=item.filename,
            job_id=chunk.job_id,
            code=outcome.code or "",
            detail=outcome.detail or "",
            attempts=max(1, self._claims.attempts(chunk.tenant, item.id)),
            at=self._clock.now(),
            tags=chunk.tags,
            metadata=chunk.metadata,
        )


def outcome_of(item: ChunkItem, state: OutcomeState) -> Outcome:
    """Return the outcome of an image that did not fail."""
    return Outcome(index=item.index, id=item.id, state=state)


def stored_outcome(item: ChunkItem, job_id: str, chunk: IngestChunk) -> Outcome:
    """Return "indexed" if this job wrote the row in an interrupted run, else "duplicate"."""
    if job_id == changed_by(chunk.job_id):
        return changed_outcome(item)
    return outcome_of(item, "indexed" if job_id == chunk.job_id else "duplicate")


def changed_outcome(item: ChunkItem) -> Outcome:
    """Return the outcome of an image that was indexed earlier and that this job has changed."""
    return Outcome(index=item.index, id=item.id, state="duplicate", changed=True)


def piped_outcome(item: ChunkItem, future: Future[None]) -> Outcome:
    """Return the outcome of an image from its pipeline future.

    Raises:
        ServiceError: A part of the service is unavailable, so the image has no outcome yet.
    """
    try:
        future.result()
    except ServiceError:
        raise
    except GlimpseError as error:
        return Outcome.failed(item.index, item.id, error)
    except Exception as error:
        log.exception("ingest.image_failed id=%s", item.id)
        return Outcome.failed(
            item.index, item.id, EncoderError(f"The picture could not be embedded: {error}")
        )
    return outcome_of(item, "indexed")
