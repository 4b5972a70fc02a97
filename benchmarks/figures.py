"""Figures and their bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number and its bound.

    Attributes:
        name: What was measured.
        value: The number.
        unit: The unit of the number.
        at_least: Lower bound, if any.
        at_most: Upper bound, if any.
        scales: How the number grows with the size of the service, if that is known.
    """

    name: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None
    scales: str = ""

    @property
    def within_bound(self) -> bool | None:
        """Whether the value is within its bound; None if it has no bound."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return None if self.at_most is None else self.value <= self.at_most

    @property
    def bound(self) -> str:
        """The bound in words; empty if there is none."""
        if self.at_least is not None:
            return f"at least {self.at_least:g}"
        return "" if self.at_most is None else f"at most {self.at_most:g}"

    def view(self) -> dict[str, Any]:
        """Return the figure's JSON form."""
        plain = {"name": self.name, "value": float(f"{self.value:.5g}"), "unit": self.unit}
        if self.scales:
            plain["scales"] = self.scales
        if self.within_bound is None:
            return plain
        return plain | {"bound": self.bound, "within_bound": self.within_bound}


class Measured(NamedTuple):
    """The figures of one part, and the samples that they are computed from."""

    figures: Sequence[Figure]
    raw: Any


def middle(values: Sequence[float]) -> float:
    """Return the median of several rounds."""
    return float(median(values))


def percentile(values: Sequence[float], share: int) -> float:
    """Return the percentile of the values; ``share`` is in percent."""
    return sorted(values)[min(int(len(values) * share / 100), len(values) - 1)]


def cpu_figures(runs: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """Return each part's CPU time per image, as medians of several runs."""
    parts = runs[0]["cpu_ms_per_image"]
    costs = {part: middle([run["cpu_ms_per_image"][part] for run in runs]) for part in parts}
    costs["all parts"] = middle([run["cpu_ms_per_image_in_all"] for run in runs])
    return [Figure(f"processor time, {part}", cost, "ms/image") for part, cost in costs.items()]


def latency_figures(
    name: str, ms: Sequence[float], p50_at_most: float | None = None
) -> list[Figure]:
    """Return percentiles of latencies in milliseconds; the median may have a bound."""
    bounds = {50: p50_at_most, 95: None, 99: None}
    return [
        Figure(f"{name}, p{share}", percentile(ms, share), "ms", at_most=bound)
        for share, bound in bounds.items()
    ]


def table(title: str, figures: Sequence[Figure]) -> str:
    """Return figures as a human-readable table."""
    width = max(len(figure.name) for figure in figures)
    return "\n".join([title, *(_line(figure, width) for figure in figures), ""])


def _line(figure: Figure, width: int) -> str:
    verdict = {True: "kept", False: "MISSED", None: ""}[figure.within_bound]
    value = f"{figure.value:,.2f}".rstrip("0").rstrip(".")
    rest = f"{figure.bound:<14} {verdict:<6}  {figure.scales}"
    return f"  {figure.name:<{width}}  {value:>10} {figure.unit:<10} {rest}".rstrip()
