"""The plain way, the limit and Glimpse, interleaved so that noise affects them equally."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import own_process
from benchmarks.figures import Figure, cpu_figures, middle
from benchmarks.ingest import glimpse
from benchmarks.process_usage import Others

# Lower bounds on Glimpse's rate, relative to the encoder alone and to the plain way.
_OF_LIMIT_MIN, _OF_TUTORIAL_MIN = 0.90, 2.5

# The measurements of one round, by name of the way.
Round = dict[str, dict[str, Any]]


def measure(photos: Path, variables: Mapping[str, str], rounds: int) -> list[Round]:
    """Run every way once per round, in turn.

    Args:
        photos: Folder of the photographs.
        variables: Variables that select the model.
        rounds: Number of rounds.
    """
    ways: dict[str, Callable[[], dict[str, Any]]] = {
        "tutorial": lambda: own_process.run("benchmarks.ingest.tutorial", variables, photos=photos),
        "limit": lambda: own_process.run("benchmarks.ingest.limit", variables, photos=photos),
        "glimpse": lambda: glimpse.measure(photos, variables).view(),
    }
    return [{name: _measure(run) for name, run in ways.items()} for _ in range(rounds)]


def _measure(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    others = Others()
    return run() | {"others_cores": others.cores()}


def figures(rounds: Sequence[Round]) -> list[Figure]:
    """Return the rates, their ratios and the CPU time of Glimpse's parts, as medians."""
    tutorial, limit, ours = (
        [one[way]["images_per_s"] for one in rounds] for way in ("tutorial", "limit", "glimpse")
    )
    several = [one["limit"]["images_per_s_several_at_once"] for one in rounds]
    return [
        Figure("tutorial: one at a time, fp32", middle(tutorial), "images/s"),
        Figure("limit: the encoder alone, one batch at a time", middle(limit), "images/s"),
        Figure("limit: the encoder alone, several at once", middle(several), "images/s"),
        Figure("glimpse: upload to searchable", middle(ours), "images/s"),
        Figure("glimpse / limit", _ratio(ours, limit), "times", at_least=_OF_LIMIT_MIN),
        Figure("glimpse / limit, several at once", _ratio(ours, several), "times"),
        Figure("glimpse / tutorial", _ratio(ours, tutorial), "times", at_least=_OF_TUTORIAL_MIN),
        *cpu_figures([one["glimpse"] for one in rounds]),
    ]


def _ratio(rates: Sequence[float], others: Sequence[float]) -> float:
    """Return the median over the rounds of the ratio."""
    return middle([rate / other for rate, other in zip(rates, others, strict=True)])
