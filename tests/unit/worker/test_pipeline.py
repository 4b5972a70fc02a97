"""The ingest pipeline: whole batches are encoded and written, but pictures settle one by one."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from common.blobs.memory import MemoryBlobs
from common.claims.memory import MemoryClaims
from common.contract import ImageRecord
from common.dead_letters.memory import MemoryDeadLetters
from common.errors import EncoderError, ImagesBusy, StoreError, StoreUnavailable
from common.jobs.memory import MemoryJobs
from worker.encoders.hashing import HashingEncoder
from worker.ingest.pictures import Picture
from worker.ingest.pipeline import IngestPipeline
from worker.late_writes.amends import Amends
from worker.late_writes.correction import Correction
from worker.late_writes.fence import Fence
from worker.pixel_budget import PixelBudget
from worker.stores.base import Row, Writes
from worker.stores.memory import MemoryStore

ENCODER = HashingEncoder()


class PoisonedEncoder(HashingEncoder):
    """Fails on every batch with an all-black picture."""

    def encode_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        if any(not image.any() for image in images):
            raise EncoderError("black")
        return super().encode_images(images)


class RecordingStore(MemoryStore):
    """Records the size of every write, can be blocked, and fails on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.writes_at_once = threading.Barrier(1)
        self.error: Exception | None = None
        self.refused: str | None = None
        self.go_on = threading.Event()
        self.go_on.set()

    def upsert(self, rows: Sequence[Row]) -> None:
        assert self.go_on.wait(10)
        self.writes_at_once.wait(10)
        self.sizes.append(len(rows))
        if self.error:
            raise self.error
        if any(row.record.id == self.refused for row in rows):
            raise StoreError("refused")
        super().upsert(rows)


def made(colour: str, image_id: str) -> Picture:
    record = ImageRecord(
        id=image_id * 64,
        filename=f"{colour}.png",
        bytes=1,
        width=8,
        height=8,
        format="PNG",
        indexed_at="2026-01-01T00:00:00.000Z",
    )
    pixels = ENCODER.preprocess(Image.new("RGB", (8, 8), colour))
    return Picture("default", record, "job", "owner", pixels)


def pipeline_of(
    encoder: HashingEncoder,
    store: RecordingStore,
    claims: MemoryClaims | None = None,
    **options: float,
) -> IngestPipeline:
    """Return a pipeline with all test images claimed by one owner, unless already claimed."""
    claims = claims or MemoryClaims()
    claims.take("owner", "default", [digit * 64 for digit in "abcdef"])
    correction = Correction(store, MemoryBlobs(), MemoryJobs(), MemoryDeadLetters())
    fence = Fence(claims, Amends(claims, correction))
    return IngestPipeline(encoder, store, fence, **options)


@pytest.fixture
def store() -> RecordingStore:
    return RecordingStore()


def test_a_picture_is_found_when_its_future_is_done(store: RecordingStore) -> None:
    pipeline = pipeline_of(ENCODER, store, batch_max=4, wait_ms=0)
    pipeline.submit(partial(made, "red", "a")).result(10)
    vector = ENCODER.encode_texts(["red"])[0]
    assert store.search("default", vector, 1)[0].filename == "red.png"
    pipeline.close()


def test_pictures_that_come_together_are_written_together(store: RecordingStore) -> None:
    pipeline = pipeline_of(ENCODER, store, batch_max=4, wait_ms=1000)
    futures = [pipeline.submit(partial(made, "red", digit)) for digit in "abcd"]
    for future in futures:
        future.result(10)
    assert store.sizes == [4]
    pipeline.close()


def test_a_picture_that_the_model_refuses_fails_alone(store: RecordingStore) -> None:
    pipeline = pipeline_of(PoisonedEncoder(), store, batch_max=3, wait_ms=1000)
    futures = [
        pipeline.submit(partial(made, colour, digit))
        for colour, digit in (("red", "a"), ("black", "b"), ("blue", "c"))
    ]
    futures[0].result(10)
    futures[2].result(10)
    with pytest.raises(EncoderError):
        futures[1].result(10)
    assert store.count() == 2
    pipeline.close()


def test_a_row_that_the_store_refuses_fails_alone(store: RecordingStore) -> None:
    store.refused = "b" * 64
    pipeline = pipeline_of(ENCODER, store, batch_max=3, wait_ms=1000)
    futures = [pipeline.submit(partial(made, "red", digit)) for digit in "abc"]
    futures[0].result(10)
    futures[2].result(10)
    with pytest.raises(StoreError):
        futures[1].result(10)
    pipeline.close()


