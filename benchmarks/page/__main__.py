"""``python -m benchmarks.page``: render the page anew, without measuring anything."""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks import page


@click.command()
@click.option(
    "--results",
    type=click.Path(exists=True, path_type=Path),
    default=page.RESULTS,
    help="Folder of the results.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=page.DOCS, help="Folder to write to."
)
def main(results: Path, out: Path) -> None:
    """Render the page of results."""
    page.write(results, out)


if __name__ == "__main__":
    main()
