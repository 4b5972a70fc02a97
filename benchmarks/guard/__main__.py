"""``python -m benchmarks.guard``: compare the working tree with a commit, and report."""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from benchmarks import options
from benchmarks.environments import EnvironmentNotMade
from benchmarks.figures import Figure
from benchmarks.guard.measures import IMPORTS, LATENCY, Measure, Sizes, of_processes, of_services
from benchmarks.guard.side import Side
from benchmarks.guard.tree import Tree
from benchmarks.guard.verdict import CPU_NOISE, LATENCY_NOISE, SLOWER, Comparison
from benchmarks.own_process import MeasureFailed
from benchmarks.report import Report
from benchmarks.scale.pictures import generated

_QUICK = Sizes(pictures=24, searches=10, polls=50)
# Most rounds of a quick run's services. Its processes, whose samples take longer, have one pair.
_QUICK_ROUNDS = 3
# Generated pictures, and the size of each: what a browser sends of a photograph.
_PICTURES, _SIZE = 24, (800, 600)
# Status if the base cannot be measured here (EX_UNAVAILABLE).
_NOT_HERE = 69
# The turns of a round, in pairs of samples; neither side is always the first.
_ROUND = (("base", "head"), ("head", "base"))
# Times that the services are started: a process may be slower than another of the same code for
# its whole life.
_STARTS = 4

# The samples of each row, of each side.
Samples = dict[str, dict[str, list[float]]]


@contextmanager
def running(base: str) -> Iterator[dict[str, Side]]:
    """Export both trees, and run a service of each.

    Raises:
        MeasureFailed: The base cannot be measured.
    """
    with tempfile.TemporaryDirectory() as made, ExitStack() as started:
        folder = Path(made)
        trees = [
            Tree.of_commit(base, folder / "base"),
            Tree.of_working_tree(folder / "head"),
        ]
        # This also compiles what they import.
        known = [tree.run("identify", *IMPORTS) for tree in trees]
        for tree, found in zip(trees, known, strict=True):
            click.echo(f"{tree.name}: {tree.python} runs {found['files'][0]} and its neighbours")
        settings = set.intersection(*(set(found["settings"]) for found in known))
        pictures = _pictures(folder / "pictures")
        sides = [Side(tree, folder / f"{tree.name}-data", pictures, settings) for tree in trees]
        with ThreadPoolExecutor() as threads:
            list(threads.map(started.enter_context, sides))
        yield {side.tree.name: side for side in sides}


def _pictures(folder: Path) -> Path:
    (folder / "generated").mkdir(parents=True)
    for number in range(_PICTURES):
        generated(number, _SIZE).save(folder / "generated" / f"{number}.jpg", quality=85)
    return folder


def take(
    samples: Samples,
    sides: Mapping[str, Side],
    taken: Sequence[Measure],
    pairs: Sequence[tuple[str, str]],
) -> None:
    """Let the sides take turns at each measure; add the samples of each row."""
    for number, pair in enumerate(pairs):
        for measure in taken:
            for name in pair:
                for row, value in measure(sides[name], number).items():
                    samples[row][name].append(value)


def compare(samples: Samples) -> list[Comparison]:
    """Return a comparison for each row."""
    return [
        Comparison(
            row,
            found["base"],
            found["head"],
            LATENCY_NOISE if row.endswith(LATENCY) else CPU_NOISE,
        )
        for row, found in samples.items()
    ]


def text(compared: Sequence[Comparison]) -> str:
    """Return a line for each comparison."""
    width = max(len(one.name) for one in compared)
    return "\n".join(_line(one, width) for one in compared)


def _line(one: Comparison, width: int) -> str:
    low, high = one.interval
    ratio = f"{one.ratio:.3f} ({low:.3f} to {high:.3f})"
    return f"  {one.name:<{width}}  {ratio}  {one.verdict}"


def figures(compared: Sequence[Comparison]) -> list[Figure]:
    """Return the ratio of each comparison and its interval."""
    return [
        Figure(f"{one.name}: {name}", value, "times")
        for one in compared
        for name, value in (
            ("head / base", one.ratio),
            *zip(("from", "to"), one.interval, strict=True),
        )
    ]


@click.command()
@click.option("--base", required=True, help="The commit to compare with.")
@click.option(
    "--rounds", default=8, show_default=True, help="Rounds of each comparison; few with --quick."
)
@options.QUICK
@options.JSON
def main(base: str, rounds: int, quick: bool, out: Path | None) -> None:
    """Compare the working tree with a commit; end with status 1 if something is slower."""
    sizes, rounds = (_QUICK, min(rounds, _QUICK_ROUNDS)) if quick else (Sizes(), rounds)
    pairs = _ROUND * rounds
    each = len(pairs) if quick else -(-len(pairs) // _STARTS)
    samples: Samples = defaultdict(lambda: defaultdict(list))
    report = Report(
        {"base": base, "rounds": rounds, "noise": [CPU_NOISE, LATENCY_NOISE], **asdict(sizes)}
    )
    try:
        for start in range(0, len(pairs), each):
            some = pairs[start : start + each]
            with running(base) as sides:
                take(samples, sides, of_services(sizes), some)
                take(samples, sides, of_processes(), some[:1] if quick else some)
    except (MeasureFailed, EnvironmentNotMade) as error:
        click.echo(f"Nothing was compared: {error}", err=True)
        sys.exit(0 if quick else _NOT_HERE)
    compared = compare(samples)
    raw = {one.name: {"base": one.base, "head": one.head} for one in compared}
    report.add("guard", figures(compared), raw, text(compared))
    report.write(out)
    if not quick and any(one.verdict == SLOWER for one in compared):
        sys.exit(1)


if __name__ == "__main__":
    main()
