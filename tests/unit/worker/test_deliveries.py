"""Delivery of a chunk: acknowledged with its outcomes or put back, but never dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from celery.exceptions import Reject

from common.contract import IngestChunk, dump
from common.errors import BrokerUnavailable, ImagesBusy, StoreUnavailable
from common.jobs.base import Job
from common.jobs.memory import MemoryJobs
from common.settings import load_settings
from tests.support.ingest_bench import Shared, worker
from tests.support.pictures import picture
from worker.delivery.leases import Leases
from worker.delivery.messages import Delivered, MemoryMessages
from worker.ingest.chunks import ChunkIngest
from worker.ingest.deliveries import Deliveries, Interrupted, Work, doubled
from worker.stores.base import Named
from worker.stores.memory import MemoryStore

TAG = "tag"
MESSAGE = Delivered(TAG, "ingest", {})


class TroubledStore(MemoryStore):
    """Raises the errors in ``troubles``, one per query."""

    def __init__(self) -> None:
        super().__init__()
        self.troubles: list[Exception] = []

    def named(self, *args: Any) -> Mapping[str, Named]:
        if self.troubles:
            raise self.troubles.pop()
        return super().named(*args)


@dataclass
class Bench:
    """A delivery of one picture, and the fakes that it uses."""

    ingest: ChunkIngest
    deliveries: Deliveries
    leases: Leases
    store: TroubledStore
    jobs: MemoryJobs
    payload: dict[str, Any]
    messages: MemoryMessages

    @property
    def back(self) -> list[bool]:
        """For each message put back, whether it went to the end of the queue."""
        return [last for _, last in self.messages.back]

    @property
    def job(self) -> Job:
        return self.jobs.get(self.payload["job_id"])

    def run(self) -> dict[str, Any]:
        work = Work(IngestChunk, self.ingest.run, self.ingest.give_up)
        return self.deliveries.run(TAG, self.payload, work)


@pytest.fixture
def bench() -> Iterator[Bench]:
    store = TroubledStore()
    shared = Shared(store=store)
    messages = MemoryMessages()
    leases = Leases(messages, lease_s=60)
    settings = load_settings({"GLIMPSE_RETRY_S": "0.001", "GLIMPSE_RETRY_S_MAX": "0.004"})
    chunk = shared.put(picture())
    with worker(shared) as ingest:
        deliveries = Deliveries(leases, settings)
        found = Bench(ingest.ingest, deliveries, leases, store, shared.jobs, dump(chunk), messages)
        leases.hold(MESSAGE)
        yield found


def test_a_part_that_comes_back_is_waited_for_in_place(bench: Bench) -> None:
    bench.store.troubles = [StoreUnavailable("away")] * 2
    assert bench.run() == {"counts": {"indexed": 1}}
    assert bench.back == []


def test_a_part_that_stays_away_sends_the_chunk_behind_the_others(bench: Bench) -> None:
    bench.store.troubles = [StoreUnavailable("away")] * 100
    with pytest.raises(Reject):
        bench.run()
    assert bench.back == [True]


def test_redis_is_waited_for_in_place_however_long(bench: Bench) -> None:
    bench.store.troubles = [BrokerUnavailable("away")] * 20
    assert bench.run() == {"counts": {"indexed": 1}}


def test_a_fault_that_passes_costs_nothing(bench: Bench) -> None:
    bench.store.troubles = [RuntimeError("odd")] * 2
    assert bench.run() == {"counts": {"indexed": 1}}


def test_a_fault_that_stays_fails_the_images_and_ends_the_job(bench: Bench) -> None:
    bench.store.troubles = [RuntimeError("odd")] * 100
    assert bench.run() == {"counts": {"failed": 1}}
    (item,), _ = bench.jobs.items(bench.job.id, None, 1)
    assert (item.state, item.code) == ("failed", "encoder_error")
    assert bench.job.state == "failed"


def test_what_is_indexed_is_not_given_up(bench: Bench) -> None:
    bench.run()
    bench.leases.hold(MESSAGE)
    bench.store.troubles = [RuntimeError("odd")] * 3
    assert bench.run() == {"counts": {"indexed": 1}}


def test_a_payload_of_another_version_is_left_to_others(bench: Bench) -> None:
    bench.payload["version"] = 4
    with pytest.raises(Reject):
        bench.run()
    assert bench.back == [True]


def test_a_worker_that_ends_waits_no_longer(bench: Bench) -> None:
    class LastWords(StoreUnavailable):
        def __str__(self) -> str:
            # The worker shuts down after this chunk's first try.
            bench.leases.closing.set()
            return "away"

    bench.store.troubles = [LastWords()]
    with pytest.raises(Reject):
        bench.run()
    assert bench.back == [False]


def test_a_message_that_was_given_back_is_not_run(bench: Bench) -> None:
    bench.leases.give_back_all()
    with pytest.raises(Reject):
        bench.run()
    assert bench.job.started_at is None


def test_images_in_other_hands_are_waited_for_and_cost_nothing(bench: Bench) -> None:
    bench.store.troubles = [ImagesBusy("others have them")] * 3
    assert bench.run() == {"counts": {"indexed": 1}}
    assert bench.back == []


def test_what_is_interrupted_goes_back_when_the_worker_ends(bench: Bench) -> None:
    bench.store.troubles = [Interrupted("the worker ends")]
    bench.leases.closing.clear()
    assert bench.run() == {"counts": {"indexed": 1}}


def test_waits_double_up_to_their_limit() -> None:
    assert [doubled(2, tries, 30) for tries in (0, 1, 2, 3, 4, 1000)] == [2, 4, 8, 16, 30, 30]
