"""Progress bars of a migration's passes."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from worker.stores.migration import Show


@contextmanager
def pass_bars() -> Iterator[Show]:
    """Draw a bar for each pass on stderr; if that is no terminal, only the log tells of them."""
    columns = (
        TextColumn("{task.description}"),
        *(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bars:

        def show(title: str, rows: int) -> Callable[[int], None]:
            return functools.partial(bars.advance, bars.add_task(title, total=rows))

        yield show
