"""Contract tests for load gauges: Valkey, and memory."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from api.load.base import RATE_UNKNOWN_PER_S, LoadGauge
from api.load.memory import MemoryLoad
from api.load.redis import RedisLoad
from common.errors import BrokerUnavailable
from common.heartbeats import Heartbeats, MemoryHeartbeats, RedisHeartbeats
from common.jobs.base import Job, JobRecords
from common.jobs.memory import MemoryJobs
from common.jobs.redis import RedisJobs
from common.quotas.base import Quotas
from common.quotas.memory import MemoryQuotas
from common.quotas.redis import RedisQuotas
from common.redis.client import connect
from tests.support.inline import heartbeat
from tests.support.job_records import new_job, outcome
from tests.support.services import Valkey, free_port


@dataclass(frozen=True)
class Bench:
    """A load gauge, and the records it reads."""

    gauge: LoadGauge
    jobs: JobRecords
    heartbeats: Heartbeats
    quotas: Quotas


@pytest.fixture(params=["memory", "valkey"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "memory":
        jobs, heartbeats, quotas = MemoryJobs(), MemoryHeartbeats(), MemoryQuotas()
        yield Bench(MemoryLoad(jobs, heartbeats, quotas), jobs, heartbeats, quotas)
        return
    valkey: Valkey = request.getfixturevalue("valkey")
    with connect(valkey.url) as client:
        client.delete("glimpse:workers", "glimpse:ingest:rate", "glimpse:jobs:pending")
        jobs, heartbeats = RedisJobs(client, ttl_s=600), RedisHeartbeats(client)
        yield Bench(RedisLoad(client), jobs, heartbeats, RedisQuotas(client))


def test_nothing_waits_at_first(bench: Bench) -> None:
    load = bench.gauge.read()
    assert (load.pending, load.wait_s) == (0, 0)
    assert load.rate_per_s == RATE_UNKNOWN_PER_S


def test_the_wait_is_what_is_pending_by_the_rate(bench: Bench) -> None:
    bench.heartbeats.beat(heartbeat("ingest", rate_per_s=2.0))
    job = new_job(bench.jobs, 10)
    assert bench.gauge.read().wait_s == 5
    bench.jobs.record(job.id, [outcome(0), outcome(1, "failed", "empty")])
    assert bench.gauge.read().wait_s == 4


def test_workers_add_up(bench: Bench) -> None:
    bench.heartbeats.beat(heartbeat("ingest", rate_per_s=2.0))
    bench.heartbeats.beat(heartbeat("ingest", name="ingest@test.2"))
    bench.heartbeats.beat(heartbeat("search"))
    assert bench.gauge.read().rate_per_s == 4


def test_without_workers_the_last_known_rate_counts(bench: Bench) -> None:
    bench.heartbeats.beat(heartbeat("ingest", rate_per_s=40.0))
    bench.heartbeats.stop("ingest@test.1")
    assert bench.gauge.read().rate_per_s == 40


def test_where_no_living_worker_knows_its_rate_the_last_known_counts(bench: Bench) -> None:
    bench.heartbeats.beat(heartbeat("ingest", rate_per_s=40.0))
    bench.heartbeats.beat(heartbeat("ingest"))
    assert bench.gauge.read().rate_per_s == 40


def test_a_tenants_own_load_is_told(bench: Bench) -> None:
    tenant = uuid.uuid4().hex
    assert (bench.gauge.read(tenant).tenant_pending, bench.gauge.read(tenant).quota) == (0, None)
    job = Job(uuid.uuid4().hex, tenant, 1, created_at=1.0)
    bench.jobs.create(job, [("0" * 64, "a.jpg")])
    bench.jobs.accept(job.id)
    bench.quotas.put(tenant, 2)
    bench.quotas.grant(tenant, ["a"])
    load = bench.gauge.read(tenant)
    assert (load.tenant_pending, load.quota) == (1, bench.quotas.find(tenant))
    assert load.quota is not None
    assert (load.quota.images_max, load.quota.used) == (2, 1)
    bench.quotas.put(tenant, None)
    assert bench.gauge.read(tenant).quota is None


def test_memory_is_told(valkey: Valkey) -> None:
    with connect(valkey.url) as client:
        assert RedisLoad(client).read().memory_share == 0
        client.config_set("maxmemory", 100_000_000)
        try:
            load = RedisLoad(client).read()
        finally:
            client.config_set("maxmemory", 0)
    assert load.memory_bytes_max == 100_000_000
    assert load.memory_share == load.memory_bytes / 100_000_000 > 0


def test_a_redis_with_little_room_is_looked_at_each_time(valkey: Valkey) -> None:
    with connect(valkey.url) as client:
        gauge = RedisLoad(client)
        try:
            for maxmemory in (1_000_000, 1_100_000):
                client.config_set("maxmemory", maxmemory)
                assert gauge.read().memory_bytes_max == maxmemory
        finally:
            client.config_set("maxmemory", 0)


def test_a_redis_that_is_away_is_told() -> None:
    with pytest.raises(BrokerUnavailable, match="does not answer"):
        RedisLoad(connect(f"redis://127.0.0.1:{free_port()}")).read()
