"""``python -m benchmarks.queues``: let the tools and Glimpse take turns, and report."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click

from benchmarks import options
from benchmarks.figures import Figure, middle, table
from benchmarks.photographs import Photographs
from benchmarks.process_usage import Others
from benchmarks.queues.runs import GLIMPSE, Sizes, run_glimpse, run_tool
from benchmarks.queues.tools import QUICK_SETUPS, SETUPS, Setup
from benchmarks.report import Report
from benchmarks.scale.pictures import generated

# Not long enough for Celery, which looks every ten seconds for a dead worker's tasks.
_QUICK = Sizes(warm_up=8, pictures=24, killed=24, lease_s=2, lost_s=3.0)
# Generated pictures if no photographs are given, fewer in a quick run, and the size of each.
_PICTURES, _SIZE = (100, 8), (800, 600)
# Characters of an error in its row.
_ERROR = 120

# The runs of each row, one for each round.
Rounds = dict[str, list[dict[str, Any]]]


def measure(
    folder: Path, photos: Path, setups: Sequence[Setup], sizes: Sizes, rounds: int
) -> Rounds:
    """Run everything once in each round; kill each worker in the first one."""
    pictures = _numbered(Photographs.read(photos), folder / "pictures", sizes.all)
    # Each tool is killed at the first of its settings.
    killed = {setup.tool.name: setup.name for setup in reversed(setups)}.values()
    measured: Rounds = {}
    for number in range(rounds):
        ways = {
            **{
                setup.name: partial(
                    run_tool, setup=setup, pictures=pictures, kill=setup.name in killed
                )
                for setup in setups
            },
            **{
                name: partial(run_glimpse, settings=settings, photos=photos, kill=not settings)
                for name, settings in GLIMPSE.items()
            },
        }
        for at, (name, way) in enumerate(ways.items()):
            others = Others()
            run = way(folder / f"{number}-{at}", sizes=sizes)
            measured.setdefault(name, []).append(run | {"others_cores": others.cores()})
    return measured


def _numbered(photos: Photographs, folder: Path, count: int) -> Path:
    """Write pictures to a folder, named by their numbers."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number}.jpg").write_bytes(photos.content(number))
    return folder


def figures(measured: Rounds) -> list[Figure]:
    """Return the figures of all rows; a row that failed has its error as its name."""
    return [figure for name, runs in measured.items() for figure in _row(name, runs)]


def _row(name: str, runs: Sequence[Mapping[str, Any]]) -> Iterator[Figure]:
    errors = [run["error"] for run in runs if "error" in run]
    if errors:
        yield Figure(f"{name}: did not run: {' '.join(errors[0].split())[-_ERROR:]}", 0, "images/s")
        return
    yield Figure(f"{name}: rate", middle([run["images_per_s"] for run in runs]), "images/s")
    for part, costs in (
        ("worker", [_worker(run["cpu_ms_per_image"]) for run in runs]),
        ("all parts", [sum(run["cpu_ms_per_image"].values()) for run in runs]),
    ):
        yield Figure(f"{name}: processor time, {part}", middle(costs), "ms/image")
    for run in runs:
        if killed := run.get("kill"):
            yield Figure(f"{name}: lost at a kill", killed["lost"], "images")
            yield Figure(f"{name}: repeated at a kill", killed["repeated"], "images")
            yield Figure(f"{name}: back after a kill", killed["back_s"], "s")


def _worker(costs: Mapping[str, float]) -> float:
    return costs.get("worker", 0.0) + costs.get("ingest_worker", 0.0)


def _lacks(setups: Sequence[Setup]) -> dict[str, str]:
    """Return what each tool leaves to its user."""
    return {setup.tool.name: setup.tool.lacks for setup in setups}


@click.command()
@options.PHOTOS
@options.ROUNDS
@options.QUICK
@options.JSON
def main(photos: Path | None, rounds: int, quick: bool, out: Path | None) -> None:
    """Measure the same work on Celery, celery-batches, dramatiq, taskiq and Glimpse."""
    sizes, rounds, setups = (_QUICK, 1, QUICK_SETUPS) if quick else (Sizes(), rounds, SETUPS)
    lacks = _lacks(setups)
    report = Report({"rounds": rounds, **asdict(sizes), "left to the user": lacks})
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        measured = measure(folder, photos or _generated(folder, quick), setups, sizes, rounds)
    found = figures(measured)
    left = [f"  {name} leaves to its user: {what}" for name, what in lacks.items()]
    report.add("queues", found, measured, "\n".join([table("queues", found), *left]))
    report.write(out)


def _generated(folder: Path, quick: bool) -> Path:
    photos = folder / "photos"
    (photos / "generated").mkdir(parents=True)
    for number in range(_PICTURES[quick]):
        generated(number, _SIZE).save(photos / "generated" / f"{number}.jpg", quality=85)
    return photos


if __name__ == "__main__":
    main()
