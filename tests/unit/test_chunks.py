"""A chunk's delivery: acknowledged with outcomes, or given back; never dropped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from celery.exceptions import Reject

from common.blobs.memory import MemoryBlobs
from common.contract import ChunkItem, IngestChunk, dump
from common.errors import BrokerUnavailable, StoreUnavailable
from common.jobs.base import Job
from common.jobs.memory import MemoryJobs
from common.redis_client import connect
from common.settings import load_settings
from tests.pictures import image_id, picture
from worker.chunks import Chunks
from worker.encoders.hashing import HashingEncoder
from worker.ingest import Ingest
from worker.leases import Leases
from worker.pipeline import IngestPipeline
from worker.stores.memory import MemoryStore

TAG = "tag"


class TroubledStore(MemoryStore):
    """Raises what a test puts into ``troubles``, one for each question."""

    def __init__(self) -> None:
        super().__init__()
        self.troubles: list[Exception] = []

    def known(self, *args: Any) -> dict[str, str]:
        if self.troubles:
            raise self.troubles.pop()
        return super().known(*args)


@dataclass
class Bench:
    """A delivery of one picture, and the fakes behind it."""

    chunks: Chunks
    leases: Leases
    store: TroubledStore
    jobs: MemoryJobs
    payload: dict[str, Any]
    # For each message put back, whether it went behind the others.
    back: list[bool] = field(default_factory=list)

    def run(self) -> dict[str, Any]:
        return self.chunks.run(TAG, self.payload)


@pytest.fixture
def bench() -> Iterator[Bench]:
    encoder, store, blobs, jobs = HashingEncoder(), TroubledStore(), MemoryBlobs(), MemoryJobs()
    pipeline = IngestPipeline(encoder, store, batch_max=4, wait_ms=0)
    ingest = Ingest(
        encoder=encoder, store=store, pipeline=pipeline, blobs=blobs, jobs=jobs, pixels_max=10_000
    )
    leases = Leases(connect("redis://127.0.0.1:1"), lease_s=60)
    settings = load_settings({"GLIMPSE_RETRY_S": "0.001", "GLIMPSE_RETRY_S_MAX": "0.004"})
    item = ChunkItem(index=0, id=image_id(picture()), filename="a.png")
    writer = blobs.writer("default")
    writer.write(picture())
    writer.commit(item.id)
    jobs.create(Job("job", "default", 1, created_at=0.0), [(item.id, item.filename)])
    payload = dump(IngestChunk(job_id="job", items=[item]))
    found = Bench(Chunks(ingest, leases, settings), leases, store, jobs, payload)
    leases.hold(TAG, found.back.append)
    yield found
    pipeline.close()


def test_a_part_that_comes_back_is_waited_for_in_place(bench: Bench) -> None:
    bench.store.troubles = [StoreUnavailable("away")] * 2
    assert bench.run()["outcomes"][0]["state"] == "indexed"
    assert bench.back == []


def test_a_part_that_stays_away_sends_the_chunk_behind_the_others(bench: Bench) -> None:
    bench.store.troubles = [StoreUnavailable("away")] * 100
    with pytest.raises(Reject):
        bench.run()
    assert bench.back == [True]


def test_redis_is_waited_for_in_place_however_long(bench: Bench) -> None:
    bench.store.troubles = [BrokerUnavailable("away")] * 20
    assert bench.run()["outcomes"][0]["state"] == "indexed"


def test_a_fault_that_passes_costs_nothing(bench: Bench) -> None:
    bench.store.troubles = [RuntimeError("odd")] * 2
    assert bench.run()["outcomes"][0]["state"] == "indexed"


def test_a_fault_that_stays_fails_the_images_and_ends_the_job(bench: Bench) -> None:
    bench.store.troubles = [RuntimeError("odd")] * 100
    outcome = bench.run()["outcomes"][0]
    assert (outcome["state"], outcome["code"]) == ("failed", "encoder_error")
    assert bench.jobs.get("job").state == "failed"


def test_what_is_indexed_is_not_given_up(bench: Bench) -> None:
    bench.run()
    bench.leases.hold(TAG, bench.back.append)
    bench.store.troubles = [RuntimeError("odd")] * 3
    assert bench.run()["outcomes"][0]["state"] == "indexed"


def test_a_payload_of_another_version_is_left_to_others(bench: Bench) -> None:
    bench.payload["version"] = 2
    with pytest.raises(Reject):
        bench.run()
    assert bench.back == [True]


def test_a_worker_that_ends_waits_no_longer(bench: Bench) -> None:
    class LastWords(StoreUnavailable):
        def __str__(self) -> str:
            # The worker is told to end while this chunk has a try behind it.
            bench.leases.closing.set()
            return "away"

    bench.store.troubles = [LastWords()]
    with pytest.raises(Reject):
        bench.run()
    assert bench.back == [False]


def test_a_message_that_was_given_back_is_not_run(bench: Bench) -> None:
    bench.leases.give_back(TAG)
    with pytest.raises(Reject):
        bench.run()
    assert bench.jobs.get("job").started_at is None
