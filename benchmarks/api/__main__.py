"""``python -m benchmarks.api``: load the API over many connections and report the rates."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from benchmarks import options
from benchmarks.api import service
from benchmarks.api.client import CONNECTIONS
from benchmarks.api.rates import Round, rate_figures
from benchmarks.api.requests import PICTURE_BYTES
from benchmarks.process_usage import Others
from benchmarks.report import Report

# Seconds of load per question.
_SECONDS, _QUICK_SECONDS = 5.0, 0.5


def measure(rounds: int, seconds: float) -> list[Round]:
    """Start fresh services for each round, ask every question once, and stop the services."""
    # One folder for all rounds: ext4 creates files slowly for minutes after a large deletion.
    with tempfile.TemporaryDirectory() as folder:
        return [_round(Path(folder) / str(number), seconds) for number in range(rounds)]


def _round(folder: Path, seconds: float) -> Round:
    folder.mkdir()
    others = Others()
    found = service.measure(folder, seconds)
    return found | {"others_cores": others.cores()}


@click.command()
@options.ROUNDS
@options.QUICK
@options.JSON
def main(rounds: int, quick: bool, out: Path | None) -> None:
    """Measure the API's requests per second and the CPU time of each request."""
    seconds, rounds = (_QUICK_SECONDS, 1) if quick else (_SECONDS, rounds)
    report = Report(
        {
            "rounds": rounds,
            "connections": CONNECTIONS,
            "picture_bytes": PICTURE_BYTES,
            "seconds": seconds,
        }
    )
    measured = measure(rounds, seconds)
    report.add("api", rate_figures(measured), measured)
    report.write(out)


if __name__ == "__main__":
    main()
