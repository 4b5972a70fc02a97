"""``python -m benchmarks.search``: time searches in every way and report the latencies."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

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
        callers: Numbers of concurrent callers.
    """

    searches: int = 150
    searches_each: int = 20
    pictures: int = 2500
    callers: tuple[int, ...] = (1, 2, 4, 8, 16, 32)


_QUICK = Sizes(searches=10, searches_each=1, pictures=8000, callers=(1, 32))


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
        # Processor milliseconds of a search by part, of each measurement with only searches.
        self.costs: dict[int, list[dict[str, float]]] = {}
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
        callers = max(self._sizes.callers)
        first, count = self._numbers(callers), self._count(callers)
        found = own_process.run(
            "benchmarks.search.limit", self._variables, first=first, count=count
        )
        return float(count / found["seconds"])

    def idle(self) -> tuple[Taken, float]:
        """Return the latencies by callers, and the searches/s of the most; keep what they cost."""
        taken, per_s = {}, 0.0
        for callers in self._sizes.callers:
            sessions = self._stack.sessions()
            before = {name: session.cpu_s() for name, session in sessions.items()}
            found = self._search(callers)
            spent = {name: session.cpu_s() - before[name] for name, session in sessions.items()}
            spent["client"] = found["cpu_s"]
            each = {name: 1000 * cpu_s / len(found["ms"]) for name, cpu_s in spent.items()}
            self.costs.setdefault(callers, []).append(each)
            taken[_name(callers, _IDLE)] = found["ms"]
            per_s = len(found["ms"]) / found["seconds"]
        return taken, per_s

    def busy(self) -> Taken:
        """Return the latencies for each number of callers during an ingest."""
        return {
            _name(callers, _BUSY): self._search(callers)["ms"] for callers in self._sizes.callers
        }

    def repeated(self) -> list[float]:
        """Return the latencies of one caller's search for the same sentence again and again."""
        found: list[float] = self._search(1, same=True)["ms"]
        return found

    def _search(self, callers: int, *, same: bool = False) -> dict[str, Any]:
        return own_process.run(
            "benchmarks.search.callers",
            url=self._stack.api.url,
            callers=callers,
            first=self._numbers(callers),
            count=self._count(callers),
            same=same,
        )

    def _numbers(self, callers: int) -> int:
        first = self._next
        self._next += self._count(callers)
        return first

    def _count(self, callers: int) -> int:
        return max(self._sizes.searches, self._sizes.searches_each * callers)


@dataclass(frozen=True, slots=True)
class Found:
    """What the rounds found.

    Attributes:
        idle: The rounds without ingest.
        busy: The latencies of as many rounds beside it.
        costs: Processor milliseconds of a search by part, by callers and round.
    """

    idle: list[Round]
    busy: list[Taken]
    costs: dict[int, list[dict[str, float]]]

    def slowdown(self) -> float:
        """Return the factor by which ingest slowed the p95, as the median over the rounds."""
        return middle(
            [
                percentile(slow[_name(1, _BUSY)], 95) / percentile(quick.ms[_name(1, _IDLE)], 95)
                for quick, slow in zip(self.idle, self.busy, strict=True)
            ]
        )


def measure(photos: Path, variables: dict[str, str], rounds: int, sizes: Sizes) -> Found:
    """Time direct searches, and searches in a service with all photographs."""
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
            busy = [measures.busy() for _ in range(rounds)]
    return Found(idle, busy, measures.costs)


def _idle(measures: Measure) -> Round:
    direct, limit_per_s = measures.direct(), measures.limit_per_s()
    found, searches_per_s = measures.idle()
    taken = {
        "direct call": direct["ms"],
        "direct call, encoding": direct["encode_ms"],
        "direct call, searching": direct["search_ms"],
        **found,
        _CACHED: measures.repeated(),
    }
    return Round(taken, limit_per_s, searches_per_s)


def _name(callers: int, when: str) -> str:
    return f"glimpse, {_number(callers)}, {when}"


def _number(callers: int) -> str:
    return "1 caller" if callers == 1 else f"{callers} callers"


def _joined(rounds: list[Taken]) -> Taken:
    joined: Taken = {}
    for taken in rounds:
        for name, ms in taken.items():
            joined.setdefault(name, []).extend(ms)
    return joined


def figures(found: Found, most: int) -> list[Figure]:
    """Return the percentiles, Glimpse's overhead, its share of the limit, and the slowdown.

    Args:
        found: What the rounds found.
        most: The largest number of callers.
    """
    taken = _joined([*(each.ms for each in found.idle), *found.busy])
    bounds = {_CACHED: _CACHED_MS_MAX}
    rows = [
        figure
        for name, ms in taken.items()
        for figure in latency_figures(name, ms, bounds.get(name))
    ]
    added = percentile(taken[_name(1, _IDLE)], 50) - percentile(taken["direct call"], 50)
    limit = middle([each.limit_per_s for each in found.idle])
    rate = middle([each.searches_per_s for each in found.idle])
    share = middle([each.searches_per_s / each.limit_per_s for each in found.idle])
    return [
        *rows,
        Figure("added to the direct call, p50", added, "ms", at_most=_OVERHEAD_MS_MAX),
        Figure(f"limit: the encoder alone, batches of {BATCH} texts", limit, "texts/s"),
        Figure(f"{most} callers", rate, "searches/s"),
        Figure(f"{most} callers / limit", share, "times", at_least=_SHARE_MIN),
        Figure("beside ingest / idle, p95", found.slowdown(), "times", at_most=_SLOWDOWN_MAX),
    ]


def cost_figures(found: Found) -> list[Figure]:
    """Return the processor time of a search, by callers and part, as medians over the rounds."""
    return [
        Figure(
            f"{_number(callers)}: processor time, {part}",
            middle([costs[part] for costs in rounds]),
            "ms",
        )
        for callers, rounds in found.costs.items()
        for part in rounds[0]
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
    """Time direct searches, and Glimpse with several numbers of callers, idle and during ingest."""
    sizes, rounds = (_QUICK, 1) if quick else (Sizes(), rounds)
    report = Report({"rounds": rounds, **asdict(sizes)})
    with (
        photographs.chosen(photos, quick) as folder,
        weights.chosen(weights_file, quick) as variables,
    ):
        found = measure(folder, variables, rounds, sizes)
    raw = {"idle": [asdict(each) for each in found.idle], "beside ingest": found.busy}
    report.add("search", figures(found, max(sizes.callers)), raw)
    report.add("processor time", cost_figures(found), found.costs)
    report.write(out)


if __name__ == "__main__":
    main()
