"""``python -m benchmarks.scale``: measure all parts, or some of them, and report the figures."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click

from benchmarks import options
from benchmarks.report import Report

# Modules of this package, in the order of the report.
PARTS: tuple[str, ...] = (
    "redis_bytes",
    "upkeep",
    "workers",
    "waiters",
    "fairness",
    "thumbnails",
    "reads",
    "index",
    "page",
)


@click.command()
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="Measure only this part.")
@options.QUICK
@options.JSON
def main(only: tuple[str, ...], quick: bool, out: Path | None) -> None:
    """Measure what grows."""
    report = Report({"quick": quick})
    for part in only or PARTS:
        report.add(part, *import_module(f"{__package__}.{part}").measure(quick))
    report.write(out)


if __name__ == "__main__":
    main()
