"""One run of each way to do the work; a run that fails leaves its error."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.environments import EnvironmentNotMade
from benchmarks.own_process import MeasureFailed
from benchmarks.photographs import Photographs
from benchmarks.queues.bench import Bench
from benchmarks.queues.kill import kill_glimpse, kill_tool
from benchmarks.queues.tools import Setup
from benchmarks.stack import WatchedStack
from tests.support.services import ServiceNotStarted, Worker

# Settings of Glimpse that the runs compare: by default it also makes thumbnails.
GLIMPSE = {
    "glimpse, from the upload on": {},
    "glimpse, thumbnails on request": {"GLIMPSE_THUMBNAILS": "request"},
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of a run.

    Attributes:
        warm_up: Pictures before the measurement.
        pictures: Pictures of the measurement.
        killed: Pictures of the work that a kill interrupts.
        lease_s: Seconds after which a dead worker's work is due again.
        lost_s: Seconds after which what a dead worker had is lost.
    """

    warm_up: int = 64
    pictures: int = 1000
    killed: int = 500
    lease_s: int = 10
    lost_s: float = 120.0

    @property
    def all(self) -> int:
        """Pictures of a run, and those that may arrive beside it."""
        return self.warm_up + self.pictures + self.killed + 20


class CountedWorker(Worker):
    """Runs ``benchmarks.queues.counted_worker``."""

    def command(self) -> list[str]:
        """Return the command line that runs it in the foreground."""
        return [self.python, "-m", "benchmarks.queues.counted_worker", self.queue]


def run_tool(
    folder: Path, setup: Setup, pictures: Path, sizes: Sizes, *, kill: bool
) -> dict[str, Any]:
    """Measure a tool, and then kill its worker if asked for."""
    try:
        with Bench(folder, setup, pictures, sizes.lease_s) as bench:
            bench.index(0, sizes.warm_up)
            measured = bench.index(sizes.warm_up, sizes.pictures)
            if kill:
                first = sizes.warm_up + sizes.pictures
                measured["kill"] = kill_tool(bench, first, sizes.killed, sizes.lost_s)
            return measured
    except (EnvironmentNotMade, MeasureFailed, ServiceNotStarted) as error:
        return {"error": str(error)}


def run_glimpse(
    folder: Path, settings: dict[str, str], photos: Path, sizes: Sizes, *, kill: bool
) -> dict[str, Any]:
    """Measure Glimpse, and then kill its ingest worker if asked for."""
    lease = {"GLIMPSE_LEASE_S": str(sizes.lease_s), "GLIMPSE_LEASE_SWEEP_S": "2"}
    with WatchedStack(folder, lease | settings, photos, CountedWorker) as stack:
        stack.warm_up()
        ingested = stack.ingest(0, sizes.pictures)
        measured = {"images_per_s": ingested.per_s, "cpu_ms_per_image": ingested.cpu_ms}
        if kill:
            photographs = Photographs.read(photos)
            killed = kill_glimpse(stack, photographs, sizes.pictures, sizes.killed)
            measured["kill"] = killed
        return measured
