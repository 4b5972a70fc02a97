"""Restarts and upgrades, part by part, of a service that people use meanwhile."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from common.contract import INGEST_QUEUE, SEARCH_QUEUE
from tests.support import previous
from tests.support.chaos.ledger import Ledger
from tests.support.relay import Relay
from tests.support.services import Api, Service, Stack, Worker
from tests.support.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Parts:
    """An API and a worker of each kind, of one release."""

    api: Api
    search: Worker
    ingest: Worker

    @classmethod
    def of(
        cls,
        folder: Path,
        stack: Stack,
        api: type[Api] = Api,
        worker: type[Worker] = Worker,
    ) -> Parts:
        """Return parts on the services of a stack; they are not started."""
        settings = {**stack.settings, "WEB_CONCURRENCY": "1"}
        return cls(
            api(folder / "api", settings),
            worker(folder / "search", settings, SEARCH_QUEUE),
            worker(folder / "ingest", settings, INGEST_QUEUE),
        )

    @property
    def workers(self) -> list[Service]:
        return [self.search, self.ingest]

    @property
    def all(self) -> list[Service]:
        return [getattr(self, field.name) for field in fields(self)]


@pytest.fixture
def mine(stack: Stack) -> Iterator[Parts]:
    """The parts of the stack, of which the ingest worker is not running."""
    yield Parts(stack.api, stack.search_worker, stack.ingest_worker)
    stack.ingest_worker.stop()


def at_once(call: Callable[[Service], object], parts: Sequence[Service]) -> None:
    with ThreadPoolExecutor() as threads:
        list(threads.map(call, parts))


@contextmanager
def running(parts: Sequence[Service]) -> Iterator[None]:
    """Run parts for the duration of a block."""
    try:
        at_once(Service.start, parts)
        yield
    finally:
        at_once(Service.stop, parts)


@contextmanager
def served(*apis: Api) -> Iterator[tuple[Relay, Traffic]]:
    """Let callers use APIs through a proxy."""
    with (
        Relay(*map(netloc, apis)) as proxy,
        Traffic(f"http://{proxy.netloc}") as traffic,
    ):
        yield proxy, traffic


def netloc(api: Api) -> str:
    return api.url.removeprefix("http://")


def nothing_lost(traffic: Traffic, ledger: Ledger) -> None:
    """Check that every request was answered, and every picture indexed once."""
    jobs = traffic.ended()
    assert traffic.errors == []
    assert {job.state for job in jobs} == {"succeeded"}
    assert sum(job.indexed for job in jobs) == len(traffic.files)
    assert ledger.missing(traffic.files) == set()
    assert ledger.new_rows() == len(traffic.files)
    ledger.at_rest()


def test_a_restart_part_by_part_loses_no_request_and_no_image(
    stack: Stack, ledger: Ledger, mine: Parts, tmp_path: Path
) -> None:
    second = Parts.of(tmp_path, stack)
    with running([mine.ingest, *second.all]), served(mine.api, second.api) as (proxy, traffic):
        for worker in (*mine.workers, *second.workers):
            traffic.flow()
            worker.stop()
            worker.start()
        for api in (mine.api, second.api):
            traffic.flow()
            # As an operator does at a proxy before the server goes down.
            proxy.targets.remove(netloc(api))
            api.stop()
            api.start()
            proxy.targets.append(netloc(api))
        traffic.flow()
        nothing_lost(traffic, ledger)


def test_two_releases_run_side_by_side(
    stack: Stack, ledger: Ledger, mine: Parts, tmp_path: Path
) -> None:
    reason = previous.absent()
    if reason:
        pytest.skip(reason)
    code = tmp_path / "code"
    previous.export(code)
    kinds = (previous.kind_from(code, kind) for kind in (Api, Worker))
    theirs = Parts.of(tmp_path, stack, *kinds)
    assert imports_from(theirs.api) == code / "common"
    mine.search.stop()
    with running(theirs.all), served(mine.api) as (proxy, traffic):
        # This release's API, and workers of the one before.
        traffic.flow(4)
        # The other pair, in the order of an upgrade: first the workers, then the API.
        proxy.targets[:] = [netloc(theirs.api)]
        proxy.cut()
        at_once(Service.start, mine.workers)
        at_once(Service.stop, theirs.workers)
        traffic.flow(4)
        proxy.targets[:] = [netloc(mine.api)]
        theirs.api.stop()
        traffic.flow()
        nothing_lost(traffic, ledger)


def imports_from(api: Api) -> Path:
    """Return the folder from which a process with an API's variables imports ``common``."""
    ask = [sys.executable, "-c", "import common; print(common.__path__[0])"]
    found = subprocess.run(
        ask, env=api.environ(), cwd=api.folder, capture_output=True, text=True, check=True
    )
    return Path(found.stdout.strip())
