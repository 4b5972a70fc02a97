"""The concurrency limit: enough tasks for a model that never waits, and no more."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.ingest.batch_tuning import largest_batch
from worker.ingest.concurrency_limit import TASKS_MAX, TASKS_MIN, ConcurrencyLimit

SECONDS = st.floats(0.0005, 2)


class Worker:
    """A worker whose stages take known times.

    Args:
        batch_s: Seconds of a batch.
        store_s: Seconds of each of the two calls of the store.
    """

    def __init__(self, batch_s: float, store_s: float, batch: int = 64, chunk: int = 32) -> None:
        self.now = 0.0
        self.limit = ConcurrencyLimit(batch, 1, 32, clock=lambda: self.now)
        for _ in range(50):
            with self.limit.task(chunk):
                self.now += store_s
                with self.limit.piping():
                    with self.limit.encoding(batch):
                        self.now += batch_s
                    with self.limit.writing():
                        self.now += store_s


@given(SECONDS, SECONDS, st.sampled_from([1, 16, 64, 256]), st.integers(1, 1000))
def test_the_images_in_progress_keep_the_model_busy(
    batch_s: float, store_s: float, batch: int, chunk: int
) -> None:
    limit = Worker(batch_s, store_s, batch, chunk).limit
    # Little's law: as many as the model takes while an image is in the store twice.
    needed = batch + batch / batch_s * 2 * store_s
    assert limit.images >= needed
    assert TASKS_MIN <= limit.tasks <= TASKS_MAX
    assert limit.tasks >= min(math.floor(needed / chunk), TASKS_MAX)


@given(SECONDS, SECONDS, SECONDS)
def test_a_slower_store_never_gets_fewer_tasks(batch_s: float, one: float, other: float) -> None:
    slow, fast = max(one, other), min(one, other)
    assert Worker(batch_s, slow).limit.tasks >= Worker(batch_s, fast).limit.tasks


def test_a_fast_store_needs_few_tasks() -> None:
    assert Worker(batch_s=0.5, store_s=0.01, batch=16).limit.tasks == TASKS_MIN


def test_single_pictures_fill_batches_too() -> None:
    assert Worker(batch_s=0.5, store_s=0.01, batch=16, chunk=1).limit.tasks >= 48


def test_a_fixed_number_stays() -> None:
    limit = ConcurrencyLimit(64, 1, 32, tasks=2)
    with limit.encoding(1), limit.writing(), limit.task(32):
        pass
    assert limit.tasks == limit.tasks_max == 2


def test_what_fails_is_not_measured() -> None:
    worker = Worker(batch_s=0.02, store_s=0.01)
    before = worker.limit.images
    for stage in (worker.limit.writing, worker.limit.piping, lambda: worker.limit.encoding(64)):
        with suppress(OSError), stage():
            worker.now += 10
            raise OSError("away")
    assert worker.limit.images == before


@pytest.mark.parametrize(
    ("batch", "concurrency", "chunk_images", "tasks"),
    [(8, 2, 32, 4), (64, 2, 32, 8), (256, 1, 32, 24), (256, 1, 1, 64), (1, 1, 1000, 4)],
)
def test_tasks_follow_from_the_batch_at_first(
    batch: int, concurrency: int, chunk_images: int, tasks: int
) -> None:
    assert ConcurrencyLimit(batch, concurrency, chunk_images).tasks == tasks


@pytest.mark.parametrize("concurrency", [1, 2, 4])
@pytest.mark.parametrize("chunk_images", [1, 7, 32, 1000])
def test_the_largest_batch_is_filled_by_the_tasks(concurrency: int, chunk_images: int) -> None:
    batch = largest_batch(0, chunk_images, concurrency)
    tasks = ConcurrencyLimit(batch, concurrency, chunk_images).tasks
    assert tasks * chunk_images >= batch * (concurrency + 1) or batch == 1
    assert largest_batch(4, 32, 1) == 64
