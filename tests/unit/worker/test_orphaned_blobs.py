"""Orphaned originals are removed, and no others, whatever Milvus returns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest

from common.broker.queues import QueueDepth
from common.contract import INGEST_QUEUE, IngestChunk, Outcome
from common.errors import NotFound, StoreUnavailable
from common.jobs.base import Job
from tests.support.ingest_bench import Bench, Shared, worker
from tests.support.letters import letter_about
from tests.support.pictures import image_id, picture, truncated_jpeg
from worker.stores.memory import MemoryStore
from worker.upkeep.orphaned_blobs import SLICES
from worker.upkeep.rounds import MemoryRounds, Rounds

DATA = picture("red")
ID = image_id(DATA)
HOUR_S = 3600.0


class WatchedStore(MemoryStore):
    """Records the ids of each query, and runs the callbacks in ``on_known``."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.on_known: list[Callable[[], object]] = []

    def known(self, tenant: str, ids: Sequence[str]) -> Mapping[str, str]:
        self.asked += ids
        found = super().known(tenant, ids)
        if ids and self.on_known:
            self.on_known.pop(0)()
        return found

    def become_another(self) -> None:
        """Become a new, empty collection."""
        self._collection.rows.clear()
        self._collection.mark += "'"


@pytest.fixture
def store() -> WatchedStore:
    return WatchedStore()


@pytest.fixture
def shared(store: WatchedStore) -> Shared:
    return Shared(store=store)


@pytest.fixture
def bench(shared: Shared) -> Iterator[Bench]:
    with worker(shared) as bench:
        yield bench


def upload(shared: Shared, data: bytes = DATA) -> None:
    writer = shared.blobs.writer("default")
    writer.write(data)
    writer.commit(image_id(data))


def age(shared: Shared, hours: float = 2, image: str = ID) -> None:
    shared.blobs._blob("default", image).at = time.time() - hours * HOUR_S


def swept(
    shared: Shared, rounds: Rounds | None = None, depths: Sequence[QueueDepth] = ()
) -> list[str]:
    """Run one complete round; return the ids of the withdrawn blobs."""
    orphans = shared.orphaned_blobs(rounds, depths)
    count = sum(orphans.sweep() for _ in range(SLICES))
    aside = [blob.id for blob in shared.blobs.withdrawn()]
    assert len(aside) == count
    return aside


def cancelled(shared: Shared, data: bytes = DATA) -> IngestChunk:
    """Upload an image, and cancel its job."""
    chunk = shared.put(data)
    shared.jobs.cancel(chunk.job_id)
    return chunk


def test_the_bytes_of_a_cancelled_image_go(shared: Shared) -> None:
    cancelled(shared)
    shared.blobs.put_rendition("default", ID, "256.jpg", b"small")
    age(shared)
    assert swept(shared) == [ID]
    with pytest.raises(NotFound):
        shared.blobs.read("default", ID)
    assert shared.blobs.rendition("default", ID, "256.jpg") is None
    assert shared.withdrawn_blobs(kept_s=HOUR_S).sweep() == 0
    assert shared.withdrawn_blobs().sweep() == 1
    assert not shared.blobs.restore("default", ID)


def test_the_bytes_of_what_is_no_whole_picture_go(shared: Shared, bench: Bench) -> None:
    data = truncated_jpeg()
    assert bench.states(shared.put(data)) == [("failed", "truncated")]
    age(shared, image=image_id(data))
    assert swept(shared) == [image_id(data)]


def test_the_bytes_of_an_upload_without_a_job_go(shared: Shared) -> None:
    upload(shared)
    age(shared)
    assert swept(shared) == [ID]


def test_the_bytes_of_a_dead_letter_go_once_it_is_forgotten(shared: Shared) -> None:
    upload(shared)
    shared.dead_letters.put([letter_about(ID)])
    age(shared, hours=10_000)
    assert swept(shared) == []
    shared.dead_letters.remove("default", ID)
    assert swept(shared) == [ID]


def test_a_letter_written_at_the_same_moment_keeps_its_bytes(
    shared: Shared, store: WatchedStore
) -> None:
    cancelled(shared)
    age(shared)
    store.on_known = [lambda: None, lambda: shared.dead_letters.put([letter_about(ID)])]
    assert swept(shared) == []


