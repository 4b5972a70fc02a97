"""``python -m benchmarks.search``: time searches in every way and report the latencies."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from benchmarks import options, own_process, photographs, weights
from benchmarks.figures import Figure, latency_figures, middle, percentile
from benchmarks.photographs import paths_in
from benchmarks.report import Report
from benchmarks.search import ingest
from benchmarks.search.limit import BATCH
from benchmarks.stack import WatchedStack

# Upper bounds: milliseconds that an idle Glimpse may add to the direct call, milliseconds of a
# search for a cached sentence, and the factor by which ingest may slow searches down.
_OVERHEAD_MS_MAX, _CACHED_MS_MAX, _SLOWDOWN_MAX = 6.0, 5.0, 3.0
# Lower bound of the searches of most callers, as a share of what the encoder alone can do.
_SHARE_MIN = 0.9

# Numbers of concurrent callers.
_CALLERS = (1, 8, 32)

_IDLE, _BUSY = "idle", "beside ingest"

_CACHED = "glimpse, 1 caller, one sentence again and again"

# Latencies in milliseconds by measurement, over all rounds.
Taken = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Round:
    """What a round without ingest has measured.

    Attributes:
        ms: Latencies in milliseconds by measurement.
        limit_per_s: Texts per second of the encoder alone.
        searches_per_s: Searches per second of the most concurrent callers.
    """

    ms: Taken
    limit_per_s: float
    searches_per_s: float


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

    def limit_per_s(self) -> float:
        """Return the texts per second of the encoder alone, in batches."""
        callers = max(_CALLERS)
        first, count = self._numbers(callers), self._count(callers)
        found = own_process.run(
            "benchmarks.search.limit", self._variables, first=first, count=count
        )
        return float(count / found["seconds"])

    def glimpse(self, callers: int, *, same: bool = False) -> tuple[list[float], float]:
        """Return the latencies of searches by concurrent callers, and searches per second."""
        found = own_process.run(
            "benchmarks.search.callers",
            url=self._stack.api.url,
            callers=callers,
            first=self._numbers(callers),
            count=self._count(callers),
            same=same,
        )
        return found["ms"], len(found["ms"]) / found["seconds"]

    def _numbers(self, callers: int) -> int:
        first = self._next
        self._next += self._count(callers)
        return first

    def _count(self, callers: int) -> int:
        return max(self._sizes.searches, self._sizes.searches_each * callers)


def measure(
    photos: Path, variables: dict[str, str], rounds: int, sizes: Sizes
) -> tuple[list[Round], list[Taken]]:
    """Return the rounds without ingest, and the latencies of as many rounds beside it."""
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
            busy = [_callers(measures, _BUSY)[0] for _ in range(rounds)]
    return idle, busy


def _idle(measures: Measure) -> Round:
    direct, limit_per_s = measures.direct(), measures.limit_per_s()
    found, searches_per_s = _callers(measures, _IDLE)
    taken = {
        "direct call": direct["ms"],
        "direct call, encoding": direct["encode_ms"],
        "direct call, searching": direct["search_ms"],
        **found,
        _CACHED: measures.glimpse(1, same=True)[0],
    }
    return Round(taken, limit_per_s, searches_per_s)


def _callers(measures: Measure, when: str) -> tuple[Taken, float]:
    """Return the latencies, and the searches per second of the most callers."""
    taken: Taken = {}
    per_s = 0.0
    for callers in _CALLERS:
        taken[_name(callers, when)], per_s = measures.glimpse(callers)
    return taken, per_s


def _name(callers: int, when: str) -> str:
    return f"glimpse, {callers} caller{'s'[: callers > 1]}, {when}"


def _joined(rounds: list[Taken]) -> Taken:
    joined: Taken = {}
    for taken in rounds:
        for name, ms in taken.items():
            joined.setdefault(name, []).extend(ms)
    return joined


def slowdowns(idle: Sequence[Round], busy: Sequence[Taken]) -> list[float]:
    """Return the factor by which ingest slowed each round's p95."""
    return [
        percentile(slow[_name(1, _BUSY)], 95) / percentile(quick.ms[_name(1, _IDLE)], 95)
        for quick, slow in zip(idle, busy, strict=True)
    ]


def figures(idle: Sequence[Round], busy: Sequence[Taken]) -> list[Figure]:
    """Return the percentiles, Glimpse's overhead, its share of the limit, and the slowdown."""
    taken = _joined([*(each.ms for each in idle), *busy])
    bounds = {_CACHED: _CACHED_MS_MAX}
    rows = [
        figure
        for name, ms in taken.items()
        for figure in latency_figures(name, ms, bounds.get(name))
    ]
    added = percentile(taken[_name(1, _IDLE)], 50) - percentile(taken["direct call"], 50)
    most, slower = max(_CALLERS), middle(slowdowns(idle, busy))
    share = middle([each.searches_per_s / each.limit_per_s for each in idle])
    return [
        *rows,
        Figure("added to the direct call, p50", added, "ms", at_most=_OVERHEAD_MS_MAX),
        Figure(
            f"limit: the encoder alone, batches of {BATCH} texts",
            middle([each.limit_per_s for each in idle]),
            "texts/s",
        ),
        Figure(f"{most} callers", middle([each.searches_per_s for each in idle]), "searches/s"),
        Figure(f"{most} callers / limit", share, "times", at_least=_SHARE_MIN),
        Figure("beside ingest / idle, p95", slower, "times", at_most=_SLOWDOWN_MAX),
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
        idle, busy = measure(folder, variables, rounds, sizes)
    raw = {"idle": [asdict(each) for each in idle], "beside ingest": busy}
    report.add("search", figures(idle, busy), raw)
    report.write(out)


if __name__ == "__main__":
    main()
