"""Orphaned archives: stored, but of no job."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from common.blobs.base import BlobStore, StoredBlob
from common.errors import NotFound
from common.jobs.base import JobRecords

log = logging.getLogger(__name__)

# Seconds that an archive is left alone after its last byte: its job's record is written right
# after that, and lasts as long where the task was never sent.
_LEFT_ALONE_S = 3600.0


class OrphanedArchives:
    """A chore of upkeep: removes archives whose API died before it had written their jobs.

    Args:
        archives: Where archives wait, each under its job's id.
        jobs: Asked for the jobs.
        waiting: Returns the payloads of the tasks that wait or are in hand: a task may
            outlive the record of its job.
        left_alone_s: Seconds that an archive is left alone.
    """

    def __init__(
        self,
        archives: BlobStore,
        jobs: JobRecords,
        waiting: Callable[[], list[dict[str, Any]]],
        left_alone_s: float = _LEFT_ALONE_S,
    ) -> None:
        self._archives = archives
        self._jobs = jobs
        self._waiting = waiting
        self._left_alone_s = left_alone_s

    def sweep(self) -> int:
        """Remove what is left over; return how many archives.

        Raises:
            ServiceError: A part is away; nothing is worse than before.
        """
        before = time.time() - self._left_alone_s
        old = [archive for archive in self._archives.stored() if archive.at < before]
        left = [archive for archive in old if not self._is_needed(archive)]
        if not left:
            return 0
        waiting = {payload["job_id"] for payload in self._waiting()}
        left = [archive for archive in left if archive.id not in waiting]
        for archive in left:
            self._archives.delete(archive.tenant, archive.id)
            log.warning("archive.left_over tenant=%s job=%s", archive.tenant, archive.id)
        return len(left)

    def _is_needed(self, archive: StoredBlob) -> bool:
        """Tell whether the archive's job still grows by it."""
        try:
            return self._jobs.get(archive.id).growing
        except NotFound:
            return False
