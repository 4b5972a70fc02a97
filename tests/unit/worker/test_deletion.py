"""Deletion of images, and everything that may happen to them concurrently."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from common.contract import CatalogRequest, IngestChunk, Outcome
from common.errors import ImagesBusy, NotFound, StoreUnavailable
from common.jobs.base import Item
from tests.support.ingest_bench import Bench, Shared, worker
from tests.support.letters import letter_about
from tests.support.pictures import image_id, picture
from worker.stores.memory import MemoryStore

DATA = picture("red")
ID = image_id(DATA)


class GatedStore(MemoryStore):
    """Blocks deletes until ``go_on`` is set, and raises the errors in ``fails``."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.go_on.set()
        self.deleting = threading.Event()
        self.fails: list[BaseException] = []

    def delete(self, tenant: str, ids: Sequence[str]) -> int:
        self.deleting.set()
        assert self.go_on.wait(10)
        if self.fails:
            raise self.fails.pop()
        return super().delete(tenant, ids)


class Killed(BaseException):
    """Simulates a killed process: no code handles it."""


@pytest.fixture
def store() -> GatedStore:
    return GatedStore()


@pytest.fixture
def shared(store: GatedStore) -> Shared:
    return Shared(store=store)


@pytest.fixture
def bench(shared: Shared) -> Iterator[Bench]:
    with worker(shared) as bench:
        yield bench


def delete(shared: Shared, tenant: str = "default", image: str = ID) -> bool:
    return bool(shared.deletion().run(CatalogRequest(tenant=tenant, ids=[image])).deleted)


def item_of(shared: Shared, chunk: IngestChunk) -> Item:
    return shared.jobs.items(chunk.job_id, None, 1)[0][0]


def assert_searchable(shared: Shared) -> None:
    assert shared.store.known("default", [ID])
    assert shared.blobs.read("default", ID) == DATA


def assert_gone(shared: Shared) -> None:
    assert shared.store.known("default", [ID]) == {}
    with pytest.raises(NotFound):
        shared.blobs.read("default", ID)


def test_a_deleted_image_is_gone_with_its_bytes_and_thumbnail(shared: Shared, bench: Bench) -> None:
    chunk = shared.put(DATA)
    bench.run(chunk)
    shared.blobs.put_rendition("default", ID, "256.jpg", b"small")
    assert delete(shared)
    assert_gone(shared)
    assert shared.blobs.rendition("default", ID, "256.jpg") is None
    assert not delete(shared)
    assert item_of(shared, chunk).state == "indexed"


def test_uploaded_again_it_is_indexed_again(shared: Shared, bench: Bench) -> None:
    bench.run(shared.put(DATA))
    delete(shared)
    assert bench.states(shared.put(DATA)) == [("indexed", None)]
    assert_searchable(shared)
    assert shared.withdrawn_blobs().sweep() == 0
    assert_searchable(shared)
    assert list(shared.blobs.withdrawn()) == []


def test_an_image_in_hand_is_not_deleted_under_its_task(shared: Shared, bench: Bench) -> None:
    bench.run(shared.put(DATA))
    bench.claims.take("a task", "default", [ID])
    with pytest.raises(ImagesBusy, match="in a moment"):
        delete(shared)
    assert_searchable(shared)
    bench.claims.settle("a task", "default", {ID: "a job"})
    assert delete(shared)


def test_an_image_in_hand_is_waited_for(shared: Shared, bench: Bench) -> None:
    bench.run(shared.put(DATA))
    bench.claims.take("a task", "default", [ID])
    request = CatalogRequest(ids=[ID])
    with ThreadPoolExecutor(1) as threads:
        deleted = threads.submit(shared.deletion(wait_s=10).run, request)
        bench.claims.settle("a task", "default", {ID: "a job"})
        assert deleted.result(10).deleted == [ID]


def test_what_is_not_indexed_yet_is_unknown_and_its_task_goes_on(
    shared: Shared, bench: Bench
) -> None:
    chunk = shared.put(DATA)
    assert not delete(shared)
    assert bench.states(chunk) == [("indexed", None)]
    assert_searchable(shared)


