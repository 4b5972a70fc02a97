"""``python -m benchmarks.search``: time searches in every way and report the latencies."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from benchmarks import options, own_process, photographs, weights
from benchmarks.figures import Figure, latency_figures, middle, percentile
from benchmarks.photographs import paths_in
from benchmarks.report import Report
from benchmarks.search import ingest
from benchmarks.stack import WatchedStack

# Upper bounds: milliseconds that an idle Glimpse may add to the direct call, and the factor by
# which ingest may slow searches down.
_OVERHEAD_MS_MAX, _SLOWDOWN_MAX = 15.0, 3.0

# Numbers of concurrent callers.
_CALLERS = (1, 8, 32)

_IDLE, _BUSY = "idle", "beside ingest"

# Latencies in milliseconds by measurement, over all rounds.
Taken = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of the measurements.

    Attributes:
        searches: Minimum searches per measurement and round.
        searches_each: Minimum searches per caller.
        pictures: Pictures per round to ingest while searches are timed.
    """

    searches: int = 150
    searches_each: int = 20
    pictures: int = 1500


_QUICK = Sizes(searches=10, searches_each=1, pictures=8000)


class Measure:
    """Times searches in a running service.

    Args:
        stack: The service.
        variables: Its settings, for direct calls to the same store.
        sizes: Numbers of searches.
    """

    def __init__(self, stack: WatchedStack, variables: dict[str, str], sizes: Sizes) -> None:
        self._stack = stack
        self._variables = variables
        self._sizes = sizes
        # Number of the next sentence: none is used twice, so that no cache answers.
        self._next = 1000

    def direct(self) -> dict[str, list[float]]:
        """Return the latencies of direct calls and of their two halves."""
        return own_process.run(
            "benchmarks.search.direct",
            self._variables,
            first=self._numbers(1),
            count=self._count(1),
        )

    def glimpse(self, callers: int, *, same: bool = False) -> list[float]:
        """Return the latencies of searches through Glimpse by concurrent callers."""
        found: list[float] = own_process.run(
            "benchmarks.search.callers",
            url=self._stack.api.url,
            callers=callers,
            first=self._numbers(callers),
            count=self._count(callers),
            same=same,
        )["ms"]
        return found

    def _numbers(self, callers: int) -> int:
        first = self._next
        self._next += self._count(callers)
        return first

    def _count(self, callers: int) -> int:
        return max(self._sizes.searches, self._sizes.searches_each * callers)


def measure(
    photos: Path, variables: dict[str, str], rounds: int, sizes: Sizes
) -> tuple[Taken, list[float]]:
    """Return all latencies, and the factor by which ingest slowed each round's p95."""
    with (
        tempfile.TemporaryDirectory() as folder,
        WatchedStack(Path(folder), variables, photos) as stack,
    ):
        stack.warm_up()
        stack.ingest(first=0, count=len(paths_in(photos)))
        direct = {**variables, "GLIMPSE_MILVUS_URI": stack.settings["GLIMPSE_MILVUS_URI"]}
        measures = Measure(stack, direct, sizes)
        idle = [_idle(measures) for _ in range(rounds)]
        with ingest.running(stack, photos, sizes.pictures * rounds):
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
    """Return the percentiles, Glimpse's overhead, and the slowdown during ingest."""
    rows = [figure for name, ms in taken.items() for figure in latency_figures(name, ms)]
    added = percentile(taken[_name(1, _IDLE)], 50) - percentile(taken["direct call"], 50)
    return [
        *rows,
        Figure("added to the direct call, p50", added, "ms", at_most=_OVERHEAD_MS_MAX),
        Figure("beside ingest / idle, p95", middle(slowdowns), "times", at_most=_SLOWDOWN_MAX),
    ]


@click.command()
@options.PHOTOS
@options.WEIGHTS
@options.ROUNDS
@options.QUICK
@options.JSON
def main(
    photos: Path | None, weights_file: Path | None, rounds: int, quick: bool, out: Path | None
) -> None:
    """Time direct searches, and Glimpse with 1, 8 and 32 callers, idle and during ingest."""
    sizes, rounds = (_QUICK, 1) if quick else (Sizes(), rounds)
    report = Report({"rounds": rounds, **asdict(sizes)})
    with (
        photographs.chosen(photos, quick) as folder,
        weights.chosen(weights_file, quick) as variables,
    ):
        taken, slowdowns = measure(folder, variables, rounds, sizes)
    report.add("search", figures(taken, slowdowns), {"ms": taken, "slowdowns": slowdowns})
    report.write(out)


if __name__ == "__main__":
    main()
