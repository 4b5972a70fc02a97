"""Progress bars with a rate and the time left; on stderr, so that stdout stays the answer."""

from __future__ import annotations

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
