"""A reindex, a switch and the routing of tasks, on the shipped fakes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from common.broker.names import queue_for
from common.claims.base import Left
from common.claims.memory import MemoryClaims
from common.contract import (
    INGEST_QUEUE,
    REINDEX_SLICE,
    CatalogRequest,
    ChunkItem,
    Done,
    IngestChunk,
    Message,
    ReindexSlice,
    SwitchRequest,
)
from common.errors import DecoderDied, StoreUnavailable
from common.jobs.memory import MemoryJobs
from common.models.base import Switch
from common.models.memory import MemoryModels
from common.reindex.base import SLICES, Reindex
from common.reindex.memory import MemoryReindexes
from tests.support.deadly_decoder import DeadlyDecoder
from tests.support.ingest_bench import LEASE_S, Shared, worker
from tests.support.pictures import image_id, jpeg, picture
from worker.encoders.hashing import HashingEncoder
from worker.ingest.deliveries import Interrupted
from worker.ingest.isolation import Isolation
from worker.ingest.pipeline import IngestPipeline
from worker.late_writes.fence import Fence
from worker.reindex.originals import originals
from worker.reindex.page import Page, PageReindex
from worker.reindex.recovery import ReindexRecovery
from worker.reindex.slices import Duties, SliceReindex
from worker.reindex.switch import ModelSwitch
from worker.runtime.routing import Routing, SwitchInProgress, is_just_sent
from worker.stores.identity import Identity
from worker.stores.memory import MemoryCollection, MemoryStore
from worker.stores.memory_collections import MemoryCollections

OLD, NEW = "hashing", "new"
IMAGES = [jpeg(seed) for seed in range(12)]


class NewEncoder(HashingEncoder):
    """The hashing encoder under another name, which counts what it embeds."""

    name = NEW

    def __init__(self) -> None:
        super().__init__(96)
        self.embedded = 0

    def encode_images(self, images: Any) -> Any:
        self.embedded += len(images)
        return super().encode_images(images)


@dataclass
class Bench:
    """A worker of the new model beside a service whose active model is the old one."""

    shared: Shared
    encoder: NewEncoder
    store: MemoryStore
    source: MemoryStore
    collections: MemoryCollections
    pages: PageReindex
    decoder: DeadlyDecoder
    models: MemoryModels = field(default_factory=lambda: MemoryModels(OLD))
    reindexes: MemoryReindexes = field(default_factory=MemoryReindexes)
    sent: list[tuple[str, str, str, Message]] = field(default_factory=list)
    uploads_wait: Callable[[], bool] = lambda: False
    is_closing: bool = False
    # Called while a switch pauses.
    during_pause: Callable[[], None] = lambda: None

    def slices(self) -> SliceReindex:
        return SliceReindex(
            pages=self.pages,
            originals=self.originals,
            store=self.store,
            collections=self.collections,
            reindexes=self.reindexes,
            duties=Duties(lambda: self.uploads_wait(), lambda _: self.is_closing),
            send_to=lambda *sent: self.sent.append(sent),
        )

    def switch(self) -> ModelSwitch:
        return ModelSwitch(
            models=self.models,
            collections=self.collections,
            store=self.store,
            pages=self.pages,
            originals=self.originals,
            is_drained=lambda _: not self.uploads_wait(),
            closing=self._pause,
            marks=self.shared.marks,
        )

    def _pause(self, seconds: float) -> bool:
        if seconds:
            self.during_pause()
        return self.is_closing

    def originals(self, name: str, owner: str) -> Iterator[Page]:
        return originals(self.shared.blobs, name, owner, 4)

    def begin(self) -> Reindex:
        reindex = Reindex(id="r", model=NEW, source=OLD, state="running", started_at=time.time())
        assert self.reindexes.start(reindex)
        return reindex

    def run_pass(self, number: int = 1) -> Reindex:
        for name in SLICES:
            self.slices().run(ReindexSlice(reindex_id="r", number=number, slice=name), name)
        found = self.reindexes.get()
        assert found is not None
        return found

    def begin_switch(self, allow_missing: bool = False) -> SwitchRequest:
        switch = Switch(model=NEW, state="running", allow_missing=allow_missing, at=0.0)
        assert self.models.begin_switch(switch)
        return SwitchRequest(model=NEW, allow_missing=allow_missing)


@pytest.fixture
def setup() -> Iterator[Bench]:
    old = HashingEncoder()
    collection = MemoryCollection(Identity.of(old))
    shared = Shared(store=MemoryStore(Identity.of(old), collection))
    with worker(shared) as ingest:
        ingest.run(shared.put(*IMAGES))
    encoder = NewEncoder()
    beside = MemoryCollection(Identity.of(encoder))
    store = MemoryStore(Identity.of(encoder), beside)
    claims = MemoryClaims(LEASE_S, 3, shared.claims)
    fence = Fence(claims, shared.amends(claims))
    pipeline = IngestPipeline(encoder, store, fence, batch_max=4, wait_ms=0)
    decoder = DeadlyDecoder(shared.blobs, encoder, 10**8)
    pages = PageReindex(
        store=store,
        pipeline=pipeline,
        decoder=decoder,
        claims=claims,
        isolation=Isolation(),
    )
    collections = MemoryCollections({"old": collection, "new": beside})
    yield Bench(shared, encoder, store, shared.store, collections, pages, decoder)
    pipeline.close()


def rows(store: MemoryStore) -> dict[str, tuple[object, str]]:
    ids = [image_id(data) for data in IMAGES]
    return {key: (row.record, row.job_id) for key, row in store.rows("default", ids).items()}


def test_a_reindex_copies_every_row_but_its_vector(setup: Bench) -> None:
    setup.begin()
    found = setup.run_pass()
    assert (found.state, found.images, found.present) == ("complete", 12, 12)
    assert rows(setup.store) == rows(setup.source)
    vector = setup.store.vectors("default", [image_id(IMAGES[0])])[image_id(IMAGES[0])]
    assert vector.shape == (96,)


def test_what_the_collection_has_is_not_embedded_again(setup: Bench) -> None:
    setup.begin()
    setup.run_pass()
    setup.reindexes = MemoryReindexes()
    setup.begin()
    assert setup.run_pass().state == "complete"
    assert setup.encoder.embedded == len(IMAGES)


def test_a_slice_that_runs_twice_ends_once(setup: Bench) -> None:
    setup.begin()
    for name in SLICES[:-1] * 2:
        setup.slices().run(ReindexSlice(reindex_id="r", number=1, slice=name), name)
    assert setup.reindexes.is_running("r")
    setup.slices().run(ReindexSlice(reindex_id="r", number=1, slice=SLICES[-1]), "x")
    assert not setup.reindexes.is_running("r")


@pytest.mark.parametrize("left", ["", "later job"])
def test_a_row_that_was_written_too_late_is_left_out(setup: Bench, left: str) -> None:
    ids = [image_id(data) for data in IMAGES]
    setup.shared.take_over(ids[0], left)
    setup.begin()
    assert setup.run_pass().embedded == len(IMAGES) - 1
    assert ids[0] not in rows(setup.store)
    claims = MemoryClaims(LEASE_S, 3, setup.shared.claims)
    assert claims.left("default", ids) == {ids[0]: Left(left)}


def test_a_cancelled_reindex_embeds_nothing_more(setup: Bench) -> None:
    reindex = setup.begin()
    setup.reindexes.end(reindex, "cancelled", 1.0)
    setup.run_pass()
    assert setup.encoder.embedded == 0


def test_uploads_come_first(setup: Bench) -> None:
    setup.begin()
    answers = iter([True, True, False])
    setup.uploads_wait = lambda: next(answers, False)
    assert setup.run_pass().state == "complete"
    assert next(answers, None) is None


def test_a_worker_that_shuts_down_gives_its_slice_back(setup: Bench) -> None:
    setup.begin()
    setup.is_closing = True
    with pytest.raises(Interrupted):
        setup.run_pass()
    assert setup.encoder.embedded == 0


def test_an_unusable_picture_is_noted_and_the_rest_goes_on(setup: Bench) -> None:
    broken = image_id(IMAGES[3])
    path = setup.shared.blobs
    path.withdraw("default", broken)
    writer = path.writer("default")
    writer.write(b"no picture")
    writer.commit(broken)
    setup.begin()
    found = setup.run_pass()
    assert found.state == "running"
    assert (found.present, found.failed, found.number) == (11, 1, 2)
    assert [task for _, task, _, _ in setup.sent] == [REINDEX_SLICE] * len(SLICES)
    found = setup.run_pass(2)
    assert found.state == "incomplete"
    assert found.detail is not None
    assert found.detail.startswith("1 images are missing: 1 could not be embedded")


def test_an_image_that_decoder_processes_die_of_is_noted(setup: Bench) -> None:
    deadly = image_id(IMAGES[3])
    setup.decoder.deadly.add(deadly)
    setup.begin()
    for deaths in (1, 2, 3):
        with pytest.raises(DecoderDied):
            setup.run_pass()
        assert setup.decoder.deaths == {deadly: deaths}
    found = setup.run_pass()
    assert (found.present, found.failed) == (11, 1)
    assert setup.decoder.deaths == {deadly: 3}
    assert setup.shared.claims.claims[("default", deadly)].attempts == 3


def test_an_outage_leaves_no_claim_behind(setup: Bench) -> None:
    setup.begin()
    setup.store._collection.away = True
    with pytest.raises(StoreUnavailable):
        setup.run_pass()
    setup.store._collection.away = False
    assert setup.run_pass().state == "complete"


def test_a_row_that_an_interrupted_deletion_left_is_deleted(setup: Bench) -> None:
    setup.begin()
    setup.run_pass()
    setup.source.delete("default", [image_id(IMAGES[0])])
    setup.pages.run(Page("default", [image_id(IMAGES[0])], "x"), setup.source, lambda *_: None)
    assert setup.store.count() == len(IMAGES) - 1


def test_a_deletion_reaches_every_collection(setup: Bench) -> None:
    setup.begin()
    setup.run_pass()
    setup.shared.collections = setup.collections
    setup.shared.deletion().run(CatalogRequest(ids=[image_id(IMAGES[0])]))
    assert (setup.source.count(), setup.store.count()) == (11, 11)


def test_lost_tasks_of_a_reindex_and_a_switch_are_sent_again(setup: Bench) -> None:
    setup.begin()
    setup.begin_switch()
    queued = [{"slice": name} for name in SLICES[1:]]
    recovery = ReindexRecovery(
        setup.reindexes, setup.models, lambda _: queued, lambda *sent: setup.sent.append(sent)
    )
    recovery.recover()
    assert [(queue, task) for queue, task, _, _ in setup.sent] == [
        ("reindex@new", "reindex.slice"),
        ("reindex@new", "models.switch"),
    ]
    queued += [{"slice": SLICES[0]}, {"allow_missing": False}]
    recovery.recover()
    assert len(setup.sent) == 2


def test_a_switch_embeds_the_last_images_and_switches(setup: Bench) -> None:
    setup.switch().run(setup.begin_switch(), "x")
    assert setup.models.roles().active == NEW
    assert rows(setup.store) == rows(setup.source)


def test_a_switch_waits_until_the_old_models_uploads_have_ended(setup: Bench) -> None:
    request = setup.begin_switch()
    seen: list[str | None] = []

    def waits() -> bool:
        seen.append(setup.models.roles().following)
        return len(seen) < 3

    setup.uploads_wait = waits
    setup.switch().run(request, "x")
    assert seen == [NEW] * 3
    assert setup.models.roles().active == NEW


def test_a_switch_without_every_image_is_refused(setup: Bench) -> None:
    setup.shared.blobs.withdraw("default", image_id(IMAGES[5]))
    setup.switch().run(setup.begin_switch(), "x")
    switch = setup.models.switch()
    assert switch is not None
    assert (switch.state, setup.models.roles().active) == ("refused", OLD)
    assert setup.models.roles().following is None
    assert switch.detail is not None
    assert switch.detail.startswith("new lacks 1 images. Run `glimpse reindex --model new`")


def test_a_switch_beside_a_deletion_is_not_refused(setup: Bench) -> None:
    setup.begin()
    setup.run_pass()
    claims = MemoryClaims(LEASE_S, 3, setup.shared.claims)
    deleted = image_id(IMAGES[5])

    def begin_deletion() -> bool:
        claims.take("a deletion", "default", [deleted])
        setup.store.delete("default", [deleted])
        return False

    def end_deletion() -> None:
        setup.source.delete("default", [deleted])
        claims.settle("a deletion", "default", {deleted: ""})

    setup.uploads_wait, setup.during_pause = begin_deletion, end_deletion
    setup.switch().run(setup.begin_switch(), "x")
    assert setup.models.roles().active == NEW
    assert rows(setup.store) == rows(setup.source)
    assert deleted not in rows(setup.store)


def test_a_switch_that_may_leave_images_out_embeds_nothing(setup: Bench) -> None:
    setup.switch().run(setup.begin_switch(allow_missing=True), "x")
    assert setup.models.roles().active == NEW
    assert setup.encoder.embedded == 0


def test_a_switch_that_was_called_off_changes_nothing(setup: Bench) -> None:
    request = setup.begin_switch()
    setup.models.refuse(NEW, "Called off.", 1.0)
    setup.switch().run(request, "x")
    assert setup.models.roles().active == OLD
    assert setup.encoder.embedded == 0


class Sent:
    """Receives what a worker forwards."""

    def __init__(self) -> None:
        self.queues: list[str] = []

    def send_to(self, name: str, *_: object) -> None:
        self.queues.append(name)


CHUNK = IngestChunk(
    job_id="job", items=[ChunkItem(index=0, id=image_id(picture("red")), filename="red.png")]
)


def ingested(models: MemoryModels, sent: Sent, model: str) -> list[Message]:
    """Run a chunk in a worker of a model; return the chunks that it ran itself."""
    ran: list[Message] = []

    def run(chunk: IngestChunk, owner: str) -> Message:
        ran.append(chunk)
        return Done()

    routing_of(models, model, sent).ingests("ingest.chunk", lambda _: "id", run)(CHUNK, "owner")
    return ran


def routing_of(models: MemoryModels, model: str, sent: Sent) -> Routing:
    return Routing(models, model, sent, MemoryJobs())  # type: ignore[arg-type]


def test_a_task_of_another_model_is_forwarded() -> None:
    models, sent = MemoryModels(OLD), Sent()
    assert ingested(models, sent, OLD) == [CHUNK]
    assert ingested(models, sent, NEW) == []
    assert sent.queues == [queue_for(INGEST_QUEUE, OLD, CHUNK)]
    routing = routing_of(models, NEW, sent)
    assert partial(routing.forwards, "search.run", "id", CHUNK)(1.0)
    assert sent.queues[1:] == ["search@hashing"]
    # Also if an API of an older version sent it to the search queue.
    assert routing.forwards("catalog.get", "id", CHUNK, 1.0)
    assert sent.queues[2:] == ["catalog@hashing"]
    assert not routing_of(models, OLD, sent).forwards("search.run", "id", CHUNK, 1.0)


def test_only_a_task_just_sent_to_the_model_needs_no_comparison() -> None:
    now = 1000.0
    queued = {"sent_at": now - 0.5, "delivery_info": {"routing_key": f"search@{OLD}"}}
    assert is_just_sent(queued, OLD, now)
    assert not is_just_sent(queued, OLD, now + 60)
    assert not is_just_sent(queued, NEW, now)
    # Sent before any worker had started, and by a sender that does not say when.
    assert not is_just_sent({**queued, "delivery_info": {"routing_key": "search"}}, OLD, now)
    assert not is_just_sent({**queued, "sent_at": None}, OLD, now)


def test_uploads_wait_while_the_service_switches_to_their_model() -> None:
    models, sent = MemoryModels(OLD), Sent()
    models.begin_switch(Switch(model=NEW, state="running", at=0.0))
    models.hold_uploads(NEW)
    assert ingested(models, sent, OLD) == []
    assert sent.queues == [queue_for(INGEST_QUEUE, NEW, CHUNK)]
    with pytest.raises(SwitchInProgress):
        ingested(models, sent, NEW)
    models.activate(NEW, 1.0)
    assert ingested(models, sent, NEW) == [CHUNK]


def test_before_any_worker_has_started_every_worker_runs_tasks() -> None:
    assert ingested(MemoryModels(), Sent(), NEW) == [CHUNK]
