"""Edits of indexed images on the shipped fakes, and everything that may happen beside them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import pytest

from common.claims.base import Left
from common.claims.memory import MemoryClaims
from common.contract import CatalogRequest, Change, EditImages, Outcome
from common.errors import BlobsUnavailable, ImagesBusy, StoreUnavailable
from common.filters.model import Filter
from common.images.photo_info import PhotoInfo
from common.jobs.base import Job, JobKind
from tests.support.ingest_bench import LEASE_S, Bench, Shared, worker
from tests.support.pictures import image_id, picture
from tests.support.polling import wait_for
from worker.edits.editor import Editor
from worker.edits.job import JobEdit
from worker.edits.photo import StoredPhotoInfo
from worker.ingest.deliveries import Interrupted, OthersFirst
from worker.ingest.isolation import Isolation
from worker.late_writes.fence import Fence
from worker.stores.base import Row
from worker.stores.identity import Identity
from worker.stores.memory import MemoryCollection, MemoryStore
from worker.stores.memory_collections import MemoryCollections

FILES = [picture(colour) for colour in ("red", "green", "blue")]
IDS = [image_id(data) for data in FILES]
INFO = PhotoInfo(camera="Canon EOS 5D")
REFRESH = Change(refresh=True)


class StopStore(MemoryStore):
    """Calls ``before`` and ``after`` once, at its next write."""

    before = after = staticmethod(lambda: None)

    def upsert(self, rows: Sequence[Row]) -> None:
        (before, after), self.before, self.after = (self.before, self.after), *_NOTHING
        before()
        super().upsert(rows)
        after()


_NOTHING = (lambda: None, lambda: None)


class Killed(BaseException):
    """Simulates a killed process: no code handles it."""


class MortalClaims(MemoryClaims):
    """Claims of a worker that releases none after its death."""

    dead = False

    def give_back(
        self, owner: str, tenant: str, ids: Sequence[str], *, deadly: Collection[str] = ()
    ) -> None:
        if not self.dead:
            super().give_back(owner, tenant, ids, deadly=deadly)

    def settle(self, owner: str, tenant: str, left: object, records: object = None) -> None:
        if not self.dead:
            super().settle(owner, tenant, left, records or {})  # type: ignore[arg-type]


@dataclass
class Service:
    """Workers that edit, beside those that ingest and delete."""

    shared: Shared
    store: StopStore
    other: MemoryStore
    info: dict[bytes, PhotoInfo | None] = field(default_factory=dict)
    deadly: bytes | None = None
    is_here: bool = True
    is_closing: bool = False
    turn_s: float = 60.0
    lease_s: float = LEASE_S
    # Of the last worker.
    claims: MortalClaims = field(default_factory=MortalClaims)

    def kill(self) -> None:
        self.claims.dead = True
        raise Killed

    def read(self, data: bytes, _: str) -> PhotoInfo | None:
        if data == self.deadly:
            self.kill()
        return self.info.get(data, INFO)

    def edits(self) -> JobEdit:
        self.claims = claims = MortalClaims(self.lease_s, 3, self.shared.claims)
        amends = self.shared.amends(claims)
        editor = Editor(
            store=self.store,
            collections=self.shared.collections,
            jobs=self.shared.jobs,
            claims=claims,
            fence=Fence(claims, amends),
            photos=StoredPhotoInfo(self.shared.blobs, self.read, lambda: self.is_here),
        )
        return JobEdit(
            editor=editor,
            store=self.store,
            jobs=self.shared.jobs,
            claims=claims,
            isolation=Isolation(),
            amends=amends,
            closing=lambda: self.is_closing,
            turn_s=self.turn_s,
        )

    def accept(self, change: Change, **images: object) -> EditImages:
        """Create a job as the API does."""
        task = EditImages(job_id=uuid.uuid4().hex, change=change, **images)
        kind: JobKind = "refresh" if change.refresh else "edit"
        source = task.model_dump_json()
        about = {"growing": True, "source": source}
        job = Job(task.job_id, "default", 0, created_at=time.time(), kind=kind, **about)
        self.shared.jobs.create(job, [])
        self.shared.jobs.accept(job.id)
        return task

    def run(self, task: EditImages, owner: str = "editor") -> Job:
        self.edits().run(task, owner)
        return self.shared.jobs.get(task.job_id)

    def states(self, task: EditImages) -> list[tuple[str, str | None]]:
        items, _ = self.shared.jobs.items(task.job_id, None, 100)
        return [(item.state, item.code) for item in items]

    def rows(self, store: MemoryStore | None = None) -> dict[str, Row]:
        return dict((store or self.store).rows("default", IDS))

    def photos(self, store: MemoryStore | None = None) -> list[PhotoInfo | None]:
        rows = self.rows(store)
        return [rows[each].record.photo for each in IDS if each in rows]


@pytest.fixture
def service() -> Service:
    own, other = Identity("hashing", "1", 64), Identity("other", "1", 64)
    collections = {"own": MemoryCollection(own), "other": MemoryCollection(other)}
    store = StopStore(own, collections["own"])
    shared = Shared(store=store, collections=MemoryCollections(collections))
    return Service(shared, store, MemoryStore(other, collections["other"]))


@pytest.fixture
def bench(service: Service) -> Iterator[Bench]:
    with worker(service.shared) as bench:
        yield bench


@pytest.fixture
def indexed(service: Service, bench: Bench) -> None:
    bench.run(service.shared.put(*FILES))


def delete(shared: Shared, image: str) -> bool:
    return bool(shared.deletion().run(CatalogRequest(ids=[image])).deleted)


@pytest.mark.usefixtures("indexed")
def test_a_refresh_reads_photo_info_of_all_images(service: Service) -> None:
    before = service.rows()
    job = service.run(service.accept(REFRESH))
    assert (job.state, job.total, job.modified, job.kind) == ("succeeded", 3, 3, "refresh")
    assert service.photos() == [INFO] * 3
    for each, row in service.rows().items():
        assert row.job_id == job.id
        assert row.record == before[each].record.model_copy(update={"photo": INFO})
        assert (row.vector == before[each].vector).all()


@pytest.mark.usefixtures("indexed")
def test_images_that_do_not_change_are_not_written(service: Service) -> None:
    service.run(service.accept(REFRESH))
    before = service.rows()
    service.info[FILES[1]] = None
    task = service.accept(REFRESH, ids=IDS)
    job = service.run(task)
    assert (job.state, job.modified, job.unchanged) == ("succeeded", 1, 2)
    assert [state for state, _ in service.states(task)] == ["unchanged", "modified", "unchanged"]
    assert service.rows()[IDS[0]].job_id == before[IDS[0]].job_id
    assert service.photos() == [INFO, None, INFO]


@pytest.mark.usefixtures("indexed")
def test_a_filter_selects_images(service: Service, bench: Bench) -> None:
    other = picture("white")
    bench.run(service.shared.put(other, tag="other"))
    wanted = Filter.model_validate({"tags": {"any": ["other"]}})
    assert service.run(service.accept(REFRESH, filter=wanted)).total == 1
    assert service.photos() == [None] * 3
    nothing = Filter.model_validate({"tags": {"any": ["unknown"]}})
    assert service.run(service.accept(REFRESH, filter=nothing)).state == "succeeded"


@pytest.mark.usefixtures("indexed")
def test_images_that_are_not_indexed_or_lack_their_bytes_fail_alone(service: Service) -> None:
    service.shared.blobs.delete("default", IDS[1])
    task = service.accept(REFRESH, ids=[IDS[0], IDS[1], "0" * 64, IDS[0]])
    assert service.run(task).state == "partial"
    assert service.states(task) == [
        ("modified", None),
        ("failed", "bytes_missing"),
        ("failed", "not_found"),
    ]


@pytest.mark.usefixtures("indexed")
def test_bytes_of_an_interrupted_deletion_are_restored(service: Service) -> None:
    service.shared.blobs.withdraw("default", IDS[0])
    assert service.run(service.accept(REFRESH)).modified == 3
    assert service.shared.blobs.read("default", IDS[0]) == FILES[0]


@pytest.mark.usefixtures("indexed")
def test_a_worker_without_the_blobs_waits(service: Service) -> None:
    service.shared.blobs.delete("default", IDS[0])
    service.is_here = False
    task = service.accept(REFRESH)
    with pytest.raises(BlobsUnavailable, match="GLIMPSE_BLOBS_DIR"):
        service.run(task)
    assert service.shared.jobs.get(task.job_id).done == 0


@pytest.mark.usefixtures("indexed")
def test_rows_of_other_models_get_the_same_record(service: Service) -> None:
    row = service.rows()[IDS[0]]
    vector = np.roll(row.vector, 1)
    service.other.upsert([Row("default", row.record, vector, row.job_id)])
    job = service.run(service.accept(REFRESH))
    (other,) = service.rows(service.other).values()
    assert (other.record.photo, other.job_id) == (INFO, job.id)
    assert (other.vector == vector).all()


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_killed_at_the_write_is_made_up_for(service: Service, moment: str) -> None:
    service.lease_s = 0.0
    task = service.accept(REFRESH)
    setattr(service.store, moment, service.kill)
    with pytest.raises(Killed):
        service.run(task, "first")
    service.lease_s = LEASE_S
    job = service.run(task, "second")
    assert (job.state, job.modified) == ("succeeded", 3)
    assert service.photos() == [INFO] * 3


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize("ended", [1, 3])
def test_a_worker_killed_before_the_release_leaves_no_claims(
    service: Service, monkeypatch: pytest.MonkeyPatch, ended: int
) -> None:
    service.lease_s = 0.0
    task = service.accept(REFRESH)
    jobs = service.shared.jobs
    record = jobs.record

    def record_and_die(job_id: str, outcomes: Sequence[Outcome], *rest: object) -> None:
        record(job_id, list(outcomes)[:ended])
        service.kill()

    monkeypatch.setattr(jobs, "record", record_and_die)
    with pytest.raises(Killed):
        service.run(task, "first")
    monkeypatch.undo()
    service.lease_s = LEASE_S
    assert service.run(task, "second").modified == 3
    claims = [service.claims.attempts("default", name) for name in (task.job_id, *IDS)]
    assert claims == [0] * 4


@pytest.mark.usefixtures("indexed")
def test_a_task_that_comes_again_changes_nothing(service: Service, bench: Bench) -> None:
    task = service.accept(REFRESH)
    service.run(task)
    delete(service.shared, IDS[0])
    bench.run(service.shared.put(FILES[0]))
    assert service.run(task).modified == 3
    assert service.photos() == [None, INFO, INFO]


def test_a_job_that_was_never_accepted_is_left_alone(service: Service) -> None:
    service.edits().run(EditImages(job_id="0" * 32, change=REFRESH), "editor")


@pytest.mark.usefixtures("indexed")
def test_an_interrupted_search_for_images_goes_on(service: Service) -> None:
    task = service.accept(REFRESH)
    service.shared.jobs.extend(task.job_id, 0, [(IDS[1], "1.png")])
    assert service.run(task).total == 3
    items, _ = service.shared.jobs.items(task.job_id, None, 10)
    assert sorted(item.id for item in items) == sorted(IDS)


@pytest.mark.usefixtures("indexed")
def test_images_of_other_tasks_are_waited_for(service: Service, bench: Bench) -> None:
    bench.claims.take("a task", "default", IDS[:1])
    task = service.accept(REFRESH)
    with pytest.raises(ImagesBusy):
        service.run(task)
    assert service.shared.jobs.get(task.job_id).modified == 2
    bench.claims.settle("a task", "default", {IDS[0]: "a job"})
    assert service.run(task).modified == 3


@pytest.mark.usefixtures("indexed")
def test_only_one_worker_runs_a_job(service: Service, bench: Bench) -> None:
    task = service.accept(REFRESH)
    bench.claims.take("another", "default", [task.job_id])
    with pytest.raises(ImagesBusy, match="running this job"):
        service.run(task)


@pytest.mark.usefixtures("indexed")
def test_a_closing_worker_stops(service: Service) -> None:
    service.is_closing = True
    with pytest.raises(Interrupted):
        service.run(service.accept(REFRESH))
    assert service.photos() == [None] * 3


def test_a_large_job_takes_turns_with_others(service: Service, bench: Bench) -> None:
    files = [picture("red", (8 + number, 8)) for number in range(70)]
    bench.run(service.shared.put(*files))
    service.turn_s = 0.0
    task = service.accept(REFRESH)
    with pytest.raises(OthersFirst):
        service.run(task)
    assert service.shared.jobs.get(task.job_id).modified == 64
    assert service.run(task).modified == 70


@pytest.mark.usefixtures("indexed")
def test_a_cancelled_job_changes_no_more_images(service: Service) -> None:
    task = service.accept(REFRESH)
    service.shared.jobs.cancel(task.job_id)
    job = service.run(task)
    assert (job.state, job.modified) == ("cancelled", 0)
    assert service.photos() == [None] * 3


@pytest.mark.usefixtures("indexed")
def test_cancelled_after_a_death_it_counts_what_was_written(service: Service) -> None:
    service.lease_s = 0.0
    task = service.accept(REFRESH, ids=IDS[:2])
    service.store.after = service.kill
    with pytest.raises(Killed):
        service.run(task, "first")
    service.shared.jobs.cancel(task.job_id)
    service.lease_s = LEASE_S
    job = service.run(task, "second")
    assert (job.modified, job.cancelled) == (2, 0)


@pytest.mark.usefixtures("indexed")
def test_a_job_that_keeps_failing_is_given_up(service: Service) -> None:
    task = service.accept(REFRESH)
    service.shared.jobs.extend(task.job_id, 0, [(IDS[1], "1.png")])
    service.edits().give_up(task)
    assert service.shared.jobs.get(task.job_id).state == "failed"
    assert service.states(task) == [("failed", "store_error")]


def test_an_upload_whose_worker_died_is_indexed_beside_an_edit(
    service: Service, bench: Bench
) -> None:
    chunk = service.shared.put(*FILES)
    record, service.shared.jobs.record = service.shared.jobs.record, lambda *_: service.kill()  # type: ignore[method-assign]
    with pytest.raises(Killed):
        bench.run(chunk)
    service.shared.jobs.record = record  # type: ignore[method-assign]
    assert service.run(service.accept(REFRESH)).modified == 3
    assert bench.states(chunk) == [("indexed", None)] * 3
    assert service.photos() == [INFO] * 3


@pytest.mark.usefixtures("indexed")
def test_an_outage_of_the_store_is_waited_out(service: Service) -> None:
    def away() -> None:
        raise StoreUnavailable("away")

    service.store.before = away
    task = service.accept(REFRESH)
    with pytest.raises(StoreUnavailable):
        service.run(task)
    assert service.run(task).modified == 3


@pytest.mark.usefixtures("indexed")
def test_an_image_deleted_meanwhile_does_not_come_back(service: Service) -> None:
    task = service.accept(REFRESH)
    service.shared.jobs.extend(task.job_id, 0, [(each, each) for each in IDS])
    delete(service.shared, IDS[0])
    assert service.run(task).state == "partial"
    assert service.states(task)[0] == ("failed", "not_found")
    assert set(service.rows()) == set(IDS[1:])


@pytest.mark.usefixtures("indexed")
def test_a_row_that_was_written_too_late_is_not_edited(service: Service) -> None:
    row = service.rows()[IDS[0]]
    delete(service.shared, IDS[0])
    service.shared.take_over(IDS[0], left="")
    service.store.upsert([row])
    task = service.accept(REFRESH, ids=IDS)
    assert service.run(task).state == "partial"
    assert service.states(task)[0] == ("failed", "not_found")
    assert service.rows()[IDS[0]].job_id == row.job_id
    assert service.claims.left("default", IDS) == {IDS[0]: Left("")}


def thaw(service: Service, stage: str, meanwhile: object) -> EditImages:
    """Freeze an edit of the first image past its leases at a stage of its write."""
    service.lease_s = 0.0
    task = service.accept(REFRESH, ids=IDS[:1])

    def others() -> None:
        service.lease_s = LEASE_S
        meanwhile()  # type: ignore[operator]

    setattr(service.store, stage, others)
    with pytest.raises(ImagesBusy):
        service.run(task, "frozen")
    return task


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize("stage", ["before", "after"])
def test_a_frozen_edit_does_not_bring_a_deleted_image_back(service: Service, stage: str) -> None:
    row = service.rows()[IDS[0]]
    service.other.upsert([row])
    thaw(service, stage, lambda: delete(service.shared, IDS[0]))
    wait_for(lambda: IDS[0] not in service.rows(), 10, "amends")
    wait_for(lambda: IDS[0] not in service.rows(service.other), 10, "amends")


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize("stage", ["before", "after"])
def test_a_frozen_edit_loses_no_later_one(service: Service, stage: str) -> None:
    later = PhotoInfo(camera="Leica M3")

    def edit() -> None:
        service.info[FILES[0]] = later
        service.run(service.accept(REFRESH, ids=IDS[:1]), "other")

    thaw(service, stage, edit)
    wait_for(lambda: service.photos()[0] == later, 10, "amends")


@pytest.mark.usefixtures("indexed")
def test_a_frozen_edit_is_undone_if_another_task_left_the_row(
    service: Service, bench: Bench
) -> None:
    service.run(service.accept(REFRESH))
    service.info[FILES[0]] = None
    thaw(service, "before", lambda: bench.run(service.shared.put(FILES[0])))
    wait_for(lambda: service.photos()[0] == INFO, 10, "amends")


def test_a_frozen_upload_loses_no_edit(service: Service) -> None:
    frozen = MemoryClaims(0.0, 3, service.shared.claims)
    chunk = service.shared.put(FILES[0])

    def others() -> None:
        with worker(service.shared) as bench:
            bench.run(service.shared.put(FILES[0]), "other")
        service.run(service.accept(REFRESH))

    service.store.before = others
    with worker(service.shared, claims=frozen) as bench:
        with pytest.raises(ImagesBusy):
            bench.run(chunk)
        wait_for(lambda: service.photos() == [INFO], 10, "amends")
        assert not bench.amends.concern("default", IDS)


@pytest.mark.usefixtures("indexed")
def test_a_picture_that_kills_workers_is_quarantined_alone(service: Service) -> None:
    service.lease_s, service.deadly = 0.0, FILES[1]
    task = service.accept(REFRESH, ids=IDS)
    for number in range(8):
        with suppress(Killed, ImagesBusy):
            service.run(task, f"worker {number}")
    assert service.states(task) == [
        ("modified", None),
        ("failed", "quarantined"),
        ("modified", None),
    ]


def test_jobs_that_change_images_leave_no_backlog(service: Service) -> None:
    task = service.accept(REFRESH)
    service.shared.jobs.extend(task.job_id, 0, [(IDS[0], "0.png")])
    assert service.shared.jobs.pending() == 0
    assert service.shared.jobs.pending_of("default") == 0
