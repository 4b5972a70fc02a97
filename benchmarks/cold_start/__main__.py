"""``python -m benchmarks.cold_start``: starts of a stack and of a worker, for each model.

The files are in the page cache, and Python's bytecode is compiled: the first start of each model
on a machine, which converts and measures it, is reported on its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import psutil

from benchmarks import options, own_process
from benchmarks.cold_start.models import settings_of
from benchmarks.cold_start.span import Span, span_figures
from benchmarks.figures import Figure
from benchmarks.process_usage import Session
from benchmarks.report import Report
from common.contract import QUEUES
from tests.support.pictures import picture
from tests.support.polling import finished_job
from tests.support.services import MilvusLite, Stack, Valkey
from tests.support.services.glimpse_up import GlimpseUp
from tests.support.services.process import Service

# Upper bounds, in seconds.
_UP_S_MAX, _FIRST_IMAGE_S_MAX = 8.0, 5.0

# Imports as the programs do.
_IGNORED = "from common.garbage import imports_ignored\nwith imports_ignored(): "
# What each program imports before it does anything.
_PROGRAMS = {
    "glimpse": f"{_IGNORED}import cli.main",
    "glimpse up": f"{_IGNORED}import cli.main, cli.stack.run",
    "the API": "import api.app, api.server.worker, gunicorn.app.wsgiapp",
    "a worker": f"{_IGNORED}import worker.commands, worker.runtime.serve, "
    "worker.stores.milvus.store",
}


class NotIndexed(RuntimeError):
    """The picture was not indexed."""


def _children_cpu_s() -> float:
    times = os.times()
    return times.children_user + times.children_system


def imports(rounds: int) -> dict[str, list[Span]]:
    """Return how long each program's process takes to start, import its modules and end."""

    def run(program: str) -> None:
        subprocess.run([sys.executable, "-c", program], check=True)

    return {
        name: [Span.of(partial(run, program), _children_cpu_s) for _ in range(rounds)]
        for name, program in _PROGRAMS.items()
    }


def servers(folder: Path, rounds: int) -> dict[str, list[Span]]:
    """Return how long Valkey and Milvus Lite take until they answer."""
    return {
        kind.name: [_served(kind(folder / f"{kind.name}-{number}")) for number in range(rounds)]
        for kind in (Valkey, MilvusLite)
    }


def _served(service: Service) -> Span:
    try:
        span = Span.of(service.start, lambda: 0.0)
        return Span(span.seconds, Session(service.pid).cpu_s())
    finally:
        service.stop()


def up(folder: Path, settings: Mapping[str, str]) -> Span:
    """Return how long `glimpse up` takes on a new data folder until everything is ready."""
    stack = GlimpseUp(folder, dict(settings))
    try:
        span = Span.of(stack.start, lambda: 0.0)
        return Span(span.seconds, sum(_cpu_s(process) for process in stack.processes()))
    finally:
        stack.stop()


def _cpu_s(process: psutil.Process) -> float:
    """Return what a process has used, without its children, which may be counted themselves."""
    times = process.cpu_times()
    return float(times.user + times.system)


def first_images(folder: Path, settings: Mapping[str, str], rounds: int) -> list[Span]:
    """Return how long an ingest worker takes from its start until an image that waits is indexed.

    Raises:
        NotIndexed: It did not become searchable.
    """
    with Stack(folder, settings, ingests=False) as stack:
        return [_first_image(stack, number) for number in range(rounds)]


def _first_image(stack: Stack, number: int) -> Span:
    files = {"file": (f"{number}.png", picture(f"rgb({number}, 100, 200)"))}
    sent = stack.client.post("/v1/images", files=files).raise_for_status()

    def index() -> None:
        stack.ingest_worker.start()
        job = finished_job(stack.client, sent.headers["Location"])
        if job["indexed"] != 1:
            raise NotIndexed(f"The job ended as {job}.")

    try:
        span = Span.of(index, lambda: 0.0)
        return Span(span.seconds, Session(stack.ingest_worker.pid).cpu_s())
    finally:
        stack.ingest_worker.stop()


def steps(settings: Mapping[str, str], rounds: int) -> dict[str, list[Span]]:
    """Return the steps of each kind of worker's start."""
    found: dict[str, list[Span]] = {}
    for queue in QUEUES:
        for _ in range(rounds):
            run = own_process.run("benchmarks.cold_start.steps", settings, queue=queue)
            for name, span in run.items():
                found.setdefault(f"{queue} worker: {name}", []).append(Span(**span))
    return found


def _measure(settings: dict[str, str], rounds: int) -> tuple[list[Figure], Any]:
    """Return the figures of one model, and their raw data."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings |= {"GLIMPSE_CACHE_DIR": str(folder / "cache")}
        first = up(folder / "first", settings)
        ups = [up(folder / f"up-{number}", settings) for number in range(rounds)]
        images = first_images(folder / "stack", settings, rounds)
        parts = steps({**settings, "GLIMPSE_MILVUS_URI": "memory://cold"}, rounds)
    figures = [
        *span_figures("glimpse up to ready", ups, _UP_S_MAX),
        *span_figures("a worker's start to its first image", images, _FIRST_IMAGE_S_MAX),
        *span_figures("first glimpse up to ready on a machine", [first]),
        *_figures(parts),
    ]
    spans = {"glimpse up": ups, "first image": images, "first glimpse up": [first], **parts}
    return figures, _raw(spans)


def _figures(spans: Mapping[str, Sequence[Span]]) -> list[Figure]:
    return [figure for name, found in spans.items() for figure in span_figures(name, found)]


def _raw(spans: Mapping[str, Sequence[Span]]) -> dict[str, Any]:
    return {name: [span.view() for span in found] for name, found in spans.items()}


@click.command()
@options.ROUNDS
@options.QUICK
@options.JSON
def main(rounds: int, quick: bool, out: Path | None) -> None:
    """Time starts of `glimpse up` and of a worker with each model, and their parts."""
    rounds = 1 if quick else rounds
    report = Report({"rounds": rounds})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        programs = imports(rounds)
        report.add("imports", _figures(programs), _raw(programs))
        started = servers(folder, rounds)
        report.add("servers", _figures(started), _raw(started))
        for model, settings in settings_of(folder, quick=quick).items():
            report.add(model, *_measure(settings, rounds))
    report.write(out)


if __name__ == "__main__":
    main()
