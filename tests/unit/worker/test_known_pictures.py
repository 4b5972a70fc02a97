"""Uploads of pictures that are already indexed: what they change, and that they change it once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from common.claims.memory import MemoryClaims
from common.contract import ImageRecord, IngestChunk, OnDuplicate
from common.errors import ImagesBusy, StoreUnavailable
from common.images.metadata_limits import FILENAMES_MAX, TAGS_MAX
from common.jobs.base import Item, Job
from common.jobs.tasks import chunk_tasks
from tests.support.ingest_bench import Bench, Shared, worker
from tests.support.pictures import image_id, picture
from worker.stores.base import Named, Row
from worker.stores.memory import MemoryStore
from worker.stores.written import changed_by

FILES = [picture(colour) for colour in ("red", "green", "blue")]
IDS = [image_id(data) for data in FILES]
RED, ID = FILES[0], IDS[0]


class Killed(BaseException):
    """Simulates a killed process: no code handles it."""


class CountingStore(MemoryStore):
    """Counts the calls of a chunk, and raises ``after`` once, after its next write."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.after: BaseException | None = None
        self.away = False
        self.on_rows: Callable[[], object] = lambda: None

    def named(self, tenant: str, ids: Sequence[str]) -> Mapping[str, Named]:
        self.calls["named"] += 1
        return super().named(tenant, ids)

    def rows(self, tenant: str, ids: Sequence[str]) -> Mapping[str, Row]:
        self.calls["rows"] += 1
        if self.away:
            raise StoreUnavailable("away")
        self.on_rows()
        return super().rows(tenant, ids)

    def upsert(self, rows: Sequence[Row]) -> None:
        self.calls["upsert"] += 1
        super().upsert(rows)
        error, self.after = self.after, None
        if error is not None:
            raise error


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


@pytest.fixture
def shared(store: CountingStore) -> Shared:
    return Shared(store=store)


@pytest.fixture
def bench(shared: Shared, store: CountingStore) -> Iterator[Bench]:
    """A worker beside which three pictures are indexed."""
    with worker(shared) as bench:
        bench.run(shared.put(*FILES, tag="first"))
        store.calls.clear()
        yield bench


def record(shared: Shared, image: str = ID) -> ImageRecord:
    (found,) = shared.store.get("default", [image])
    return found


def run(bench: Bench, *files: bytes, on_duplicate: OnDuplicate = "merge", **about: Any) -> Job:
    chunk = bench.shared.put(*files, on_duplicate=on_duplicate, **about)
    bench.run(chunk)
    return bench.shared.jobs.get(chunk.job_id)


def items(shared: Shared, chunk: IngestChunk) -> list[tuple[str, str | None, bool]]:
    found, _ = shared.jobs.items(chunk.job_id, None, 10)
    return [(item.state, item.code, item.changed) for item in found]


def test_a_merge_adds_what_an_image_lacks(bench: Bench, shared: Shared) -> None:
    before = shared.store.rows("default", [ID])[ID]
    metadata = {"year": 1999, "album": "Crete"}
    job = run(bench, RED, picture("white"), tag="second", metadata=metadata, folder="new/")
    assert (job.indexed, job.duplicates, job.changed, job.state) == (1, 1, 1, "succeeded")
    after = shared.store.rows("default", [ID])[ID]
    assert after.record.tags == ["first", "second"]
    assert after.record.metadata == {"year": 2026, "album": "Crete"}
    assert (after.record.filename, after.record.earlier_filenames) == ("0.png", ["new/0.png"])
    assert after.record.indexed_at == before.record.indexed_at
    assert (after.vector == before.vector).all()
    assert after.job_id == changed_by(job.id)


def test_an_image_that_lacks_nothing_is_not_written(bench: Bench, store: CountingStore) -> None:
    job = run(bench, *FILES, tag="first")
    assert (job.duplicates, job.changed) == (3, 0)
    assert store.calls == {"named": 1, "rows": 1}


@pytest.mark.parametrize("on_duplicate", ["keep", "merge"])
def test_a_plain_duplicate_costs_one_call(
    bench: Bench, store: CountingStore, on_duplicate: OnDuplicate
) -> None:
    job = run(bench, *FILES, on_duplicate=on_duplicate, tags=[], metadata={})
    assert (job.duplicates, job.changed) == (3, 0)
    assert store.calls == {"named": 1}


def test_another_name_is_written_once(bench: Bench, store: CountingStore) -> None:
    for calls in ({"named": 1, "rows": 1, "upsert": 1}, {"named": 1}):
        run(bench, *FILES, folder="new/", tags=[], metadata={})
        assert store.calls == calls
        store.calls.clear()


def test_names_are_kept_while_there_is_room(bench: Bench, shared: Shared) -> None:
    for number in range(FILENAMES_MAX + 2):
        run(bench, RED, folder=f"{number}/", tags=[], metadata={})
    expected = [f"{number}/0.png" for number in range(FILENAMES_MAX)]
    assert record(shared).earlier_filenames == expected


def test_a_picture_without_a_name_adds_none(bench: Bench, shared: Shared) -> None:
    chunk = shared.put(RED, on_duplicate="merge")
    unnamed = [item.model_copy(update={"filename": item.id[:12]}) for item in chunk.items]
    bench.run(chunk.model_copy(update={"items": unnamed}))
    assert record(shared).earlier_filenames == []
    assert items(shared, chunk) == [("duplicate", None, True)]


def test_keep_leaves_an_image_as_it_is(bench: Bench, shared: Shared) -> None:
    before = record(shared)
    job = run(bench, RED, on_duplicate="keep", tag="second", folder="new/")
    assert (job.duplicates, job.changed) == (1, 0)
    assert record(shared) == before


