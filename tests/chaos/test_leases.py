"""Leases: work of dead workers is redelivered, work of live workers is not."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from api.services import connect_services
from api.uploads.job import begin_job
from common.images.received import ReceivedPicture
from common.jobs.redis import RedisJobs
from common.redis.client import connect
from common.settings import load_settings
from tests.chaos.conftest import begun, side_by_side
from tests.support.ingest_queues import waiting_uploads
from tests.support.pictures import image_id, jpeg
from tests.support.polling import finished_job, wait_for
from tests.support.services import SlowWorker, Stack

# Lease in seconds, short enough that a test outlasts several.
LEASE_S = 2

SETTINGS = {
    "GLIMPSE_MODEL": "hashing",
    "GLIMPSE_LEASE_S": str(LEASE_S),
    "GLIMPSE_LEASE_SWEEP_S": "0.5",
    "GLIMPSE_RETRY_S": "0.5",
    "GLIMPSE_RETRY_S_MAX": "2",
    "GLIMPSE_CHUNK_IMAGES": "1",
    "GLIMPSE_BATCH_MAX": "1",
    "GLIMPSE_WORKER_THREADS": "1",
}

Slow = Callable[..., SlowWorker]


@pytest.fixture(scope="module")
def glimpse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A whole Glimpse without an ingest worker; the tests start their own workers."""
    with begun(tmp_path_factory.mktemp("glimpse_with_leases"), SETTINGS) as stack:
        yield stack


@pytest.fixture
def slow(stack: Stack, tmp_path: Path) -> Iterator[Slow]:
    workers: list[SlowWorker] = []

    def start(sleep_s: float, **settings: str) -> SlowWorker:
        folder = tmp_path / f"slow{len(workers)}"
        variables = {**stack.settings, **settings}
        worker = SlowWorker(folder, variables, sleep_s, tmp_path / "embeddings")
        workers.append(worker)
        worker.start()
        return worker

    yield start
    side_by_side(SlowWorker.stop, workers)


def upload(client: httpx.Client, count: int = 1) -> str:
    """Upload pictures that have never been uploaded; return the job's location."""
    files = [("file", (f"{n}.jpg", jpeg(n) + uuid.uuid4().bytes)) for n in range(count)]
    return client.post("/v1/images", files=files).raise_for_status().headers["Location"]


def begins(worker: SlowWorker, count: int = 1) -> None:
    wait_for(lambda: len(worker.begun()) >= count, 60, "the model to begin")


def renewals_missed(worker: SlowWorker) -> int:
    return worker.log.read_text().count("lease.not_renewed")


def tries(worker: SlowWorker) -> int:
    return worker.log.read_text().count("ingest.retry")


def queued(stack: Stack) -> int:
    with connect(stack.redis.url) as client:
        return waiting_uploads(client)


def test_what_a_killed_worker_held_is_done_by_another(stack: Stack, slow: Slow) -> None:
    doomed = slow(600)
    job = upload(stack.client, 3)
    begins(doomed)
    doomed.kill()
    slow(0)
    done = finished_job(stack.client, job)
    assert (done["state"], done["indexed"]) == ("succeeded", 3)


def test_a_busy_worker_takes_over_what_a_killed_one_held(stack: Stack, slow: Slow) -> None:
    doomed = slow(600)
    job = upload(stack.client)
    begins(doomed)
    busy = slow(1)
    other = upload(stack.client, 12)
    begins(busy)
    doomed.kill()
    assert finished_job(stack.client, job)["indexed"] == 1
    assert finished_job(stack.client, other)["indexed"] == 12


def test_living_work_of_many_leases_is_begun_once(stack: Stack, slow: Slow) -> None:
    worker = slow(8 * LEASE_S)
    job = upload(stack.client)
    begins(worker)
    slow(0)
    assert finished_job(stack.client, job)["state"] == "succeeded"
    assert len(worker.all_begun()) == 1


def test_living_work_survives_lost_connections(stack: Stack, slow: Slow) -> None:
    # With an idle thread, the worker keeps polling and so notices the lost connection.
    worker = slow(8 * LEASE_S, GLIMPSE_WORKER_THREADS="2")
    job = upload(stack.client)
    begins(worker)
    slow(0)
    with connect(stack.redis.url) as client:
        # Kill all other connections. Redis itself stays up, so kombu could return its messages.
        client.client_kill_filter(_type="normal", skipme=True)
    assert finished_job(stack.client, job)["state"] == "succeeded"
    assert len(worker.all_begun()) == 1


def test_living_work_survives_a_new_start_of_redis(stack: Stack, slow: Slow) -> None:
    worker = slow(8 * LEASE_S)
    job = upload(stack.client)
    begins(worker)
    slow(0)
    stack.redis.kill()
    stack.redis.start()
    assert finished_job(stack.client, job)["state"] == "succeeded"
    assert len(worker.all_begun()) == 1


