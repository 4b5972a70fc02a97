"""Fixtures of the chaos tests: one Glimpse whose parts they attack, and extra workers."""

from __future__ import annotations

import logging
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from common.contract import SEARCH_QUEUE
from common.redis.client import connect
from tests.conftest import require
from tests.support.chaos.books import AUDIT, KINDS, Books
from tests.support.chaos.ledger import Ledger
from tests.support.services import (
    Fleet,
    MilvusLite,
    MilvusServer,
    SlowWorker,
    Stack,
    Valkey,
    Worker,
    Zombies,
)

log = logging.getLogger(__name__)

# Report compared values in its assertions, as in a test file.
pytest.register_assert_rewrite("tests.support.chaos.freezes")

# Variable that sets the random seed, to repeat a failed test; the test's log contains the seed.
_SEED = "CHAOS_SEED"

# Short leases, so that the work of dead workers is soon redelivered, and small chunks and
# batches, so that a job has many of them.
SETTINGS = {
    "GLIMPSE_MODEL": "hashing",
    "GLIMPSE_LEASE_S": "2",
    "GLIMPSE_LEASE_SWEEP_S": "0.5",
    "GLIMPSE_RETRY_S": "0.2",
    "GLIMPSE_RETRY_S_MAX": "1",
    "GLIMPSE_CHUNK_IMAGES": "8",
    "GLIMPSE_BATCH_MAX": "8",
    "GLIMPSE_WORKER_THREADS": "2",
}

# A lease that a live worker keeps even if it gets no CPU time for seconds: for tests in which no
# worker dies and each picture must be embedded once.
PATIENT = {"GLIMPSE_LEASE_S": "60"}

MakeWorkers = Callable[..., list[SlowWorker]]
StartFleet = Callable[..., Fleet]
MakeZombies = Callable[[str, Sequence[str]], Zombies]


@pytest.fixture(scope="package")
def glimpse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A whole Glimpse without an ingest worker."""
    with begun(tmp_path_factory.mktemp("glimpse")) as stack:
        yield stack


@contextmanager
def begun(
    folder: Path, settings: Mapping[str, str] = SETTINGS, milvus: MilvusServer | None = None
) -> Iterator[Stack]:
    """Run a Glimpse without an ingest worker, on Milvus Lite by default."""
    require(Valkey)
    if milvus is None:
        require(MilvusLite)
    with Stack(folder, settings, milvus, ingests=False) as stack:
        yield stack


@pytest.fixture
def stack(glimpse: Stack) -> Stack:
    """The shared Glimpse in a clean state: all parts running, Redis empty."""
    for part in (glimpse.redis, glimpse.milvus, glimpse.search_worker, glimpse.api):
        if not part.running:
            part.start()
    with connect(glimpse.redis.url) as redis:
        redis.flushdb()
    return glimpse


@pytest.fixture
def ledger(stack: Stack) -> Iterator[Ledger]:
    ledger = Ledger(stack)
    yield ledger
    ledger.close()


@pytest.fixture
def books(ledger: Ledger, record_property: Callable[[str, object], None]) -> Books:
    """The books of this test."""
    return Books(ledger, record_property)


@pytest.fixture
def crew(stack: Stack, tmp_path: Path) -> Iterator[MakeWorkers]:
    """Factory of ingest workers, not started, that log their embeddings to one file."""
    made: list[SlowWorker] = []

    def make(
        count: int = 1,
        picture_s: float = 0,
        settings: Mapping[str, str] | None = None,
        kind: type[SlowWorker] = SlowWorker,
    ) -> list[SlowWorker]:
        variables = {**stack.settings, **(settings or {})}
        embeddings = tmp_path / "embeddings"
        for _ in range(count):
            folder = tmp_path / f"worker{len(made)}"
            made.append(kind(folder, variables, 0, embeddings, picture_s))
        return made[-count:]

    yield make
    side_by_side(SlowWorker.stop, made)


@pytest.fixture
def workers(crew: MakeWorkers) -> MakeWorkers:
    """Factory of ingest workers that returns them once they consume."""

    def start(*args: Any, **options: Any) -> list[SlowWorker]:
        made = crew(*args, **options)
        side_by_side(SlowWorker.start, made)
        return made

    return start


@pytest.fixture
def search_worker(stack: Stack, tmp_path: Path) -> Iterator[Worker]:
    """A second search worker."""
    with Worker(tmp_path / "search", stack.settings, SEARCH_QUEUE) as worker:
        yield worker


@pytest.fixture
def zombies(stack: Stack, tmp_path: Path) -> Iterator[MakeZombies]:
    """Factory of workers that halt at stages of their work; returns them once they consume."""
    with ExitStack() as made:

        def make(queue: str, deeds: Sequence[str]) -> Zombies:
            return made.enter_context(Zombies(tmp_path / "zombies", stack.settings, queue, deeds))

        yield make


@pytest.fixture
def fleet(crew: MakeWorkers) -> Iterator[StartFleet]:
    """Factory of workers that are restarted when they die; returns them once all consume."""
    with ExitStack() as fleets:

        def start(*args: Any, **options: Any) -> Fleet:
            fleet = fleets.enter_context(Fleet(crew(*args, **options)))
            fleet.wait_until_ready()
            return fleet

        yield start


@pytest.fixture
def dice() -> random.Random:
    """Source of randomness; the log of a failed test contains the seed."""
    seed = int(os.environ.get(_SEED, random.randrange(10**6)))
    log.warning("%s=%d", _SEED, seed)
    return random.Random(seed)


def side_by_side(call: Callable[[SlowWorker], object], workers: list[SlowWorker]) -> None:
    """Start or stop several workers in parallel."""
    with ThreadPoolExecutor() as threads:
        list(threads.map(call, workers))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the results of the audits as a table of all attacks."""
    table: dict[str, Counter[str]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            # Some reports do not concern a test call.
            if getattr(report, "when", None) == "call":
                for audit in (found for name, found in report.user_properties if name == AUDIT):
                    row = table.setdefault(audit["attack"], Counter())
                    row.update({"rounds": 1, **{key: audit[key] for key in ("images", *KINDS)}})
    if table:
        columns = ("rounds", "images", *KINDS)
        terminalreporter.section("audits")
        terminalreporter.line(f"| attack | {' | '.join(columns)} |")
        terminalreporter.line("|---|" + "--:|" * len(columns))
        for attack, row in table.items():
            terminalreporter.line(f"| {attack} | {' | '.join(str(row[c]) for c in columns)} |")
