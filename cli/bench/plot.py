"""Bars and plots of block characters."""

from __future__ import annotations

from collections.abc import Sequence

from cli.bench.requests import Sample, answered

# From nothing to a whole character, from left and from below.
_FROM_LEFT, _FROM_BELOW = " ▏▎▍▌▋▊▉█", " ▁▂▃▄▅▆▇█"


def bar(value: float, maximum: float, width: int) -> str:
    """Return a bar whose length is a share of a width in characters."""
    eighths = round(value / maximum * width * 8)
    return (_FROM_LEFT[8] * (eighths // 8) + _FROM_LEFT[eighths % 8]).rstrip()


def plot(
    samples: Sequence[Sample], began_s: float, seconds: float, width: int, height: int
) -> list[str]:
    """Return lines that plot the highest latency over time; none without a latency.

    Args:
        samples: The requests; only those that succeeded are plotted.
        began_s: When the plot begins.
        seconds: The time that it spans.
        width: Characters of a line, without the scale.
        height: Number of lines.
    """
    columns = [0.0] * width
    for sample in answered(samples):
        column = min(int((sample.due_s - began_s) / seconds * width), width - 1)
        columns[column] = max(columns[column], sample.latency_s)
    highest = max(columns)
    if not highest:
        return []
    eighths = [round(latency_s / highest * height * 8) for latency_s in columns]
    scale = [f"{highest * 1000:.0f} ms", *[""] * (height - 1)]
    return [
        f"{mark:>9} ┤" + "".join(_FROM_BELOW[min(max(each - row * 8, 0), 8)] for each in eighths)
        for mark, row in zip(scale, reversed(range(height)), strict=True)
    ] + [f"{'0':>9} └" + "─" * width + f" {seconds:g} s"]