def test_living_work_is_kept_while_redis_is_away_for_many_leases(stack: Stack, slow: Slow) -> None:
    worker = slow(12 * LEASE_S)
    job = upload(stack.client)
    begins(worker)
    slow(0)
    stack.redis.kill()
    # Renewals are retried every second at most, so this many take longer than a lease.
    wait_for(lambda: renewals_missed(worker) > 2 * LEASE_S, 60, "lost leases")
    stack.redis.start()
    assert finished_job(stack.client, job)["state"] == "succeeded"
    assert len(worker.all_begun()) == 1


def test_what_waits_for_milvus_for_many_leases_is_not_doubled(stack: Stack, slow: Slow) -> None:
    patient = {"GLIMPSE_RETRY_S_MAX": "600"}
    workers = [slow(0, **patient), slow(0, **patient)]
    stack.milvus.kill()
    job = upload(stack.client)
    wait_for(lambda: sum(map(tries, workers)) > 4, 60, "tries over several leases")
    # The other worker is idle, so it would have tried any message that was released.
    assert sorted(map(tries, workers))[0] == 0
    stack.milvus.start()
    assert finished_job(stack.client, job)["indexed"] == 1
    assert len(workers[0].all_begun()) == 1


def test_a_worker_told_to_end_finishes_what_is_in_hand(stack: Stack, slow: Slow) -> None:
    worker = slow(2)
    job = upload(stack.client, 2)
    begins(worker)
    worker.stop()
    assert stack.client.get(job).json()["indexed"] == 1
    assert len(worker.all_begun()) == 1
    assert queued(stack) == 1


def test_a_worker_that_cannot_finish_in_time_gives_its_work_back(stack: Stack, slow: Slow) -> None:
    # The lease outlasts the test, so nothing is redelivered by expiry.
    patient = {"GLIMPSE_LEASE_S": "3600"}
    worker = slow(600, GLIMPSE_GRACE_S="1", **patient)
    job = upload(stack.client, 2)
    begins(worker)
    worker.stop()
    assert queued(stack) == 2
    slow(0, **patient)
    assert finished_job(stack.client, job)["indexed"] == 2


def test_what_waits_for_a_part_goes_back_when_its_worker_ends(stack: Stack, slow: Slow) -> None:
    patient = {"GLIMPSE_LEASE_S": "3600", "GLIMPSE_RETRY_S": "600", "GLIMPSE_RETRY_S_MAX": "600"}
    worker = slow(0, **patient)
    stack.milvus.kill()
    job = upload(stack.client)
    wait_for(lambda: "ingest.retry" in worker.log.read_text(), 60, "a try in vain")
    stack.milvus.start()
    worker.stop()
    assert queued(stack) == 1
    slow(0, **patient)
    assert finished_job(stack.client, job)["indexed"] == 1


def upload_of(stack: Stack, tenant: str, count: int) -> str:
    """Upload pictures as the API does for a tenant's key; return the job's id."""
    services = connect_services(load_settings(stack.settings))
    pictures = []
    for number in range(count):
        data = jpeg(number) + uuid.uuid4().bytes
        writer = services.blobs.writer(tenant)
        writer.write(data)
        writer.commit(image_id(data))
        pictures.append(ReceivedPicture(image_id(data), f"{number}.jpg", error=None))
    waiting = services.jobs.pending_of(tenant)
    return begin_job(services, tenant, uuid.uuid4().hex, pictures, [], {}, waiting).id


def test_many_tenants_take_turns_and_lose_nothing_with_their_worker(
    stack: Stack, slow: Slow
) -> None:
    # Tenants have queues once a worker has said for which model.
    slow(0).stop()
    # The first tenants' backlogs are older, and two of the others share their turns.
    backlogs = [upload_of(stack, f"long-{n}", 25) for n in range(3)]
    singles = [upload_of(stack, f"single-{n}", 1) for n in range(12)]
    doomed = slow(0.1)
    begins(doomed, 4)
    doomed.kill()
    with connect(stack.redis.url) as client:
        # What the killed worker held is queued again only after its leases; a message that it had
        # taken and not noted yet, when the upkeep misses it.
        free = len(singles) - client.hlen("unacked") - 1
        worker = slow(0.1)
        jobs = RedisJobs(client, ttl_s=600)

        def ended(wanted: list[str]) -> int:
            return sum(jobs.get(job).state == "succeeded" for job in wanted)

        wait_for(lambda: ended(singles) == len(singles), 60, "all of them")
        wait_for(lambda: ended(backlogs) == len(backlogs), 60, "all")
        # Every other turn was a single picture's, so no backlog was done before them.
        ends = {job: jobs.get(job).finished_at or 0.0 for job in [*backlogs, *singles]}
        freed = sorted(ends[job] for job in singles)[free - 1]
        assert freed < min(ends[job] for job in backlogs)
        assert sum(jobs.get(job).indexed for job in [*backlogs, *singles]) == 87
    # Only what the killed worker held was begun twice.
    assert len(worker.all_begun()) <= 87 + 1
