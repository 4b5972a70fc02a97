"""``python -m benchmarks.api``: ask the API from many connections and write the rates down."""

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

# Seconds that each question is asked.
_SECONDS, _QUICK_SECONDS = 5.0, 0.5


def measure(rounds: int, seconds: float) -> list[Round]:
    """Start everything anew for each round, ask every question once, and stop it."""
    # One folder for all: ext4 is slow to make files for minutes after many were deleted.
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
    """Measure how many requests the API answers in a second, and what each costs."""
    seconds, rounds = (_QUICK_SECONDS, 1) if quick else (_SECONDS, rounds)
    report = Report(
        {"connections": CONNECTIONS, "picture_bytes": PICTURE_BYTES, "seconds": seconds}
    )
    measured = measure(rounds, seconds)
    report.add("api", rate_figures(measured), measured)
    report.write(out)


if __name__ == "__main__":
    main()
