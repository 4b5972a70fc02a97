"""Lists: a table on a terminal, and plain lines in a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import TypeVar

import click
from rich.console import Console
from rich.table import Column, Table

from cli.terminal.text import shown

# Maximum width of a table, in characters.
_WIDEST = 10_000
# Entries of a list on a terminal, unless `--limit` is given.
_ON_TERMINAL = 100

Entry = TypeVar("Entry")


def limit_option(command: Callable[..., object]) -> Callable[..., object]:
    """Add `--limit` to a command that lists."""
    option = click.option(
        "-n",
        "--limit",
        type=click.IntRange(min=1),
        help=f"Maximum number to list. [default: {_ON_TERMINAL} on a terminal, otherwise all]",
    )
    return option(command)


def on_terminal() -> bool:
    """Return whether a person reads the output."""
    return Console().is_terminal


def print_rows(rows: Iterable[Sequence[str]], names: Sequence[str]) -> None:
    """Print rows; if the output is not a terminal, their cells are separated by tabs.

    Args:
        rows: The rows, printed one by one in a pipe.
        names: The names of the columns.
    """
    if on_terminal():
        # Nothing is cut or folded: what the terminal itself breaks can be copied whole.
        table = Table(*(Column(name, no_wrap=True) for name in names), box=None)
        for row in rows:
            table.add_row(*map(shown, row))
        console = Console(width=_WIDEST)
        with console.capture() as printed:
            console.print(table, markup=False)
        for line in printed.get().splitlines():
            click.echo(line.rstrip())
        return
    with _reader_may_leave():
        for row in rows:
            click.echo("\t".join(map(shown, row)))
        sys.stdout.flush()


def print_list(
    found: Iterable[Entry],
    row: Callable[[Entry], Sequence[str]],
    names: Sequence[str],
    limit: int | None,
    count: Callable[[], int | None] = lambda: None,
) -> bool:
    """Print a list that may be long; return whether it has any entries.

    Args:
        found: The entries, read as they are printed.
        row: Returns the cells of an entry.
        names: The names of the columns.
        limit: Maximum number of entries; None for all in a pipe, and a screenful on a terminal.
        count: Returns how many there are, if that is known; called only if some are left out.
    """
    entries = iter(found)
    first = next(entries, None)
    if first is None:
        return False
    maximum = limit or (_ON_TERMINAL if on_terminal() else None)
    listed = islice(chain([first], entries), maximum)
    print_rows(map(row, listed), names)
    if maximum is not None and on_terminal() and next(entries, None) is not None:
        say_how_many(maximum, count(), "--limit")
    return True


def say_how_many(shown_count: int, total: int | None, option: str) -> None:
    """Say on a terminal that there is more than it shows, and which option shows it."""
    if total is None:
        click.echo(f"There are more than these {shown_count}; see them with {option}.", err=True)
    else:
        click.echo(f"These are {shown_count} of {total:,}; see more with {option}.", err=True)


def discard_output() -> None:
    """Discard further output: Python reports an error when it flushes stdout to a closed pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    """End with status 0 if the reader of a list closes the pipe: `head` has what it wants."""
    try:
        yield
    except BrokenPipeError:
        discard_output()
        raise click.exceptions.Exit(0) from None
