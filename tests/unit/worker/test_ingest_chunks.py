"""Running a chunk: outcomes, redelivery, claims, and unavailable parts."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from common.claims.memory import MemoryClaims
from common.contract import IngestChunk
from common.errors import BlobsUnavailable, DecoderDied, EncoderError, ImagesBusy, StoreUnavailable
from common.jobs.memory import MemoryJobs
from tests.support.deadly_decoder import DeadlyDecoder
from tests.support.ingest_bench import Bench, Shared, worker
from tests.support.pictures import image_id, picture
from worker.encoders.hashing import HashingEncoder
from worker.stores.base import Named, Row
from worker.stores.memory import MemoryStore


class FlakyStore(MemoryStore):
    """Is unavailable for the next ``away`` writes."""

    away = 0

    def upsert(self, rows: Sequence[Row]) -> None:
        if self.away:
            self.away -= 1
            raise StoreUnavailable("away")
        super().upsert(rows)


class CountingEncoder(HashingEncoder):
    """Counts what it embeds, can be blocked, and fails on black pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.embedded = 0
        self.batches: list[int] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def encode_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        assert self.go_on.wait(10)
        if any(not image.any() for image in images):
            raise EncoderError("black")
        self.embedded += len(images)
        self.batches.append(len(images))
        return super().encode_images(images)


@pytest.fixture
def store() -> FlakyStore:
    return FlakyStore()


@pytest.fixture
def shared(store: FlakyStore) -> Shared:
    return Shared(store=store)


@pytest.fixture
def encoder() -> CountingEncoder:
    return CountingEncoder()


@pytest.fixture
def bench(shared: Shared, encoder: CountingEncoder) -> Iterator[Bench]:
    with worker(shared, encoder) as bench:
        yield bench


def claimed_by_the_dead(shared: Shared, *ids: str, times: int = 1) -> None:
    """Leave the claims of workers that died while they processed these images."""
    for number in range(times):
        with worker(shared, lease_s=0.0) as doomed:
            doomed.claims.take(f"dead {number}", "default", ids, alone=True)


def test_outcomes_come_in_the_order_of_the_items(bench: Bench) -> None:
    chunk = bench.shared.put(picture("red"), b"\xff\xd8\xff broken", picture("blue"))
    assert bench.states(chunk) == [("indexed", None), ("failed", "truncated"), ("indexed", None)]
    assert bench.shared.jobs.get(chunk.job_id).state == "partial"


def test_a_picture_with_too_many_pixels_fails_by_its_header(bench: Bench) -> None:
    chunk = bench.shared.put(picture(size=(101, 100)))
    assert bench.states(chunk) == [("failed", "too_many_pixels")]


def test_a_second_job_finds_duplicates(bench: Bench, encoder: CountingEncoder) -> None:
    bench.run(bench.shared.put(picture("red")))
    assert bench.states(bench.shared.put(picture("red"))) == [("duplicate", None)]
    assert encoder.embedded == 1


def test_a_redelivered_chunk_changes_nothing(bench: Bench, encoder: CountingEncoder) -> None:
    chunk = bench.shared.put(picture("red"), picture("blue"))
    first = bench.run(chunk)
    assert bench.run(chunk, "another") == first
    job = bench.shared.jobs.get(chunk.job_id)
    assert (job.indexed, job.duplicates, job.state) == (2, 0, "succeeded")
    assert encoder.embedded == 2


def test_a_run_cut_short_is_completed_by_the_next(bench: Bench, store: FlakyStore) -> None:
    chunk = bench.shared.put(picture("red"), picture("blue"))
    store.away = 2
    with pytest.raises(StoreUnavailable):
        bench.run(chunk)
    assert bench.shared.jobs.get(chunk.job_id).state == "running"
    store.away = 0
    assert bench.states(chunk) == [("indexed", None), ("indexed", None)]


def test_an_outage_burns_no_attempts(bench: Bench, store: FlakyStore) -> None:
    chunk = bench.shared.put(picture("red"))
    for _ in range(5):
        store.away = 1
        with pytest.raises(StoreUnavailable):
            bench.run(chunk)
    assert bench.claims.attempts("default", chunk.items[0].id) == 0
    assert bench.states(chunk) == [("indexed", None)]


def test_a_cancelled_job_is_not_begun(bench: Bench) -> None:
    chunk = bench.shared.put(picture("red"), picture("blue"))
    bench.shared.jobs.cancel(chunk.job_id)
    assert bench.states(chunk) == [("cancelled", None), ("cancelled", None)]
    assert bench.shared.store.count() == 0


class Killed(BaseException):
    """Simulates a killed process: no code handles it."""


class DyingJobs(MemoryJobs):
    """Kills its process before it records an outcome."""

    def record(self, *_: object) -> None:
        raise Killed