def test_a_quarantine_with_a_letter_is_not_lifted(shared: Shared, bench: Bench) -> None:
    upload(shared)
    age(shared)
    shared.dead_letters.put([letter_about(ID)])
    for number in range(3):
        with worker(shared, lease_s=0.0) as doomed:
            doomed.claims.take(f"dead {number}", "default", [ID], alone=True)
    assert swept(shared) == []
    assert bench.claims.attempts("default", ID) == 3


def test_a_quarantine_without_a_letter_keeps_nothing(shared: Shared) -> None:
    """The job was cancelled before the letter was written."""
    cancelled(shared)
    age(shared)
    for number in range(3):
        with worker(shared, lease_s=0.0) as doomed:
            doomed.claims.take(f"dead {number}", "default", [ID], alone=True)
    assert swept(shared) == [ID]


def test_each_tenant_has_its_own(shared: Shared) -> None:
    cancelled(shared)
    writer = shared.blobs.writer("other")
    writer.write(DATA)
    writer.commit(ID)
    age(shared)
    assert swept(shared) == [ID]
    assert shared.blobs.read("other", ID) == DATA


def test_a_young_upload_is_left_alone(shared: Shared) -> None:
    cancelled(shared)
    age(shared, hours=0.9)
    assert swept(shared) == []


def test_an_indexed_image_is_kept_whatever_the_store_says_later(
    shared: Shared, bench: Bench, store: WatchedStore
) -> None:
    bench.run(shared.put(DATA))
    age(shared)
    assert swept(shared) == []
    store._collection.rows.clear()
    assert swept(shared) == []
    # A second upload whose job is cancelled does not remove it either.
    cancelled(shared)
    age(shared)
    assert swept(shared) == []
    assert shared.blobs.read("default", ID) == DATA


def test_what_was_seen_indexed_is_not_asked_for_again(
    shared: Shared, bench: Bench, store: WatchedStore
) -> None:
    bench.run(shared.put(DATA))
    swept(shared)
    store.asked.clear()
    swept(shared)
    assert store.asked == []


def test_a_turn_looks_at_one_slice(shared: Shared, store: WatchedStore) -> None:
    files = [picture("red", (40, side)) for side in range(1, 30)]
    for data in files:
        upload(shared, data)
    rounds = MemoryRounds()
    for _ in range(SLICES):
        store.asked.clear()
        shared.orphaned_blobs(rounds).sweep()
        assert len({image[:2] for image in store.asked}) <= 1
    # A round is complete, and the next one begins at the same slice.
    assert rounds.next() == SLICES + 1


def test_an_upload_that_waits_keeps_its_bytes(shared: Shared, bench: Bench) -> None:
    waiting = shared.put(DATA)
    gone = picture("blue")
    cancelled(shared, gone)
    age(shared, hours=2, image=image_id(gone))
    assert swept(shared) == [image_id(gone)]
    assert bench.states(waiting) == [("indexed", None)]


def test_what_is_younger_than_a_job_that_goes_on_is_left_alone(shared: Shared) -> None:
    """The job's images are not looked up, since there may be a million of them."""
    job = Job("1" * 32, "default", 1, created_at=time.time() - 5 * HOUR_S)
    shared.jobs.create(job, [("ab" * 32, "a.png")])
    shared.jobs.accept(job.id)
    cancelled(shared)
    # An upload stores its bytes shortly before it creates its job.
    for hours in (4, 5.9):
        age(shared, hours)
        assert swept(shared) == []
    shared.jobs.record(job.id, [Outcome(index=0, id="ab" * 32, state="indexed")])
    assert swept(shared) == [ID]


@pytest.mark.parametrize("place", ["waiting", "in flight"])
@pytest.mark.parametrize("sent_hours_ago", [5, None])
def test_a_task_that_outlived_the_record_of_its_job_keeps_its_bytes(
    shared: Shared, place: str, sent_hours_ago: float | None
) -> None:
    upload(shared)
    age(shared, hours=5.01)
    sent_at = None if sent_hours_ago is None else time.time() - sent_hours_ago * HOUR_S
    depth = (
        QueueDepth(INGEST_QUEUE, waiting=1, next_sent_at=sent_at)
        if place == "waiting"
        else QueueDepth(INGEST_QUEUE, in_flight=1, oldest_in_flight_sent_at=sent_at)
    )
    assert swept(shared, depths=[depth]) == []
    assert swept(shared, depths=[QueueDepth(INGEST_QUEUE)]) == [ID]


