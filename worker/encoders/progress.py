"""Progress of a download: into the log, or as a bar on a terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

# Takes the bytes received so far, and their final number if it is known.
Progress = Callable[[int, int | None], None]

# Bytes between progress lines in the log.
_LOG_BYTES = 32 * 1024**2


def logged() -> Progress:
    """Return a progress that writes a line to the log from time to time."""
    shown = 0

    def show(received: int, total: int | None) -> None:
        nonlocal shown
        if received // _LOG_BYTES != shown:
            shown = received // _LOG_BYTES
            log.info("weights.progress bytes=%d of=%s", received, total or "unknown")

    return show


@contextmanager
def drawn(title: str) -> Iterator[Progress]:
    """Show a progress bar on stderr; if that is no terminal, write to the log."""
    if not sys.stderr.isatty():
        yield logged()
        return
    # Workers draw nothing, so they do not import it.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        *(BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(title, total=None, visible=False)

        def show(received: int, total: int | None) -> None:
            bars.update(task, completed=received, total=total, visible=True)

        yield show