class DeadClaims(MemoryClaims):
    """Claims of a killed process, which cannot release them."""

    def settle(
        self, owner: str, tenant: str, left: Mapping[str, str], records: object = None
    ) -> None:
        """Do nothing: the process is dead."""

    def give_back(
        self, owner: str, tenant: str, ids: Sequence[str], *, deadly: Collection[str] = ()
    ) -> None:
        """Do nothing: the process is dead."""


def killed_after_the_row(shared: Shared, chunk: IngestChunk) -> None:
    """Run a chunk in a worker that is killed after it has written its rows."""
    jobs = DyingJobs.__new__(DyingJobs)
    jobs.__dict__ = shared.jobs.__dict__
    claims = DeadClaims(0.0, 3, shared.claims)
    with worker(replace(shared, jobs=jobs), claims=claims) as doomed, pytest.raises(Killed):
        doomed.run(chunk, "dead")


def test_what_has_a_row_when_its_job_is_cancelled_is_indexed(shared: Shared, bench: Bench) -> None:
    chunk = shared.put(picture("red"), picture("blue"), picture("green"))
    begun = chunk.model_copy(update={"items": chunk.items[:2]})
    killed_after_the_row(shared, begun)
    # Of the two images begun, only one has a row.
    shared.store.delete("default", [chunk.items[1].id])
    shared.jobs.cancel(chunk.job_id)
    assert bench.states(chunk) == [("indexed", None), ("cancelled", None), ("cancelled", None)]
    assert shared.jobs.get(chunk.job_id).state == "cancelled"
    assert list(shared.store.known("default", [i.id for i in chunk.items])) == [chunk.items[0].id]


def test_what_another_job_has_indexed_is_cancelled_all_the_same(
    shared: Shared, bench: Bench
) -> None:
    chunk = shared.put(picture("red"))
    shared.jobs.begin(chunk.job_id, [0])
    bench.run(shared.put(picture("red")), "another")
    shared.jobs.cancel(chunk.job_id)
    assert bench.states(chunk) == [("cancelled", None)]


def test_what_is_in_hand_when_its_job_is_cancelled_is_waited_for(
    shared: Shared, bench: Bench
) -> None:
    chunk = shared.put(picture("red"), picture("blue"))
    shared.jobs.begin(chunk.job_id, [0, 1])
    shared.jobs.cancel(chunk.job_id)
    bench.claims.take("another", "default", [chunk.items[0].id])
    with pytest.raises(ImagesBusy):
        bench.run(chunk)
    assert shared.jobs.get(chunk.job_id).cancelled == 1
    bench.claims.give_back("another", "default", [chunk.items[0].id])
    assert bench.states(chunk) == [("cancelled", None), ("cancelled", None)]


def test_bytes_that_are_elsewhere_hold_up_nobody_else(bench: Bench) -> None:
    chunk = bench.shared.put(picture("red"), picture("blue"))
    bench.shared.blobs.delete("default", chunk.items[0].id)
    with pytest.raises(BlobsUnavailable, match="GLIMPSE_BLOBS_DIR"):
        bench.run(chunk)
    assert bench.shared.jobs.get(chunk.job_id).indexed == 1
    assert bench.claims.attempts("default", chunk.items[0].id) == 0


def test_the_same_bytes_in_many_tasks_at_once_are_embedded_once(
    bench: Bench, encoder: CountingEncoder
) -> None:
    files = [picture(f"rgb({n + 1},0,0)") for n in range(20)]
    chunks = [bench.shared.put(*files) for _ in range(8)]

    def run(number: int) -> list[str]:
        while True:
            try:
                return [o.state for o in bench.run(chunks[number], f"task {number}").outcomes]
            except ImagesBusy:
                time.sleep(0.01)

    with ThreadPoolExecutor(len(chunks)) as threads:
        states = [state for found in threads.map(run, range(len(chunks))) for state in found]
    assert encoder.embedded == len(files)
    assert (states.count("indexed"), states.count("duplicate")) == (20, 140)
    jobs = [bench.shared.jobs.get(chunk.job_id) for chunk in chunks]
    assert {job.state for job in jobs} == {"succeeded"}
    assert sum(job.indexed for job in jobs) == len(files)


def test_what_another_task_has_in_hand_is_left_to_it(
    bench: Bench, encoder: CountingEncoder
) -> None:
    mine = bench.shared.put(picture("red"), picture("blue"))
    bench.claims.take("another", "default", [mine.items[0].id])
    with pytest.raises(ImagesBusy):
        bench.run(mine)
    assert bench.shared.jobs.get(mine.job_id).indexed == 1
    bench.claims.settle("another", "default", {mine.items[0].id: ""})
    assert bench.states(mine) == [("indexed", None), ("indexed", None)]
    assert encoder.embedded == 2


def test_a_suspect_is_tried_alone(shared: Shared, bench: Bench, encoder: CountingEncoder) -> None:
    chunk = shared.put(*[picture(f"rgb({n + 1},0,0)") for n in range(4)])
    claimed_by_the_dead(shared, *[item.id for item in chunk.items[:3]])
    assert bench.states(chunk) == [("indexed", None)] * 4
    assert encoder.batches == [1, 1, 1, 1]
    assert all(bench.claims.attempts("default", item.id) == 0 for item in chunk.items)


