"""Options that several benchmarks take."""

from __future__ import annotations

from pathlib import Path

import click

# Writes the figures; see ``benchmarks.report.Report.write``.
JSON = click.option(
    "--json", "out", type=click.Path(path_type=Path), help="Write the figures to this file, too."
)
# Runs all of a benchmark on so little that the figures say nothing, in some seconds.
QUICK = click.option("--quick", is_flag=True, help="Only show that it runs: few rows and pictures.")
ROUNDS = click.option(
    "--rounds", default=3, show_default=True, help="Turns of what is compared; 1 if it is quick."
)
PHOTOS = click.option(
    "--photos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of photographs, one level of folders in it; --quick can do without.",
)
WEIGHTS = click.option(
    "--weights",
    "weights_file",
    type=click.Path(exists=True, path_type=Path),
    help="CLIP weights instead of seeded random ones.",
)
