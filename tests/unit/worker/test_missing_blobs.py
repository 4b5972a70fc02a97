"""Images whose bytes are missing fail in the end; those whose blob store is missing wait."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from common.contract import IngestChunk
from common.errors import BlobsUnavailable, StoreError
from tests.support.clock import Clock
from tests.support.ingest_bench import Bench, Shared, worker
from tests.support.pictures import picture
from worker.decoders.inline import InlineDecoder
from worker.encoders.hashing import HashingEncoder
from worker.ingest.missing_blobs import MissingBlobs
from worker.ingest.pictures import PictureReader

MISSING_S = 60.0


class Mount:
    """A blob store that is mounted while ``here`` is set."""

    here = True

    def is_here(self) -> bool:
        return self.here


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def mount() -> Mount:
    return Mount()


@pytest.fixture
def shared() -> Shared:
    return Shared()


@pytest.fixture
def reader(shared: Shared, mount: Mount, clock: Clock) -> PictureReader:
    return PictureReader(
        InlineDecoder(shared.blobs, HashingEncoder(), 10_000),
        is_here=mount.is_here,
        missing_s=MISSING_S,
        missing=MissingBlobs(clock.now),
    )


@pytest.fixture
def bench(shared: Shared, reader: PictureReader) -> Iterator[Bench]:
    with worker(shared, reader=reader) as bench:
        yield bench


@pytest.fixture
def chunk(shared: Shared) -> IngestChunk:
    """Two pictures; the bytes of the first are missing."""
    chunk = shared.put(picture("red"), picture("blue"))
    shared.blobs.delete("default", chunk.items[0].id)
    return chunk


def test_bytes_that_are_gone_end_after_their_time(
    bench: Bench, shared: Shared, chunk: IngestChunk, clock: Clock
) -> None:
    for _ in range(5):
        with pytest.raises(BlobsUnavailable, match="missing from the blob store"):
            bench.run(chunk)
        clock.sleep(10)
    clock.sleep(10)
    assert bench.states(chunk) == [("failed", "store_error"), ("indexed", None)]
    letter = shared.dead_letters.get("default", chunk.items[0].id)
    assert (letter.code, letter.job_id) == ("store_error", chunk.job_id)
    assert "upload it again" in letter.detail
    assert shared.jobs.get(chunk.job_id).state == "partial"
    assert bench.claims.attempts("default", chunk.items[0].id) == 0


def test_a_store_that_is_not_there_burns_nothing(
    bench: Bench, chunk: IngestChunk, mount: Mount, clock: Clock
) -> None:
    mount.here = False
    for _ in range(5):
        with pytest.raises(BlobsUnavailable, match="GLIMPSE_BLOBS_DIR"):
            bench.run(chunk)
        clock.sleep(10 * MISSING_S)
    mount.here = True
    with pytest.raises(BlobsUnavailable, match="for 0 s"):
        bench.run(chunk)


def test_the_time_begins_anew_when_the_store_was_away(
    reader: PictureReader, chunk: IngestChunk, mount: Mount, clock: Clock
) -> None:
    item = chunk.items[0]
    for here, pause_s in ((True, MISSING_S - 1), (False, 5), (True, MISSING_S - 1)):
        mount.here = here
        with pytest.raises(BlobsUnavailable):
            reader.read(item, chunk, "owner")
        clock.sleep(pause_s)
    with pytest.raises(BlobsUnavailable):
        reader.read(item, chunk, "owner")
    clock.sleep(2)
    with pytest.raises(StoreError, match="upload it again"):
        reader.read(item, chunk, "owner")
    # Once given up, the image may be delivered again, with its full time.
    with pytest.raises(BlobsUnavailable):
        reader.read(item, chunk, "owner")


def test_bytes_that_appear_late_are_used(
    bench: Bench, shared: Shared, chunk: IngestChunk, clock: Clock
) -> None:
    with pytest.raises(BlobsUnavailable):
        bench.run(chunk)
    clock.sleep(2 * MISSING_S)
    shared.put(picture("red"))
    assert bench.states(chunk) == [("indexed", None)] * 2
    shared.blobs.delete("default", chunk.items[0].id)
    shared.store.delete("default", [chunk.items[0].id])
    another = chunk.model_copy(update={"job_id": "another"})
    with pytest.raises(BlobsUnavailable):
        bench.run(another)


def test_bytes_that_are_found_tell_that_the_store_is_there(
    shared: Shared, chunk: IngestChunk
) -> None:
    found: list[bool] = []
    reader = PictureReader(
        InlineDecoder(shared.blobs, HashingEncoder(), 10_000), on_found=lambda: found.append(True)
    )
    gone, there = chunk.items
    with pytest.raises(BlobsUnavailable):
        reader.read(gone, chunk, "owner")
    assert found == []
    reader.read(there, chunk, "owner")
    assert found == [True]


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr("worker.ingest.missing_blobs._IMAGES_MAX", 2)
    missing = MissingBlobs(clock.now)
    for name in "abc":
        missing.note("default", name)
    clock.sleep(5)
    assert missing.note("default", "c") == 5
    assert missing.note("default", "a") == 0