def test_a_store_that_is_away_is_told_to_all_after_one_try(store: RecordingStore) -> None:
    store.error = StoreUnavailable("away")
    pipeline = pipeline_of(ENCODER, store, batch_max=3, wait_ms=1000)
    futures = [pipeline.submit(partial(made, "red", digit)) for digit in "abc"]
    for future in futures:
        with pytest.raises(StoreUnavailable):
            future.result(10)
    assert store.sizes == [3]
    pipeline.close()


def test_what_another_worker_has_taken_over_is_not_written(store: RecordingStore) -> None:
    claims = MemoryClaims()
    claims.take("another", "default", ["b" * 64])
    pipeline = pipeline_of(ENCODER, store, claims, batch_max=2, wait_ms=1000)
    futures = [pipeline.submit(partial(made, "red", digit)) for digit in "ab"]
    futures[0].result(10)
    with pytest.raises(ImagesBusy):
        futures[1].result(10)
    assert store.sizes == [1]
    pipeline.close()


def test_a_slow_store_holds_the_producers_back(store: RecordingStore) -> None:
    store.go_on.clear()
    store.writes = Writes(calls=1, rows=1)
    pipeline = pipeline_of(ENCODER, store, batch_max=1, wait_ms=0)
    decoded: list[int] = []

    def read(number: int) -> Picture:
        decoded.append(number)
        return made("red", "abcdef"[number % 6])

    futures = [pipeline.submit(partial(read, number)) for number in range(50)]
    wait(futures, 0.3)
    # One being written and two waiting for that, one in the model and two waiting for it, one
    # being decoded; what waits for that has no pixels yet.
    assert len(decoded) <= 9
    store.go_on.set()
    assert not wait(futures, 10).not_done
    assert len(decoded) == 50
    pipeline.close()


def test_several_writes_run_at_once_if_the_store_allows_it(store: RecordingStore) -> None:
    store.writes_at_once = threading.Barrier(3)
    store.writes = Writes(calls=3, rows=1)
    pipeline = pipeline_of(ENCODER, store, batch_max=1, wait_ms=0)
    futures = [pipeline.submit(partial(made, "red", digit)) for digit in "abc"]
    for future in futures:
        future.result(10)
    pipeline.close()


def test_a_write_takes_all_rows_that_wait_up_to_the_stores_limit(store: RecordingStore) -> None:
    store.go_on.clear()
    store.writes = Writes(calls=1, rows=3)
    pipeline = pipeline_of(ENCODER, store, batch_max=2, wait_ms=0)
    futures = [pipeline.submit(partial(made, "red", "abcdef"[at % 6])) for at in range(12)]
    wait(futures, 0.3)
    assert not any(future.done() for future in futures)
    store.go_on.set()
    assert not wait(futures, 10).not_done
    assert max(store.sizes) <= 3
    pipeline.close()


def test_a_picture_gives_its_room_back_once_it_is_encoded(store: RecordingStore) -> None:
    store.go_on.clear()
    budget = PixelBudget()
    pipeline = pipeline_of(PoisonedEncoder(), store, batch_max=2, wait_ms=1000)

    def read(colour: str, digit: str) -> Picture:
        with budget.room() as room:
            room.take(100)
            return replace(made(colour, digit), room=room)

    futures = [pipeline.submit(partial(read, *each)) for each in (("red", "a"), ("black", "b"))]
    with pytest.raises(EncoderError):
        futures[1].result(10)
    # The other one is still being written.
    assert not futures[0].done()
    assert budget.used == 0
    store.go_on.set()
    futures[0].result(10)
    pipeline.close()


def test_a_probe_runs_the_model_and_stores_nothing(store: RecordingStore) -> None:
    pipeline = pipeline_of(ENCODER, store, batch_max=2, wait_ms=0)
    assert pipeline.inference_at == 0
    pipeline.probe(made("red", "a").pixels).result(10)
    assert pipeline.inference_at > 0
    assert store.sizes in ([], [0])
    assert store.count() == 0
    pipeline.close()


def test_closing_writes_what_is_in_hand(store: RecordingStore) -> None:
    pipeline = pipeline_of(ENCODER, store, batch_max=8, wait_ms=60_000)
    futures = [pipeline.submit(partial(made, "red", digit)) for digit in "abc"]
    pipeline.close()
    assert all(future.done() for future in futures)
    assert store.count() == 3
