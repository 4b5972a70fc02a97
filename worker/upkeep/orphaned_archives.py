"""Orphaned archives: stored archives that no job needs."""

from __future__ import annotations

import logging

from common.blobs.base import BlobStore, StoredBlob
from common.errors import NotFound
from common.jobs.base import JobRecords
from common.redis.time import Clock, MachineClock
from worker.upkeep.turn import Check, no_check

log = logging.getLogger(__name__)

# Minimum age of an archive, in seconds since its last byte: its job is recorded right after
# that, and a record whose task was never sent expires after the same time.
_LEFT_ALONE_S = 3600.0


class OrphanedArchives:
    """A chore of the upkeep: removes archives if the API died before it recorded their jobs.

    Args:
        archives: Holds the archives, each under its job's id.
        jobs: The job records.
        left_alone_s: Minimum age of an archive in seconds.
        clock: Redis's clock.
    """

    def __init__(
        self,
        archives: BlobStore,
        jobs: JobRecords,
        left_alone_s: float = _LEFT_ALONE_S,
        clock: Clock | None = None,
    ) -> None:
        self._archives = archives
        self._jobs = jobs
        self._left_alone_s = left_alone_s
        self._clock = clock or MachineClock()

    def sweep(self, check: Check = no_check) -> int:
        """Remove orphaned archives and return their number.

        An accepted job that is not finished keeps its record, so an archive without one is needed
        by no task.

        Raises:
            ServiceError: A part of the service is unavailable; retry later.
        """
        before = self._clock.now() - self._left_alone_s
        old = [archive for archive in self._archives.stored() if archive.at < before]
        left = [archive for archive in old if not self._is_needed(archive)]
        for archive in left:
            check()
            self._archives.delete(archive.tenant, archive.id)
            log.warning("archive.left_over tenant=%s job=%s", archive.tenant, archive.id)
        return len(left)

    def _is_needed(self, archive: StoredBlob) -> bool:
        """Return whether the archive's job is still growing."""
        try:
            return self._jobs.get(archive.id).growing
        except NotFound:
            return False