def test_an_accepted_upload_keeps_its_bytes(shared: Shared, bench: Bench) -> None:
    """The second upload waits in the queue while the first one's image is deleted."""
    bench.run(shared.put(DATA))
    second = shared.put(DATA)
    assert delete(shared)
    assert_gone(shared)
    assert bench.states(second) == [("indexed", None)]
    assert_searchable(shared)


def test_an_upload_keeps_its_bytes_before_it_has_a_job(shared: Shared, bench: Bench) -> None:
    bench.run(shared.put(DATA))
    writer = shared.blobs.writer("default")
    writer.write(DATA)
    writer.commit(ID)
    assert delete(shared)
    assert shared.withdrawn_blobs(kept_s=3600).sweep() == 0
    chunk = shared.put()
    job = replace(shared.jobs.get(chunk.job_id), id="2" * 32, total=1)
    shared.jobs.create(job, [(ID, "a.png")])
    shared.jobs.accept(job.id)
    items = [{"index": 0, "id": ID, "filename": "a.png"}]
    later = IngestChunk.model_validate({"job_id": job.id, "items": items})
    assert bench.states(later) == [("indexed", None)]
    assert_searchable(shared)


def test_an_upload_at_the_moment_of_a_delete_comes_after_it(
    shared: Shared, bench: Bench, store: GatedStore
) -> None:
    bench.run(shared.put(DATA))
    store.go_on.clear()
    with ThreadPoolExecutor(1) as threads:
        deleted = threads.submit(delete, shared)
        assert store.deleting.wait(10)
        chunk = shared.put(DATA)
        with pytest.raises(ImagesBusy):
            bench.run(chunk)
        store.go_on.set()
        assert deleted.result(10)
    assert bench.states(chunk) == [("indexed", None)]
    assert_searchable(shared)


def test_of_deletes_at_once_one_deletes(shared: Shared, bench: Bench, store: GatedStore) -> None:
    bench.run(shared.put(DATA))
    store.go_on.clear()
    request = CatalogRequest(ids=[ID])
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(shared.deletion(wait_s=10).run, request) for _ in range(2)]
        assert store.deleting.wait(10)
        store.go_on.set()
        assert sorted(len(one.result(10).deleted) for one in both) == [0, 1]
    assert_gone(shared)


def test_a_redelivered_chunk_does_not_bring_a_deleted_image_back(
    shared: Shared, bench: Bench
) -> None:
    chunk = shared.put(DATA)
    bench.run(chunk)
    delete(shared)
    assert bench.states(chunk) == [("indexed", None)]
    assert_gone(shared)


def test_a_chunk_given_up_leaves_a_deleted_image_alone(shared: Shared, bench: Bench) -> None:
    chunk = shared.put(DATA)
    bench.run(chunk)
    delete(shared)
    assert [outcome.state for outcome in bench.ingest.give_up(chunk).outcomes] == ["indexed"]
    assert shared.dead_letters.count() == 0
    assert_gone(shared)


def test_a_row_whose_outcome_was_never_noted_does_not_come_back(
    shared: Shared, bench: Bench
) -> None:
    """The worker dies between row and outcome, and the chunk is redelivered after a deletion."""
    chunk = shared.put(picture("blue"), DATA)
    record = shared.jobs.record
    shared.jobs.record = lambda *_: (_ for _ in ()).throw(StoreUnavailable("away"))  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        bench.run(chunk)
    shared.jobs.record = record  # type: ignore[method-assign]
    assert shared.store.known("default", [ID])
    assert delete(shared)
    assert bench.states(chunk) == [("indexed", None), ("indexed", None)]
    assert_gone(shared)
    assert shared.jobs.get(chunk.job_id).state == "succeeded"


def test_a_store_that_is_away_deletes_nothing(
    shared: Shared, bench: Bench, store: GatedStore
) -> None:
    bench.run(shared.put(DATA))
    store.fails = [StoreUnavailable("away")]
    with pytest.raises(StoreUnavailable):
        delete(shared)
    assert bench.claims.attempts("default", ID) == 0
    assert shared.withdrawn_blobs(kept_s=3600).sweep() == 0
    assert_searchable(shared)
    assert delete(shared)
    assert_gone(shared)


