"""``python -m benchmarks.scale PART``: measure a part, and report its figures."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click

from benchmarks import options
from benchmarks.report import Report
from benchmarks.scale import PARTS


@click.command()
@click.argument("part", type=click.Choice(PARTS))
@options.QUICK
@options.JSON
def main(part: str, quick: bool, out: Path | None) -> None:
    """Measure what grows."""
    report = Report({"quick": quick})
    report.add(part, *import_module(f"{__package__}.{part}").measure(quick))
    report.write(out)


if __name__ == "__main__":
    main()
