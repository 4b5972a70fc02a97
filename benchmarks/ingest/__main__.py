"""``python -m benchmarks.ingest``: run the measurements and report them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import click

from benchmarks import options, photographs, weights
from benchmarks.ingest import encoding, free_model, jobs
from benchmarks.ingest.client import CONNECTIONS, PICTURES_PER_REQUEST
from benchmarks.report import Report

_PARTS = ("jobs", "free model", "encoding")


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of the measurements.

    Attributes:
        few_pictures: Pictures ingested with a free model before the first memory reading.
        many_pictures: Pictures ingested before the last memory reading.
        steps: Timed rounds from few to many pictures, with a memory reading after each.
        job_images: Images of the queried job.
        job_requests: Requests per question about the job.
    """

    few_pictures: int = 1000
    many_pictures: int = 20_000
    steps: int = 4
    job_images: int = 100_000
    job_requests: int = 200


_QUICK = Sizes(few_pictures=50, many_pictures=100, steps=2, job_images=2000, job_requests=5)


@click.command()
@options.PHOTOS
@options.WEIGHTS
@click.option("--only", type=click.Choice(_PARTS), multiple=True, help="Measure only this part.")
@options.ROUNDS
@options.QUICK
@options.JSON
def main(
    photos: Path | None,
    weights_file: Path | None,
    only: tuple[str, ...],
    rounds: int,
    quick: bool,
    out: Path | None,
) -> None:
    """Measure ingest: the plain way, the model alone, Glimpse, and its overhead."""
    sizes, rounds = (_QUICK, 1) if quick else (Sizes(), rounds)
    wanted = only or _PARTS
    report = Report(
        {
            "weights": "given" if weights_file else "seeded random",
            "rounds": rounds,
            "pictures_per_request": PICTURES_PER_REQUEST,
            "connections": CONNECTIONS,
            **asdict(sizes),
        }
    )
    with photographs.chosen(photos, quick) as folder:
        # Lightest first.
        if "jobs" in wanted:
            times = jobs.measure(sizes.job_images, sizes.job_requests)
            report.add("jobs", jobs.figures(times), times)
        if "free model" in wanted:
            free = free_model.measure(folder, sizes.few_pictures, sizes.many_pictures, sizes.steps)
            report.add("free model", free_model.figures(free), free)
        if "encoding" in wanted:
            with weights.chosen(weights_file, quick) as variables:
                ways = encoding.measure(folder, variables, rounds)
            report.add("encoding", encoding.figures(ways), ways)
    report.write(out)


if __name__ == "__main__":
    main()
