"""Progress bars with rate and time left, on stderr because stdout carries the result."""

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
    """The average number of pictures per second."""

    def render(self, task: Task) -> Text:
        """Render the rate, without what was done before, or nothing before the first picture."""
        done = task.completed - task.fields.get("uncounted", 0)
        rate = done / task.elapsed if task.elapsed else 0.0
        return Text(f"{rate:.1f}/s" if rate else "", style="progress.data.speed")


def make_progress_bars(hidden: bool) -> Progress:
    """Create a display for progress bars.

    Args:
        hidden: Show no bars, whether or not a person reads stderr.
    """
    console = Console(stderr=True)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=hidden or not console.is_terminal,
    )


class UploadBars:
    """Progress bars of a bulk upload, one for each stage.

    Args:
        bars: The display.
    """

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._hashing = bars.add_task("Hashing", total=None)
        self._uploading = bars.add_task("Uploading", total=None)
        self._processing = bars.add_task("Processing", total=None)

    def expect(self, files: int) -> None:
        """Set the number of files to hash."""
        self._bars.update(self._hashing, total=files)

    def show(self, progress: UploadProgress) -> None:
        """Show the progress of the upload."""
        self._bars.update(self._hashing, completed=progress.hashed)
        if progress.all_hashed:
            self.expect(progress.hashed)
        self._bars.update(self._uploading, completed=progress.sent, total=progress.to_send)
        self._bars.update(self._processing, completed=progress.done, total=progress.total)


@contextmanager
def upload_bars(hidden: bool = False) -> Iterator[UploadBars]:
    """Show the progress bars of a bulk upload; see ``make_progress_bars``."""
    with make_progress_bars(hidden) as bars:
        yield UploadBars(bars)
