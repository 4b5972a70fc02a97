"""Progress bars with a rate and the time left; on stderr, so that stdout stays the answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from cli.bulk.progress import UploadProgress


class RateColumn(ProgressColumn):
    """Pictures per second, on the average so far."""

    def render(self, task: Task) -> Text:
        """Draw the rate of a task, once something is done."""
        rate = task.completed / task.elapsed if task.elapsed else 0.0
        return Text(f"{rate:.1f}/s" if rate else "", style="progress.data.speed")


def make_bars(hidden: bool) -> Progress:
    """Make the display for bars.

    Args:
        hidden: Show none, for output that a program reads.
    """
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=hidden,
    )


class UploadBars:
    """Bars of a bulk upload, one for each stage.

    Args:
        bars: Where they are drawn.
    """

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._hashing = bars.add_task("Hashing", total=None)
        self._uploading = bars.add_task("Uploading", total=None)
        self._processing = bars.add_task("Processing", total=None)

    def expect(self, files: int) -> None:
        """Show how many files there are to be hashed."""
        self._bars.update(self._hashing, total=files)

    def show(self, progress: UploadProgress) -> None:
        """Show how far the upload is."""
        self._bars.update(self._hashing, completed=progress.hashed)
        if progress.all_hashed:
            self.expect(progress.hashed)
        self._bars.update(self._uploading, completed=progress.sent, total=progress.to_send)
        self._bars.update(self._processing, completed=progress.done, total=progress.total)


@contextmanager
def upload_bars(hidden: bool = False) -> Iterator[UploadBars]:
    """Show the bars of a bulk upload; see ``make_bars``."""
    with make_bars(hidden) as bars:
        yield UploadBars(bars)
