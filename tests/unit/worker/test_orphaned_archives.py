"""Archives without a job are removed, and no others."""

from __future__ import annotations

import pytest

from common.blobs.memory import MemoryBlobs
from common.jobs.base import Job
from common.jobs.memory import MemoryJobs
from worker.upkeep.orphaned_archives import OrphanedArchives

JOB = "1" * 32


@pytest.fixture
def archives() -> MemoryBlobs:
    archives = MemoryBlobs()
    writer = archives.writer("default")
    writer.write(b"an archive")
    writer.commit(JOB)
    return archives


@pytest.fixture
def jobs() -> MemoryJobs:
    return MemoryJobs()


def begin(jobs: MemoryJobs) -> None:
    jobs.create(Job(JOB, "default", 0, created_at=1.0, growing=True), [])
    jobs.accept(JOB)


def swept(archives: MemoryBlobs, jobs: MemoryJobs, *, left_alone_s: float = -1) -> int:
    return OrphanedArchives(archives, jobs, left_alone_s).sweep()


def test_an_archive_of_no_job_is_removed(archives: MemoryBlobs, jobs: MemoryJobs) -> None:
    assert swept(archives, jobs) == 1
    assert list(archives.stored()) == []
    assert swept(archives, jobs) == 0


def test_a_young_archive_is_left_alone(archives: MemoryBlobs, jobs: MemoryJobs) -> None:
    assert swept(archives, jobs, left_alone_s=3600) == 0
    assert archives.read("default", JOB) == b"an archive"


def test_an_archive_that_is_unpacked_stays(archives: MemoryBlobs, jobs: MemoryJobs) -> None:
    begin(jobs)
    assert swept(archives, jobs) == 0
    jobs.complete(JOB)
    assert swept(archives, jobs) == 1
