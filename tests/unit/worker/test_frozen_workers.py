"""Workers that freeze past their leases and resume after other workers have taken over.

The other workers run inside a call of the frozen worker, at the stage where it
freezes; its leases expire immediately.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from common.blobs.memory import MemoryBlobs
from common.claims.base import Left
from common.claims.memory import MemoryClaims
from common.contract import CatalogRequest, ChunkResult, IngestChunk, Outcome
from common.errors import BrokerUnavailable, ImagesBusy, NotFound, WorkerUnavailable
from common.jobs.memory import MemoryJobs
from common.read_marks.base import ReadMark
from tests.support.ingest_bench import Bench, Shared, worker
from tests.support.pictures import image_id, picture
from tests.support.polling import wait_for
from worker.catalog.deletion import Deletion
from worker.decoders.inline import InlineDecoder
from worker.encoders.hashing import HashingEncoder
from worker.ingest.pictures import PictureReader
from worker.late_writes import amends as amends_module
from worker.late_writes.amends import Amends
from worker.late_writes.fence import Claimed, Fence
from worker.late_writes.late import Late
from worker.late_writes.settled import settled_jobs
from worker.stores.base import Named, Row
from worker.stores.memory import MemoryCollection, MemoryStore

DATA = picture("red")
ID = image_id(DATA)

# The work of the other workers during the freeze.
Meanwhile = Callable[[], object]


class Stop:
    """Runs the other workers' work once, at one stage."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.meanwhile: Meanwhile | None = None

    def at(self, stage: str) -> None:
        if stage == self.stage and self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()


class FrozenStore(MemoryStore):
    """The store of the frozen worker."""

    def __init__(self, collection: MemoryCollection, stop: Stop) -> None:
        super().__init__(collection=collection)
        self._stop = stop

    def upsert(self, rows: Sequence[Row]) -> None:
        self._stop.at("before the write")
        super().upsert(rows)
        self._stop.at("after the write")

    def delete(self, tenant: str, ids: Sequence[str]) -> int:
        self._stop.at("before the write")
        count = super().delete(tenant, ids)
        self._stop.at("after the write")
        return count


