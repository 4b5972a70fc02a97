"""Command-line options shared by several benchmarks."""

from __future__ import annotations

from pathlib import Path

import click

from tests.support.services import Service


def _fork_if_quick(_context: click.Context, _parameter: click.Parameter, quick: bool) -> bool:
    """Fork the services of a quick run, whose figures mean nothing, as the tests do."""
    Service.forks = quick
    return quick


# Writes the figures; see ``benchmarks.report.Report.write``.
JSON = click.option(
    "--json", "out", type=click.Path(path_type=Path), help="Also write the figures to this file."
)
# Runs the whole benchmark in seconds, on too little data for the figures to mean anything.
QUICK = click.option(
    "--quick", is_flag=True, callback=_fork_if_quick, help="Smoke test: few rows and pictures."
)
ROUNDS = click.option(
    "--rounds", default=3, show_default=True, help="Rounds of each comparison; 1 with --quick."
)
PHOTOS = click.option(
    "--photos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with one level of folders of photographs; optional with --quick.",
)
WEIGHTS = click.option(
    "--weights",
    "weights_file",
    type=click.Path(exists=True, path_type=Path),
    help="CLIP weights instead of seeded random ones.",
)