def test_an_image_in_hand_is_left_alone(shared: Shared, bench: Bench) -> None:
    cancelled(shared)
    age(shared)
    bench.claims.take("a task", "default", [ID])
    assert swept(shared) == []
    bench.claims.give_back("a task", "default", [ID])
    assert swept(shared) == [ID]
    assert bench.claims.attempts("default", ID) == 0


def test_an_upload_at_the_same_moment_keeps_its_bytes(
    shared: Shared, bench: Bench, store: WatchedStore
) -> None:
    cancelled(shared)
    age(shared)
    chunks: list[IngestChunk] = []
    # By the second query, the image is claimed.
    store.on_known = [lambda: None, lambda: chunks.append(shared.put(DATA))]
    assert swept(shared) == []
    assert bench.states(chunks[0]) == [("indexed", None)]


def test_an_upload_that_counts_on_bytes_put_aside_finds_them(shared: Shared, bench: Bench) -> None:
    chunk = shared.put(DATA)
    shared.blobs.withdraw("default", ID)
    assert bench.states(chunk) == [("indexed", None)]
    assert shared.blobs.read("default", ID) == DATA


def test_an_image_indexed_at_the_same_moment_stays(
    shared: Shared, bench: Bench, store: WatchedStore
) -> None:
    chunk = shared.put(DATA)
    shared.jobs.record(chunk.job_id, [Outcome(index=0, id=ID, state="cancelled")])
    age(shared)
    indexed = shared.put()
    indexed.items.append(chunk.items[0])

    def index() -> None:
        store.on_known.clear()
        bench.run(indexed)

    store.on_known = [index]
    assert swept(shared) == []
    assert store.known("default", [ID])
    assert shared.blobs.read("default", ID) == DATA


def test_nothing_goes_by_a_store_that_is_away(shared: Shared, store: WatchedStore) -> None:
    cancelled(shared)
    age(shared)
    store._collection.away = True
    orphans = shared.orphaned_blobs()
    for _ in range(SLICES):
        with pytest.raises(StoreUnavailable):
            orphans.sweep()
    assert list(shared.blobs.withdrawn()) == []


def test_nothing_goes_in_a_folder_that_is_not_the_services_own(shared: Shared) -> None:
    cancelled(shared)
    age(shared)
    orphans = shared.orphaned_blobs(is_here=False)
    assert sum(orphans.sweep() for _ in range(SLICES)) == 0
    assert swept(shared) == [ID]


def test_a_store_that_was_emptied_judges_nothing_that_was_there_before(
    shared: Shared, bench: Bench, store: WatchedStore
) -> None:
    bench.run(shared.put(DATA))
    gone = picture("blue")
    cancelled(shared, gone)
    rounds = MemoryRounds(since=0.0)
    rounds.since(store.collection())
    store.become_another()
    for data in (DATA, gone):
        age(shared, image=image_id(data))
    assert swept(shared, rounds) == []


def test_a_store_emptied_during_a_turn_judges_nothing(
    shared: Shared, bench: Bench, store: WatchedStore
) -> None:
    bench.run(shared.put(DATA))
    age(shared)
    known = store.known

    def emptied(tenant: str, ids: Sequence[str]) -> Mapping[str, str]:
        store.become_another()
        return known(tenant, ids)

    store.known = emptied  # type: ignore[method-assign]
    rounds = MemoryRounds(since=0.0)
    assert swept(shared, rounds) == []
    assert shared.blobs.read("default", ID) == DATA


def test_what_was_stored_before_the_collection_was_known_is_not_judged(shared: Shared) -> None:
    cancelled(shared)
    age(shared, hours=5)
    assert swept(shared, MemoryRounds(since=time.time() - 4 * HOUR_S)) == []
    assert swept(shared, MemoryRounds(since=time.time() - 6 * HOUR_S)) == [ID]


def test_bytes_withdrawn_anew_outlive_a_worker_that_stood_still(
    shared: Shared, bench: Bench, store: WatchedStore
) -> None:
    """It checked an earlier deletion's bytes, and resumes after a later deletion."""
    bench.run(shared.put(DATA))
    upload(shared)
    shared.blobs.withdraw("default", ID)
    store.delete("default", [ID])
    shared.blobs._withdrawn["default", ID].at = 1.0

    def meanwhile() -> None:
        shared.blobs.restore("default", ID)
        shared.blobs.withdraw("default", ID)

    store.on_known = [lambda: None, meanwhile]
    shared.withdrawn_blobs().sweep()
    assert shared.blobs.restore("default", ID)
