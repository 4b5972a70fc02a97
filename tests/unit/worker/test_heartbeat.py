"""The sender of heartbeats: beats while the worker lives, and probes while it is idle."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from common.errors import BrokerUnavailable, StoreUnavailable
from common.heartbeats import Heartbeat, MemoryHeartbeats
from common.models.memory import MemoryModels
from common.redis.time import MachineClock
from worker.delivery.leases import Leases
from worker.delivery.messages import MemoryMessages
from worker.encoders.hashing import HashingEncoder
from worker.ingest.throughput import Throughput
from worker.liveness import Liveness, trouble
from worker.runtime.base import Runtime
from worker.runtime.heartbeat import HeartbeatSender
from worker.stores.memory import MemoryStore


class Heard(MemoryHeartbeats):
    """Heartbeats that a test can wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.beats = threading.Semaphore(0)
        self.first_from: threading.Thread | None = None
        self.all: list[Heartbeat] = []
        self.is_away = False

    def beat(self, heartbeat: Heartbeat) -> None:
        self.first_from = self.first_from or threading.current_thread()
        if not self.is_away:
            super().beat(heartbeat)
            self.all.append(heartbeat)
        self.beats.release()
        if self.is_away:
            raise BrokerUnavailable("Redis does not answer.")

    def next_try(self) -> None:
        """Wait for a heartbeat that was begun after this call."""
        while self.beats.acquire(blocking=False):
            pass
        # The first one may have been begun before.
        assert all(self.beats.acquire(timeout=10) for _ in range(2))

    def next(self) -> Heartbeat:
        """Return it, even if its worker now counts as dead: a busy machine may pause."""
        self.next_try()
        return self.all[-1]


class AwayStore(MemoryStore):
    """Fails pings while ``away`` is set, and ``faults`` times with an unexpected error."""

    away = False
    faults = 0

    def ping(self) -> None:
        if self.faults:
            self.faults -= 1
            raise RuntimeError("odd")
        if self.away:
            raise StoreUnavailable("Milvus does not answer.")


class Idle:
    """An idle worker, with a settable time of its last inference."""

    def __init__(self) -> None:
        self.inference_at = time.time()
        self.probes: list[Future[Any]] = []

    def probe(self) -> Future[Any]:
        self.probes.append(Future())
        return self.probes[-1]


class WrongClock(MachineClock):
    """Redis's clock, from which this machine's clock differs by ``skew`` seconds."""

    skew = 0.0

    def now(self) -> float:
        return super().now() - self.skew

    def skew_s(self) -> float:
        return self.skew


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def idle() -> Idle:
    return Idle()


@pytest.fixture
def store() -> AwayStore:
    return AwayStore()


@pytest.fixture
def throughput() -> Throughput:
    return Throughput()


@pytest.fixture
def leases() -> Leases:
    return Leases(MemoryMessages(), lease_s=60)


@pytest.fixture
def clock() -> WrongClock:
    return WrongClock()


@pytest.fixture
def alive_file(tmp_path: Path) -> Path:
    return tmp_path / "alive"


@pytest.fixture
def sender(
    alive_file: Path,
    heard: Heard,
    idle: Idle,
    store: AwayStore,
    throughput: Throughput,
    leases: Leases,
    clock: WrongClock,
) -> Iterator[HeartbeatSender]:
    runtime = Runtime(
        app=Celery(set_as_current=False),
        encoder=HashingEncoder(),
        store=store,
        probe=idle.probe,
        inference_at=lambda: idle.inference_at,
        leases=leases,
        upkeep=None,
        threads=1,
        close=lambda: None,
        throughput=throughput,
    )
    sender = HeartbeatSender(
        runtime,
        heard,
        "ingest@here.1",
        "ingest",
        interval_s=0.02,
        clock=clock,
        models=MemoryModels("hashing"),
        liveness=Liveness(alive_file),
    )
    sender.start()
    yield sender
    sender.stop()


@pytest.mark.usefixtures("sender")
def test_a_heartbeat_says_who_and_what(heard: Heard) -> None:
    beat = heard.next()
    assert (beat.name, beat.queue, beat.model) == ("ingest@here.1", "ingest", "hashing")
    assert beat.until == pytest.approx(beat.at + 0.06)
    assert beat.store_error is None


@pytest.mark.usefixtures("sender")
def test_a_worker_is_known_before_it_says_that_it_is_ready(heard: Heard) -> None:
    assert heard.first_from is threading.current_thread()


@pytest.mark.usefixtures("sender")
def test_the_rate_is_told_once_it_is_known(heard: Heard, throughput: Throughput) -> None:
    assert heard.next().rate_per_s is None
    with throughput.working():
        throughput.note(8)
    assert heard.next().rate_per_s == throughput.rate_per_s


@pytest.mark.usefixtures("sender")
def test_a_store_that_is_away_is_told(heard: Heard, store: AwayStore) -> None:
    store.away = True
    assert heard.next().store_error == "Milvus does not answer."


@pytest.mark.usefixtures("sender")
def test_when_the_consumer_looked_for_work_is_told(heard: Heard, leases: Leases) -> None:
    assert heard.next().asked_at is None
    leases.has_room(1)
    assert heard.next().asked_at == pytest.approx(leases.asked_at, abs=1)


@pytest.mark.usefixtures("sender")
def test_a_fault_does_not_end_the_pulse(heard: Heard, store: AwayStore) -> None:
    store.faults = 3
    while store.faults:
        heard.next_try()
    heard.next()


@pytest.mark.usefixtures("sender")
def test_a_busy_worker_is_not_probed(heard: Heard, idle: Idle) -> None:
    for _ in range(3):
        heard.next()
    assert idle.probes == []


@pytest.mark.usefixtures("sender")
def test_an_idle_worker_is_probed_once_until_the_probe_is_back(heard: Heard, idle: Idle) -> None:
    idle.inference_at = time.time() - 3600
    for _ in range(3):
        heard.next()
    assert len(idle.probes) == 1
    idle.probes[0].set_result(None)
    heard.next()
    assert len(idle.probes) == 2


@pytest.mark.usefixtures("sender")
def test_a_worker_is_alive_without_redis_and_milvus(
    heard: Heard, store: AwayStore, alive_file: Path
) -> None:
    heard.is_away = store.away = True
    heard.next_try()
    alive_file.unlink(missing_ok=True)
    heard.next_try()
    assert trouble(alive_file) is None


@pytest.mark.usefixtures("sender")
def test_a_worker_whose_model_hangs_is_not_alive(
    heard: Heard, idle: Idle, alive_file: Path
) -> None:
    idle.inference_at = time.time() - 3600
    heard.next()
    alive_file.unlink(missing_ok=True)
    heard.next()
    assert trouble(alive_file)


@pytest.mark.usefixtures("sender")
def test_times_are_of_redis_and_a_clock_that_is_wrong_is_told_once(
    heard: Heard, clock: WrongClock, caplog: pytest.LogCaptureFixture
) -> None:
    clock.skew = -300.0
    beat = heard.next()
    assert beat.clock_skew_s == -300
    assert beat.at == pytest.approx(time.time() + 300, abs=60)
    assert beat.inference_at == pytest.approx(time.time() + 300, abs=60)
    assert [record.getMessage() for record in caplog.records] == [
        "clock.skewed name=ingest@here.1 ahead_s=-300.0"
    ]


def test_a_worker_that_stops_is_gone_at_once(heard: Heard, sender: HeartbeatSender) -> None:
    heard.next()
    sender.stop()
    assert heard.alive() == []
