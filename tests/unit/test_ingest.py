"""Running a chunk: outcomes, redelivery, and parts that are away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from common.blobs.memory import MemoryBlobs
from common.contract import ChunkItem, IngestChunk
from common.errors import BlobsUnavailable, StoreUnavailable
from common.jobs.base import Job
from common.jobs.memory import MemoryJobs
from common.settings import load_settings
from tests.pictures import image_id, picture
from worker.chunks import retry_wait_s
from worker.encoders.hashing import HashingEncoder
from worker.ingest import Ingest
from worker.pipeline import IngestPipeline
from worker.stores.memory import MemoryStore


class FlakyStore(MemoryStore):
    """Is away for the next so many writes."""

    away = 0

    def upsert(self, rows: object) -> None:
        if self.away:
            self.away -= 1
            raise StoreUnavailable("away")
        super().upsert(rows)  # type: ignore[arg-type]


@dataclass
class Bench:
    """An ingest and the fakes behind it."""

    ingest: Ingest
    store: FlakyStore
    blobs: MemoryBlobs
    jobs: MemoryJobs

    def put(self, *files: bytes) -> IngestChunk:
        """Store files and return the chunk of a new job that has them all."""
        items = [
            ChunkItem(index=index, id=image_id(data), filename=f"{index}.png")
            for index, data in enumerate(files)
        ]
        for item, data in zip(items, files, strict=True):
            writer = self.blobs.writer("default")
            writer.write(data)
            writer.commit(item.id)
        job = Job(f"job-{time.monotonic_ns()}", "default", len(items), created_at=time.time())
        self.jobs.create(job, [(item.id, item.filename) for item in items])
        return IngestChunk(job_id=job.id, items=items)


@pytest.fixture
def bench() -> Iterator[Bench]:
    encoder, store, blobs, jobs = HashingEncoder(), FlakyStore(), MemoryBlobs(), MemoryJobs()
    pipeline = IngestPipeline(encoder, store, batch_max=4, wait_ms=0)
    ingest = Ingest(
        encoder=encoder, store=store, pipeline=pipeline, blobs=blobs, jobs=jobs, pixels_max=10_000
    )
    yield Bench(ingest, store, blobs, jobs)
    pipeline.close()


def states(bench: Bench, chunk: IngestChunk) -> list[tuple[str, str | None]]:
    return [(o.state, o.code) for o in bench.ingest.run(chunk).outcomes]


def test_outcomes_come_in_the_order_of_the_items(bench: Bench) -> None:
    chunk = bench.put(picture("red"), b"\xff\xd8\xff broken", picture("blue"))
    assert states(bench, chunk) == [("indexed", None), ("failed", "truncated"), ("indexed", None)]
    assert bench.jobs.get(chunk.job_id).state == "partial"


def test_a_picture_with_too_many_pixels_fails_by_its_header(bench: Bench) -> None:
    chunk = bench.put(picture(size=(101, 100)))
    assert states(bench, chunk) == [("failed", "too_many_pixels")]


def test_a_second_job_finds_duplicates(bench: Bench) -> None:
    bench.ingest.run(bench.put(picture("red")))
    assert states(bench, bench.put(picture("red"))) == [("duplicate", None)]


def test_a_redelivered_chunk_changes_nothing(bench: Bench) -> None:
    chunk = bench.put(picture("red"), picture("blue"))
    first = bench.ingest.run(chunk)
    assert bench.ingest.run(chunk) == first
    job = bench.jobs.get(chunk.job_id)
    assert (job.indexed, job.duplicates, job.state) == (2, 0, "succeeded")


def test_a_run_cut_short_is_completed_by_the_next(bench: Bench) -> None:
    chunk = bench.put(picture("red"), picture("blue"))
    bench.store.away = 1
    with pytest.raises(StoreUnavailable):
        bench.ingest.run(chunk)
    assert bench.jobs.get(chunk.job_id).state == "running"
    assert states(bench, chunk) == [("indexed", None), ("indexed", None)]


def test_a_cancelled_job_is_not_begun(bench: Bench) -> None:
    chunk = bench.put(picture("red"), picture("blue"))
    bench.jobs.cancel(chunk.job_id)
    assert states(bench, chunk) == [("cancelled", None), ("cancelled", None)]
    assert bench.store.count() == 0


def test_bytes_that_are_elsewhere_are_waited_for(bench: Bench) -> None:
    chunk = bench.put(picture("red"))
    bench.blobs.delete("default", chunk.items[0].id)
    with pytest.raises(BlobsUnavailable, match="GLIMPSE_BLOBS_DIR"):
        bench.ingest.run(chunk)


def test_waits_double_up_to_their_limit() -> None:
    settings = load_settings({"GLIMPSE_RETRY_S": "2", "GLIMPSE_RETRY_S_MAX": "30"})
    assert [retry_wait_s(n, settings) for n in (0, 1, 2, 3, 4, 1000)] == [2, 4, 8, 16, 30, 30]
