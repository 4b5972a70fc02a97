"""`glimpse search`: find pictures by a sentence."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from cli.answers import Search
from cli.client import Client
from cli.exits import INCOMPLETE


@click.command()
@click.argument("text")
@click.option(
    "--top-k", default=10, show_default=True, type=click.IntRange(1, 1000), help="Hits, at most."
)
@click.option(
    "--sheet",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write a contact sheet of the hits to this PNG file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def search(text: str, top_k: int, sheet: Path | None, as_json: bool) -> None:
    """Find pictures that show TEXT, best first.

    Exit status 1 if nothing was found.
    """
    with Client.from_environ() as client:
        found = client.search(text, top_k)
        if sheet is not None and found.hits:
            write_sheet(client, found, sheet)
    if as_json:
        click.echo(found.model_dump_json(indent=2))
    elif found.hits:
        show_hits(found)
    if not found.hits:
        click.echo("Nothing was found. Is anything indexed? See `glimpse ingest`.", err=True)
        sys.exit(INCOMPLETE)


def show_hits(found: Search) -> None:
    """Print the hits as a table."""
    console = Console()
    if not console.is_terminal:
        # Lines for `grep` and `cut`: neither wrapped nor framed.
        for hit in found.hits:
            click.echo(f"{hit.rank}\t{hit.score:.4f}\t{hit.filename}")
        return
    table = Table("rank", "score", "file", box=None)
    for column in table.columns[:2]:
        column.justify = "right"
    for hit in found.hits:
        table.add_row(str(hit.rank), f"{hit.score:.4f}", hit.filename)
    console.print(table, markup=False)


def write_sheet(client: Client, found: Search, path: Path) -> None:
    """Write the contact sheet of a search.

    Raises:
        click.ClickException: The file cannot be written.
    """
    try:
        path.write_bytes(client.contact_sheet(found))
    except OSError as error:
        raise click.FileError(str(path), error.strerror) from error