def test_a_delete_that_was_killed_is_undone_or_done_again(
    shared: Shared, bench: Bench, store: GatedStore
) -> None:
    """The worker is killed between its two steps and leaves its claim."""
    bench.run(shared.put(DATA))
    with worker(shared, lease_s=0.0) as doomed:
        doomed.claims.take("a delete", "default", [ID])
        shared.blobs.withdraw("default", ID)
    assert shared.withdrawn_blobs(kept_s=3600).sweep() == 0
    assert_searchable(shared)
    shared.blobs.withdraw("default", ID)
    assert delete(shared)
    assert_gone(shared)
    assert shared.withdrawn_blobs().sweep() == 1
    assert list(shared.blobs.withdrawn()) == []


def test_a_dead_letter_goes_with_its_image(shared: Shared, bench: Bench) -> None:
    bench.run(shared.put(DATA))
    shared.dead_letters.put([letter_about(ID)])
    assert delete(shared)
    assert_gone(shared)
    assert shared.dead_letters.count() == 0


def test_a_dead_letter_of_what_is_not_indexed_stays_with_its_bytes(shared: Shared) -> None:
    shared.put(DATA)
    shared.dead_letters.put([letter_about(ID)])
    assert not delete(shared)
    assert shared.dead_letters.count() == 1
    assert shared.blobs.read("default", ID) == DATA


def test_a_quarantined_image_is_deleted_and_may_come_again(shared: Shared, bench: Bench) -> None:
    bench.run(shared.put(DATA))
    for number in range(3):
        with worker(shared, lease_s=0.0) as doomed:
            doomed.claims.take(f"dead {number}", "default", [ID], alone=True)
    assert bench.states(shared.put(DATA)) == [("failed", "quarantined")]
    assert delete(shared)
    assert shared.dead_letters.count() == 0
    assert bench.states(shared.put(DATA)) == [("indexed", None)]


def test_the_same_bytes_of_another_tenant_stay(shared: Shared, bench: Bench) -> None:
    bench.run(shared.put(DATA))
    record = shared.store.get("default", [ID])[0]
    row = shared.store._rows("default")[ID]
    shared.store.upsert([replace(row, tenant="other", record=record)])
    writer = shared.blobs.writer("other")
    writer.write(DATA)
    writer.commit(ID)
    assert delete(shared)
    assert_gone(shared)
    assert shared.store.known("other", [ID])
    assert shared.blobs.read("other", ID) == DATA
    assert delete(shared, "other")
    assert shared.withdrawn_blobs().sweep() == 2


def test_withdrawn_bytes_wait_for_uploads_and_for_their_time(shared: Shared, bench: Bench) -> None:
    bench.run(shared.put(DATA))
    waiting = shared.put(DATA)
    delete(shared)
    assert shared.withdrawn_blobs(kept_s=3600).sweep() == 0
    assert shared.withdrawn_blobs().sweep() == 0
    shared.jobs.record(waiting.job_id, [Outcome(index=0, id=ID, state="cancelled")])
    assert shared.withdrawn_blobs(kept_s=3600).sweep() == 0
    assert shared.withdrawn_blobs().sweep() == 1
    assert not shared.blobs.restore("default", ID)


def test_an_upload_keeps_its_bytes_if_a_deletion_ends_during_a_sweep(
    shared: Shared, bench: Bench
) -> None:
    bench.run(shared.put(DATA))
    waiting = shared.put(DATA)
    # A deletion is between its two steps when the sweep finds the row.
    shared.blobs.withdraw("default", ID)

    def end_deletion() -> None:
        shared.store.delete("default", [ID])

    assert shared.withdrawn_blobs(kept_s=3600).sweep(end_deletion) == 0
    assert bench.states(waiting) == [("indexed", None)]
    assert_searchable(shared)


def test_withdrawn_bytes_that_a_letter_needs_come_back(shared: Shared, bench: Bench) -> None:
    bench.run(shared.put(DATA))
    delete(shared)
    shared.dead_letters.put([letter_about(ID)])
    assert shared.withdrawn_blobs().sweep() == 0
    assert shared.blobs.read("default", ID) == DATA


def test_withdrawn_bytes_of_an_image_in_hand_are_left(shared: Shared, bench: Bench) -> None:
    bench.run(shared.put(DATA))
    delete(shared)
    bench.claims.take("a task", "default", [ID])
    assert shared.withdrawn_blobs().sweep() == 0
    bench.claims.settle("a task", "default", {ID: "a job"})
    assert shared.withdrawn_blobs().sweep() == 1