def test_replace_makes_a_record_that_of_the_upload(bench: Bench, shared: Shared) -> None:
    about: dict[str, Any] = {"on_duplicate": "replace", "metadata": {"album": "Crete"}}
    assert run(bench, RED, tag="second", folder="new/", **about).changed == 1
    after = record(shared)
    assert (after.tags, after.metadata) == (["second"], {"album": "Crete"})
    assert (after.filename, after.earlier_filenames) == ("new/0.png", ["0.png"])
    assert run(bench, RED, tag="second", folder="new/", **about).changed == 0
    run(bench, RED, on_duplicate="replace", tags=[], metadata={})
    assert (record(shared).tags, record(shared).metadata) == ([], {})


def test_an_image_with_too_many_tags_fails_and_stays(bench: Bench, shared: Shared) -> None:
    before = record(shared)
    chunk = shared.put(RED, on_duplicate="merge", tags=[f"tag {n}" for n in range(TAGS_MAX)])
    bench.run(chunk)
    assert items(shared, chunk) == [("failed", "unprocessable", False)]
    assert record(shared) == before
    assert shared.dead_letters.page("default", 10) == ([], None)


def test_a_redelivered_chunk_changes_nothing_again(bench: Bench, shared: Shared) -> None:
    chunk = shared.put(RED, on_duplicate="merge", tag="second")
    first = bench.run(chunk)
    run(bench, RED, on_duplicate="replace", tag="third")
    assert bench.run(chunk, "another") == first
    assert record(shared).tags == ["third"]


def killed(shared: Shared, store: CountingStore, chunk: IngestChunk) -> None:
    """Run a chunk in a worker that dies between its write and its outcomes."""
    with worker(shared, claims=MemoryClaims(0.0, 3, shared.claims)) as doomed:
        store.after = Killed()
        with pytest.raises(Killed):
            doomed.run(chunk, "dead")


def test_a_worker_killed_at_the_write_is_made_up_for(
    bench: Bench, shared: Shared, store: CountingStore
) -> None:
    chunk = shared.put(*FILES, on_duplicate="merge", tag="second")
    killed(shared, store, chunk)
    store.calls.clear()
    bench.run(chunk)
    assert items(shared, chunk) == [("duplicate", None, True)] * 3
    assert store.calls["upsert"] == 0


def test_what_was_edited_since_is_not_changed_by_a_redelivered_chunk(
    bench: Bench, shared: Shared, store: CountingStore
) -> None:
    chunk = shared.put(RED, on_duplicate="merge", tag="second")
    killed(shared, store, chunk)
    run(bench, RED, on_duplicate="replace", tag="third")
    assert items(shared, chunk) == [("duplicate", None, True)]
    bench.run(chunk)
    assert record(shared).tags == ["third"]


def test_a_cancelled_job_reports_what_it_has_changed(
    bench: Bench, shared: Shared, store: CountingStore
) -> None:
    chunk = shared.put(RED, on_duplicate="merge", tag="second")
    killed(shared, store, chunk)
    shared.jobs.cancel(chunk.job_id)
    bench.run(chunk)
    assert items(shared, chunk) == [("duplicate", None, True)]


def test_an_outage_delays_only_what_is_to_be_changed(
    bench: Bench, shared: Shared, store: CountingStore
) -> None:
    chunk = shared.put(RED, picture("white"), on_duplicate="merge", tag="second")
    store.away = True
    with pytest.raises(StoreUnavailable):
        bench.run(chunk)
    assert items(shared, chunk) == [("queued", None, False), ("indexed", None, False)]
    store.away = False
    bench.run(chunk)
    assert items(shared, chunk) == [("duplicate", None, True), ("indexed", None, False)]


def test_an_image_whose_change_is_given_up_fails(bench: Bench, shared: Shared) -> None:
    chunk = shared.put(RED, on_duplicate="merge", tag="second")
    bench.ingest.give_up(chunk)
    assert items(shared, chunk) == [("failed", "encoder_error", False)]
    plain = shared.put(RED, on_duplicate="merge", tags=[], metadata={})
    bench.ingest.give_up(plain)
    assert items(shared, plain) == [("duplicate", None, False)]


def test_an_image_whose_claim_is_lost_is_left_to_its_owner(
    bench: Bench, shared: Shared, store: CountingStore
) -> None:
    chunk = shared.put(RED, on_duplicate="merge", tag="second")
    with worker(shared, claims=MemoryClaims(0.0, 3, shared.claims)) as frozen:
        store.on_rows = lambda: bench.claims.take("another", "default", [ID], alone=True)
        with pytest.raises(ImagesBusy):
            frozen.run(chunk, "frozen")
    assert items(shared, chunk) == [("queued", None, False)]
    assert record(shared).tags == ["first"]


@pytest.mark.parametrize(
    ("on_duplicate", "about", "version"),
    [
        ("keep", {"tags": ["dog"]}, 2),
        ("merge", {}, 2),
        ("merge", {"tags": ["dog"]}, 3),
        ("merge", {"metadata": {"year": 2026}}, 3),
        ("replace", {}, 3),
    ],
)
def test_older_workers_do_not_get_what_they_would_lose(
    on_duplicate: OnDuplicate, about: dict[str, Any], version: int
) -> None:
    job = Job("job", "default", 1, created_at=0.0, on_duplicate=on_duplicate, **about)
    ((_, chunk),) = chunk_tasks(job, [Item(0, ID, "0.png")], 8)
    assert (chunk.version, chunk.on_duplicate) == (version, on_duplicate)


def test_a_task_of_an_older_api_keeps_images_as_they_are() -> None:
    task = {"version": 2, "job_id": "job", "items": [], "tags": ["dog"]}
    assert IngestChunk.model_validate(task).on_duplicate == "keep"
