"""Rows on a terminal as a table, and in a pipe as plain lines."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table

from cli.text import shown


def print_rows(rows: Sequence[Sequence[str]], names: Sequence[str]) -> None:
    """Print rows; if the output is not a terminal, their cells are separated by tabs.

    Args:
        rows: The rows.
        names: The names of the columns.
    """
    console = Console()
    if not console.is_terminal:
        # Plain lines for `grep` and `cut`.
        for row in rows:
            click.echo("\t".join(map(shown, row)))
        return
    table = Table(*names, box=None)
    for row in rows:
        table.add_row(*map(shown, row))
    console.print(table, markup=False)