def test_nothing_else_is_in_hand_while_a_suspect_is(
    shared: Shared, bench: Bench, encoder: CountingEncoder
) -> None:
    suspicious, ordinary = shared.put(picture("red")), shared.put(picture("blue"))
    claimed_by_the_dead(shared, suspicious.items[0].id)
    encoder.go_on.clear()
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(bench.run, suspicious, "one")
        while bench.claims.attempts("default", suspicious.items[0].id) < 2:
            time.sleep(0.001)
        second = threads.submit(bench.run, ordinary, "two")
        time.sleep(0.05)
        assert bench.claims.attempts("default", ordinary.items[0].id) == 0
        encoder.go_on.set()
        assert first.result(10).outcomes[0].state == "indexed"
        assert second.result(10).outcomes[0].state == "indexed"


def test_an_image_that_killed_three_workers_is_quarantined(shared: Shared, bench: Bench) -> None:
    chunk = shared.put(picture("red"), picture("blue"))
    deadly = chunk.items[0]
    claimed_by_the_dead(shared, deadly.id, times=3)
    assert bench.states(chunk) == [("failed", "quarantined"), ("indexed", None)]
    letter = shared.dead_letters.get("default", deadly.id)
    assert (letter.code, letter.attempts, letter.job_id) == ("quarantined", 3, chunk.job_id)
    assert (letter.filename, letter.tags, letter.metadata) == ("0.png", ["tag"], {"year": 2026})


def test_a_quarantined_image_stays_so_until_it_is_forgotten(shared: Shared, bench: Bench) -> None:
    chunk = shared.put(picture("red"))
    claimed_by_the_dead(shared, chunk.items[0].id, times=3)
    bench.run(chunk)
    assert bench.states(shared.put(picture("red"))) == [("failed", "quarantined")]
    bench.claims.forget("default", [chunk.items[0].id])
    assert bench.states(shared.put(picture("red"))) == [("indexed", None)]


def test_an_image_that_decoder_processes_die_of_is_quarantined(shared: Shared) -> None:
    decoder = DeadlyDecoder(shared.blobs, HashingEncoder(), pixels_max=10_000)
    chunk = shared.put(picture("red"), picture("blue"))
    deadly = chunk.items[0].id
    decoder.deadly.add(deadly)
    with worker(shared, decoder=decoder) as bench:
        for deaths in (1, 2, 3):
            with pytest.raises(DecoderDied):
                bench.run(chunk)
            assert bench.claims.deaths("default", deadly) == deaths
        expected = [("failed", "quarantined"), ("indexed", None)]
        assert bench.states(chunk) == expected
        letter = shared.dead_letters.get("default", deadly)
        assert (letter.code, letter.attempts) == ("quarantined", 3)
        # Another upload of the same bytes kills no more.
        assert bench.states(shared.put(picture("red"))) == expected[:1]
        assert decoder.deaths == {deadly: 3}
        bench.claims.forget("default", [deadly])
        decoder.deadly.clear()
        assert bench.states(shared.put(picture("red"))) == [("indexed", None)]


def test_an_image_that_a_process_died_of_once_is_indexed(shared: Shared) -> None:
    decoder = DeadlyDecoder(shared.blobs, HashingEncoder(), pixels_max=10_000)
    chunk = shared.put(picture("red"))
    decoder.deadly.add(chunk.items[0].id)
    with worker(shared, decoder=decoder) as bench:
        with pytest.raises(DecoderDied):
            bench.run(chunk)
        decoder.deadly.clear()
        assert bench.states(chunk) == [("indexed", None)]
        assert bench.claims.attempts("default", chunk.items[0].id) == 0


def test_what_the_model_refuses_goes_to_the_dead_letters(shared: Shared, bench: Bench) -> None:
    chunk = shared.put(picture("black"), b"\xff\xd8\xff broken")
    assert bench.states(chunk) == [("failed", "encoder_error"), ("failed", "truncated")]
    letters, _ = shared.dead_letters.page("default", 10)
    assert [(letter.id, letter.code, letter.attempts) for letter in letters] == [
        (image_id(picture("black")), "encoder_error", 1)
    ]
    assert bench.claims.attempts("default", chunk.items[0].id) == 0


def test_a_fault_lets_go_of_what_was_claimed(shared: Shared, bench: Bench) -> None:
    class Odd(MemoryStore):
        def named(self, *_: object) -> dict[str, Named]:
            raise RuntimeError("odd")

    chunk = shared.put(picture("red"))
    shared.store = Odd()
    with worker(shared) as other:
        with pytest.raises(RuntimeError, match="odd"):
            other.run(chunk)
        assert other.claims.attempts("default", chunk.items[0].id) == 0