class FrozenReader(PictureReader):
    """Freezes before it reads a picture, or after it has decoded one."""

    stop: Stop

    def read(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        self.stop.at("before the read")
        found = super().read(*args, **kwargs)
        self.stop.at("before the model")
        return found


class FrozenBlobs(MemoryBlobs):
    """Freezes before it withdraws a blob."""

    stop: Stop

    def withdraw(self, tenant: str, blob_id: str) -> None:
        self.stop.at("before the bytes")
        super().withdraw(tenant, blob_id)


class FrozenJobs(MemoryJobs):
    """Freezes before it records outcomes."""

    stop: Stop

    def record(
        self, job_id: str, outcomes: Sequence[Outcome], mark: ReadMark | None = None
    ) -> None:
        self.stop.at("before the outcome")
        super().record(job_id, outcomes, mark)


@pytest.fixture
def collection() -> MemoryCollection:
    return MemoryCollection()


@pytest.fixture
def shared(collection: MemoryCollection) -> Shared:
    return Shared(store=MemoryStore(collection=collection))


@pytest.fixture
def others(shared: Shared) -> Iterator[Bench]:
    with worker(shared) as bench:
        yield bench


@pytest.fixture
def frozen(
    request: pytest.FixtureRequest, shared: Shared, collection: MemoryCollection
) -> Iterator[tuple[Bench, Stop]]:
    """Start an ingest worker that freezes at the stage in the test's parameter."""
    stop = Stop(request.param)
    jobs = FrozenJobs.__new__(FrozenJobs)
    jobs.__dict__ = shared.jobs.__dict__
    jobs.stop = stop
    mine = replace(shared, store=FrozenStore(collection, stop), jobs=jobs)
    reader = FrozenReader(InlineDecoder(shared.blobs, HashingEncoder(), pixels_max=10_000))
    reader.stop = stop
    with worker(mine, lease_s=0.0, reader=reader) as bench:
        yield bench, stop


def run(bench: Bench, chunk: IngestChunk) -> ChunkResult:
    """Run a chunk and retry while other workers hold its images, as a delivery does."""

    def tried() -> ChunkResult | None:
        try:
            return bench.run(chunk, f"task of {id(bench)}")
        except ImagesBusy:
            return None

    return wait_for(tried, 10, "an outcome")


def delete(shared: Shared) -> None:
    assert shared.deletion().run(CatalogRequest(ids=[ID])).deleted == [ID]


def index_and_delete(shared: Shared, bench: Bench, chunk: IngestChunk) -> None:
    assert run(bench, chunk).outcomes[0].state == "indexed"
    delete(shared)


def assert_gone(shared: Shared) -> None:
    assert shared.store.known("default", [ID]) == {}
    with pytest.raises(NotFound):
        shared.blobs.read("default", ID)


def assert_row_of(shared: Shared, chunk: IngestChunk) -> None:
    row = shared.store.rows("default", [ID])[ID]
    assert (row.job_id, row.record.tags) == (chunk.job_id, chunk.tags)
    assert shared.blobs.read("default", ID) == DATA


AT_INGEST = pytest.mark.parametrize(
    "frozen",
    [
        "before the read",
        "before the model",
        "before the write",
        "after the write",
        "before the outcome",
    ],
    indirect=True,
)


@AT_INGEST
def test_what_was_deleted_meanwhile_stays_so(
    shared: Shared, others: Bench, frozen: tuple[Bench, Stop]
) -> None:
    bench, stop = frozen
    chunk = shared.put(DATA)

    def meanwhile() -> None:
        assert run(others, chunk).outcomes[0].state == "indexed"
        delete(shared)

    stop.meanwhile = meanwhile
    assert run(bench, chunk).outcomes[0].state == "indexed"
    assert_gone(shared)


@AT_INGEST
def test_what_was_uploaded_anew_meanwhile_keeps_its_own_tags(
    shared: Shared, others: Bench, frozen: tuple[Bench, Stop]
) -> None:
    bench, stop = frozen
    chunk = shared.put(DATA)
    later: list[IngestChunk] = []

    def meanwhile() -> None:
        run(others, chunk)
        delete(shared)
        later.append(shared.put(DATA, tag="anew"))
        assert run(others, later[0]).outcomes[0].state == "indexed"

    stop.meanwhile = meanwhile
    run(bench, chunk)
    assert_row_of(shared, later[0])


@pytest.mark.parametrize("frozen", ["before the read", "before the write"], indirect=True)
def test_a_job_that_came_first_meanwhile_keeps_its_row(
    shared: Shared, others: Bench, frozen: tuple[Bench, Stop]
) -> None:
    bench, stop = frozen
    chunk, first = shared.put(DATA), shared.put(DATA, tag="first")

    def meanwhile() -> None:
        assert run(others, first).outcomes[0].state == "indexed"

    stop.meanwhile = meanwhile
    assert run(bench, chunk).outcomes[0].state == "duplicate"
    assert_row_of(shared, first)


def write_late(stop: Stop, before: Meanwhile, after: Meanwhile) -> None:
    """Freeze a worker before its write, and again before it knows that it wrote too late."""

    def meanwhile() -> None:
        before()
        stop.stage, stop.meanwhile = "after the write", after

    stop.stage, stop.meanwhile = "before the write", meanwhile


@pytest.mark.parametrize("frozen", [""], indirect=True)
def test_an_upload_does_not_count_a_row_that_was_written_too_late(
    shared: Shared, others: Bench, frozen: tuple[Bench, Stop]
) -> None:
    bench, stop = frozen
    chunk = shared.put(DATA)
    later: list[IngestChunk] = []

    def upload_anew() -> None:
        assert shared.store.known("default", [ID]) == {ID: chunk.job_id}
        later.append(shared.put(DATA, tag="anew", on_duplicate="merge"))
        assert run(others, later[0]).outcomes[0].state == "indexed"

    write_late(stop, lambda: index_and_delete(shared, others, chunk), upload_anew)
    assert run(bench, chunk).outcomes[0].state == "indexed"
    assert_row_of(shared, later[0])


@pytest.mark.parametrize("frozen", [""], indirect=True)
def test_a_task_that_comes_again_does_not_keep_a_row_that_was_written_too_late(
    shared: Shared, others: Bench, frozen: tuple[Bench, Stop]
) -> None:
    bench, stop = frozen
    chunk = shared.put(DATA)

    def run_again() -> None:
        assert shared.store.known("default", [ID]) == {ID: chunk.job_id}
        assert run(others, chunk).outcomes[0].state == "indexed"

    write_late(stop, lambda: index_and_delete(shared, others, chunk), run_again)
    assert run(bench, chunk).outcomes[0].state == "indexed"
    assert_gone(shared)


@pytest.mark.parametrize("frozen", [""], indirect=True)
def test_a_task_that_is_given_up_does_not_count_a_row_that_was_written_too_late(
    shared: Shared, others: Bench, frozen: tuple[Bench, Stop]
) -> None:
    bench, stop = frozen
    chunk = shared.put(DATA)
    found: list[str] = []

    def give_up() -> None:
        assert shared.store.known("default", [ID]) == {ID: chunk.job_id}
        again = others.ingest.give_up(shared.put(DATA, tag="again"))
        found.extend(outcome.state for outcome in again.outcomes)

    write_late(stop, lambda: index_and_delete(shared, others, chunk), give_up)
    run(bench, chunk)
    assert found == ["failed"]


@pytest.mark.parametrize("frozen", [""], indirect=True)
def test_a_duplicate_of_a_row_that_was_written_too_late_leaves_the_right_one(
    shared: Shared, others: Bench, frozen: tuple[Bench, Stop]
) -> None:
    bench, stop = frozen
    chunk, first = shared.put(DATA), shared.put(DATA, tag="first")

    def upload_again() -> None:
        assert shared.store.known("default", [ID]) == {ID: chunk.job_id}
        assert run(others, shared.put(DATA, tag="again")).outcomes[0].state == "duplicate"

    write_late(stop, lambda: run(others, first), upload_again)
    run(bench, chunk)
    assert_row_of(shared, first)


class BlinkingStore(MemoryStore):
    """Finds no row in the next look: Milvus Lite is just replacing it."""

    blinks = False

    def named(self, tenant: str, ids: Sequence[str]) -> Mapping[str, Named]:
        blinks, self.blinks = self.blinks, False
        return {} if blinks else super().named(tenant, ids)


def test_a_row_that_is_just_being_replaced_stays(
    shared: Shared, collection: MemoryCollection
) -> None:
    store = BlinkingStore(collection=collection)
    with worker(replace(shared, store=store)) as bench:
        chunk = shared.put(DATA)
        MemoryClaims(0.0, 3, shared.claims).take("frozen", "default", [ID])
        run(bench, chunk)
        store.blinks = True
        # The same task comes again, while the worker that was frozen writes the row again.
        assert run(bench, chunk).outcomes[0].state == "indexed"
        row = shared.store.rows("default", [ID])[ID]
        bench.amends.add([Late(row)])
        wait_for(lambda: not bench.amends.concern("default", [ID]), 10, "amends")
    assert_row_of(shared, chunk)


def test_a_row_counts_before_its_owner_settles_it(shared: Shared) -> None:
    with worker(shared) as bench:
        run(bench, shared.put(DATA))
    row = shared.store.rows("default", [ID])[ID]
    shared.take_over(ID, left="")
    claims = MemoryClaims(60, 3, shared.claims)
    fence = Fence(claims, shared.amends(claims))
    claims.take("owner", "default", [ID])

    def settled(job_id: str) -> dict[str, str]:
        return settled_jobs(claims, "default", {ID: job_id})

    def fail(_: object) -> None:
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        fence.write([Claimed("owner", row)], fail)
    assert settled(row.job_id) == {}
    edited = replace(row, job_id="edit")
    assert fence.write([Claimed("owner", row)], shared.store.upsert) == [True]
    assert settled(row.job_id) == {ID: row.job_id}
    assert fence.write([Claimed("owner", edited, row)], shared.store.upsert) == [True]
    assert claims.left("default", [ID]) == {ID: Left("edit", row.record.model_dump_json())}
    assert fence.delete([Claimed("owner", edited)], lambda _: None) == [True]
    assert settled("edit") == {}


@pytest.mark.parametrize("frozen", ["after the write"], indirect=True)
def test_a_row_that_others_found_stays(
    shared: Shared, others: Bench, frozen: tuple[Bench, Stop]
) -> None:
    bench, stop = frozen
    chunk, second = shared.put(DATA), shared.put(DATA, tag="second")

    def meanwhile() -> None:
        assert run(others, second).outcomes[0].state == "duplicate"

    stop.meanwhile = meanwhile
    assert run(bench, chunk).outcomes[0].state == "indexed"
    assert_row_of(shared, chunk)


@pytest.mark.parametrize("frozen", ["before the write", "after the write"], indirect=True)
def test_what_was_cancelled_meanwhile_is_not_searchable(
    shared: Shared, others: Bench, frozen: tuple[Bench, Stop]
) -> None:
    bench, stop = frozen
    chunk = shared.put(DATA)

    def meanwhile() -> None:
        shared.jobs.cancel(chunk.job_id)
        run(others, chunk)

    stop.meanwhile = meanwhile
    found = run(bench, chunk).outcomes[0].state
    assert (found == "indexed") == (ID in shared.store.known("default", [ID]))


@pytest.mark.parametrize("frozen", ["before the write"], indirect=True)
def test_a_worker_that_nobody_took_for_dead_goes_on(
    shared: Shared, frozen: tuple[Bench, Stop]
) -> None:
    bench, stop = frozen
    chunk = shared.put(DATA)
    stop.meanwhile = lambda: None
    assert bench.run(chunk).outcomes[0].state == "indexed"
    assert_row_of(shared, chunk)


@pytest.mark.parametrize("frozen", ["before the write"], indirect=True)
def test_a_failure_in_the_hands_of_one_that_was_overtaken_does_not_count(
    shared: Shared, others: Bench, frozen: tuple[Bench, Stop]
) -> None:
    bench, stop = frozen
    chunk = shared.put(DATA)

    def meanwhile() -> None:
        assert run(others, chunk).outcomes[0].state == "indexed"
        raise RuntimeError("odd")

    stop.meanwhile = meanwhile
    assert run(bench, chunk).outcomes[0].state == "indexed"
    assert shared.dead_letters.count() == 0
    assert_row_of(shared, chunk)


@pytest.fixture
def deletion(
    request: pytest.FixtureRequest, shared: Shared, collection: MemoryCollection
) -> tuple[Deletion, Stop, Amends]:
    """Return a search worker's deletion that freezes at the stage in the test's parameter."""
    stop = Stop(request.param)
    blobs = FrozenBlobs()
    blobs.__dict__ = shared.blobs.__dict__
    blobs.stop = stop
    store, claims = FrozenStore(collection, stop), MemoryClaims(0.0, 3, shared.claims)
    amends = replace(shared, store=store, blobs=blobs).amends(claims)
    fence = Fence(claims, amends)
    parts = (store, blobs, shared.jobs, claims, shared.dead_letters, fence, shared.collections)
    return Deletion(*parts, shared.quotas, shared.marks, 0.0), stop, amends


AT_DELETE = pytest.mark.parametrize(
    "deletion", ["before the bytes", "before the write", "after the write"], indirect=True
)


def try_to_delete(deletion: Deletion, amends: Amends) -> None:
    with pytest.raises(ImagesBusy):
        deletion.run(CatalogRequest(ids=[ID]))
    wait_for(lambda: not amends.concern("default", [ID]), 10, "amends")


@pytest.mark.parametrize("deletion", ["after the write"], indirect=True)
def test_a_row_that_an_interrupted_deletion_removed_does_not_come_back(
    shared: Shared, others: Bench, deletion: tuple[Deletion, Stop, Amends]
) -> None:
    frozen, stop, amends = deletion
    run(others, shared.put(DATA))
    row = shared.store.rows("default", [ID])[ID]
    # A worker that has yet to correct what it wrote restores what the others left.
    shared.take_over(ID, left=row.job_id)

    def meanwhile() -> None:
        assert shared.deletion().run(CatalogRequest(ids=[ID])).deleted == []
        others.amends.add([Late(row)])
        wait_for(lambda: not others.amends.concern("default", [ID]), 10, "amends")

    stop.meanwhile = meanwhile
    try_to_delete(frozen, amends)
    assert_gone(shared)


@AT_DELETE
def test_what_was_accepted_after_a_deletion_that_stood_still_stays(
    shared: Shared, others: Bench, deletion: tuple[Deletion, Stop, Amends]
) -> None:
    frozen, stop, amends = deletion
    run(others, shared.put(DATA))
    later: list[IngestChunk] = []

    def meanwhile() -> None:
        if shared.store.known("default", [ID]):
            delete(shared)
        later.append(shared.put(DATA, tag="anew"))
        assert run(others, later[0]).outcomes[0].state == "indexed"

    stop.meanwhile = meanwhile
    try_to_delete(frozen, amends)
    assert_row_of(shared, later[0])


@pytest.mark.parametrize("deletion", ["before the bytes", "before the write"], indirect=True)
def test_what_was_found_as_a_duplicate_stays(
    shared: Shared, others: Bench, deletion: tuple[Deletion, Stop, Amends]
) -> None:
    frozen, stop, amends = deletion
    first = shared.put(DATA)
    run(others, first)

    def meanwhile() -> None:
        assert run(others, shared.put(DATA, tag="second")).outcomes[0].state == "duplicate"

    stop.meanwhile = meanwhile
    try_to_delete(frozen, amends)
    assert_row_of(shared, first)


def test_a_deletion_that_stood_still_before_it_began_comes_too_late(
    shared: Shared, others: Bench
) -> None:
    run(others, shared.put(DATA))
    delete(shared)
    later = shared.put(DATA, tag="anew")
    run(others, later)
    # Its caller timed out, retried the deletion, and uploaded the image again.
    with pytest.raises(WorkerUnavailable, match="timed out"):
        shared.deletion().run(CatalogRequest(ids=[ID]), is_wanted=lambda: False)
    assert_row_of(shared, later)
    delete(shared)


@AT_DELETE
def test_a_deletion_that_nobody_took_for_dead_goes_on(
    shared: Shared, others: Bench, deletion: tuple[Deletion, Stop, Amends]
) -> None:
    frozen, stop, _ = deletion
    run(others, shared.put(DATA))
    stop.meanwhile = lambda: None
    assert frozen.run(CatalogRequest(ids=[ID])).deleted == [ID]
    assert_gone(shared)


class AbsentClaims(MemoryClaims):
    """Fails at the ``fails``-th confirmation from now."""

    fails = 0

    def confirm(self, claims, left=()):  # type: ignore[no-untyped-def]
        if self.fails:
            self.fails -= 1
            if not self.fails:
                raise BrokerUnavailable("away")
        return super().confirm(claims, left)


def test_what_cannot_be_confirmed_after_a_write_is_looked_at_again(
    shared: Shared, others: Bench
) -> None:
    chunk = shared.put(DATA)
    claims = AbsentClaims(0.0, 3, shared.claims)
    fence = Fence(claims, shared.amends(claims))
    frozen = Deletion(
        shared.store,
        shared.blobs,
        shared.jobs,
        claims,
        shared.dead_letters,
        fence,
        shared.collections,
        shared.quotas,
        shared.marks,
        0.0,
    )
    run(others, chunk)
    # Confirmed before the bytes are withdrawn, before the row is deleted, and afterwards.
    claims.fails = 3
    with pytest.raises(ImagesBusy):
        frozen.run(CatalogRequest(ids=[ID]))
    assert_gone(shared)


def test_what_is_written_too_late_while_it_is_put_right_is_put_right_again(
    shared: Shared, collection: MemoryCollection
) -> None:
    """A second late write of the row happens while the first one is being amended."""

    class LostAgain(MemoryStore):
        looks = 0

        def known(self, tenant: str, ids: Sequence[str]) -> Mapping[str, str]:
            found = super().known(tenant, ids)
            self.looks += 1
            if self.looks == 1:
                amends.add([Late(replace(row))])
            return found

    store, claims = LostAgain(collection=collection), MemoryClaims(60, 3, shared.claims)
    amends = replace(shared, store=store).amends(claims)
    with worker(shared) as bench:
        run(bench, shared.put(DATA))
    row = shared.store.rows("default", [ID])[ID]
    shared.take_over(ID, left="")
    amends.add([Late(row)])
    wait_for(lambda: not amends.concern("default", [ID]), 10, "amends")
    assert store.looks == 2
    assert_gone(shared)


def test_a_worker_that_ends_finishes_the_correction_that_it_has_begun_and_no_other(
    shared: Shared, collection: MemoryCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, goes_on = threading.Event(), threading.Event()

    class Slow(MemoryStore):
        looks = 0

        def known(self, tenant: str, ids: Sequence[str]) -> Mapping[str, str]:
            self.looks += 1
            begun.set()
            assert goes_on.wait(10)
            return super().known(tenant, ids)

    store, claims = Slow(collection=collection), MemoryClaims(60, 3, shared.claims)
    amends = replace(shared, store=store).amends(claims)
    pictures = {image_id(data): data for data in (DATA, picture("blue"))}
    with worker(shared) as bench:
        for data in pictures.values():
            run(bench, shared.put(data))
    for each in pictures:
        shared.take_over(each, left="")
    monkeypatch.setattr(amends_module, "_IMAGES", 1)
    amends.add([Late(row) for row in shared.store.rows("default", list(pictures)).values()])
    assert begun.wait(10)
    monkeypatch.setattr(amends_module, "_CLOSE_S", 0.0)
    ending = threading.Thread(target=amends.close)
    ending.start()
    assert amends._closing.wait(10)
    goes_on.set()
    ending.join(10)
    assert store.looks == 1
    assert [claims.holder("default", each) for each in pictures] == [None, None]
    assert [amends.concern("default", [each]) for each in pictures].count(True) == 1


class CountingStore(MemoryStore):
    """Notes how many rows each of its calls writes or deletes."""

    def __init__(self, collection: MemoryCollection) -> None:
        super().__init__(collection=collection)
        self.calls: list[tuple[str, int]] = []

    def upsert(self, rows: Sequence[Row]) -> None:
        self.calls.append(("upsert", len(rows)))
        super().upsert(rows)

    def delete(self, tenant: str, ids: Sequence[str]) -> int:
        self.calls.append(("delete", len(ids)))
        return super().delete(tenant, ids)


COLOURS = ("red", "green", "blue", "white", "black")
IDS = [image_id(picture(colour)) for colour in COLOURS]


def corrected_together(
    shared: Shared, collection: MemoryCollection, left: Mapping[str, str]
) -> CountingStore:
    """Let two workers leave images, and a third one, which had frozen with them, correct its rows.

    Args:
        shared: What the workers share.
        collection: Their rows, which are those of the third worker.
        left: What the second worker left, by image; the first left what is there.
    """
    store, claims = CountingStore(collection), MemoryClaims(60, 3, shared.claims)
    amends = replace(shared, store=store).amends(claims)
    for each, job_id in left.items():
        shared.take_over(each, job_id)
    rows = [row for _, row in sorted(shared.store.rows("default", IDS).items())]
    amends.add([Late(row) for row in rows])
    wait_for(lambda: not amends.concern("default", IDS), 10, "amends")
    assert [claims.holder("default", each) for each in left] == [None] * len(left)
    return store


def test_rows_of_several_images_are_corrected_together(
    shared: Shared, collection: MemoryCollection, others: Bench
) -> None:
    run(others, shared.put(*map(picture, COLOURS)))
    anew = shared.put(*map(picture, COLOURS), tag="anew")
    left = {IDS[0]: "", IDS[1]: "", IDS[2]: anew.job_id, IDS[3]: anew.job_id}
    store = corrected_together(shared, collection, left)
    assert store.calls == [("delete", 2), ("upsert", 2)]
    tags = {each: row.record.tags for each, row in store.rows("default", IDS).items()}
    assert tags == {IDS[2]: ["anew"], IDS[3]: ["anew"], IDS[4]: ["tag"]}


def test_a_row_that_cannot_be_corrected_keeps_no_other_one_wrong(
    shared: Shared,
    collection: MemoryCollection,
    others: Bench,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run(others, shared.put(*map(picture, COLOURS)))
    withdraw = shared.blobs.withdraw

    def broken(tenant: str, blob_id: str) -> None:
        if blob_id == IDS[1]:
            raise ValueError("odd")
        withdraw(tenant, blob_id)

    monkeypatch.setattr(shared.blobs, "withdraw", broken)
    store = corrected_together(shared, collection, dict.fromkeys(IDS[:3], ""))
    assert store.known("default", IDS).keys() == {*IDS[3:]}
    assert {blob.id for blob in shared.blobs.withdrawn()} == {IDS[0], IDS[2]}
    assert f"amends.failed tenant=default id={IDS[1]}" in caplog.text


def test_two_rows_of_one_image_are_corrected_one_after_the_other(
    shared: Shared, collection: MemoryCollection, others: Bench
) -> None:
    run(others, shared.put(DATA))
    row = shared.store.rows("default", [ID])[ID]
    shared.take_over(ID, left="")
    store, claims = CountingStore(collection), MemoryClaims(60, 3, shared.claims)
    amends = replace(shared, store=store).amends(claims)
    amends.add([Late(row), Late(replace(row, job_id="another"))])
    wait_for(lambda: not amends.concern("default", [ID]), 10, "amends")
    assert store.calls == [("delete", 1), ("delete", 1)]
    assert_gone(shared)
