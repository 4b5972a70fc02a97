"""The plain way, the limit and Glimpse, measured in turn so that they share the machine's moods."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import own_process
from benchmarks.figures import Figure, cpu_figures, middle
from benchmarks.ingest import glimpse
from benchmarks.process_usage import Others
from benchmarks.weights import settings_for

# The least that Glimpse may reach, as a part of the encoder alone and as a multiple of the
# plain way.
_OF_LIMIT_MIN, _OF_TUTORIAL_MIN = 0.90, 2.5

WAYS = ("tutorial", "limit", "glimpse")

_NAMES = {
    "tutorial": "tutorial: one at a time, fp32",
    "limit": "limit: the encoder alone, one batch at a time",
    "glimpse": "glimpse: upload to searchable",
}

# One round: what each way measured, by name.
Round = dict[str, dict[str, Any]]


def measure(photos: Path, weights: Path, ways: Sequence[str], rounds: int) -> list[Round]:
    """Run every way once in each round, one after the other."""
    return [{way: _measure(way, photos, weights) for way in ways} for _ in range(rounds)]


def figures(measured: Sequence[Round]) -> list[Figure]:
    """Return the rates, their ratios and what Glimpse's parts cost, as medians of the rounds."""
    rates = {
        way: [one[way]["images_per_s"] for one in measured] for way in WAYS if way in measured[0]
    }
    rows = [Figure(_NAMES[way], middle(rates[way]), "images/s") for way in rates]
    if "limit" in rates:
        several = [one["limit"]["images_per_s_several_at_once"] for one in measured]
        rows.append(
            Figure("limit: the encoder alone, several at once", middle(several), "images/s")
        )
        if "glimpse" in rates:
            ratio = _ratio(rates["glimpse"], several)
            rows.append(Figure("glimpse / limit, several at once", ratio, "times"))
    rows += [
        Figure(f"glimpse / {other}", _ratio(rates["glimpse"], rates[other]), "times", least)
        for other, least in (("limit", _OF_LIMIT_MIN), ("tutorial", _OF_TUTORIAL_MIN))
        if {"glimpse", other} <= rates.keys()
    ]
    if "glimpse" in rates:
        rows += cpu_figures([one["glimpse"] for one in measured])
    return rows


def _measure(way: str, photos: Path, weights: Path) -> dict[str, Any]:
    others = Others()
    return _run(way, photos, weights) | {"others_cores": others.cores()}


def _run(way: str, photos: Path, weights: Path) -> dict[str, Any]:
    if way == "glimpse":
        return glimpse.measure(photos, weights).view()
    if way == "tutorial":
        return own_process.run("benchmarks.ingest.tutorial", photos=photos, weights=weights)
    return own_process.run("benchmarks.ingest.limit", settings_for(weights), photos=photos)


def _ratio(rates: Sequence[float], others: Sequence[float]) -> float:
    """Return the median of the ratios of each round."""
    return middle([rate / other for rate, other in zip(rates, others, strict=True)])
