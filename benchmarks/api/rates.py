"""Figures from the rounds: rates against their targets, and CPU time per answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.api.requests import QUESTIONS, Question
from benchmarks.figures import Figure, middle

# The measurements of one round, of Glimpse and of the bare view, by question.
Round = dict[str, Any]

# CPU milliseconds per second of the two cores that the targets assume.
_TWO_CORES_MS_PER_S = 2000.0


def rate_figures(rounds: Sequence[Round]) -> list[Figure]:
    """Return the figures of every question, as medians over the rounds."""
    found = [
        figure
        for key, question in QUESTIONS.items()
        for figure in _of(question, [one[key] for one in rounds])
    ]
    busy = middle([one["others_cores"] for one in rounds])
    return [*found, Figure("others on the machine", busy, "cores")]


def _of(question: Question, runs: Sequence[Round]) -> list[Figure]:
    rate = middle([run["glimpse"]["per_s"] for run in runs])
    return [
        Figure(question.name, rate, "requests/s", at_least=question.per_s_min),
        *(
            Figure(f"{question.name}: {name}", middle([read(run) for run in runs]), unit)
            for name, (unit, read) in _READINGS.items()
        ),
    ]


def _cost_in_bare_views(run: Round) -> float:
    """Return the API's CPU time relative to a bare view's; other load hardly affects it."""
    return float(run["glimpse"]["cpu_ms"]["api"] / run["bare"]["cpu_ms"]["api"])


def _client_share(run: Round) -> float:
    costs = run["glimpse"]["cpu_ms"]
    return float(100 * costs["client"] / sum(costs.values()))


def _without_client(run: Round) -> float:
    """Return the requests per second that two cores could serve with the client elsewhere."""
    costs = run["glimpse"]["cpu_ms"]
    return float(_TWO_CORES_MS_PER_S / (sum(costs.values()) - costs["client"]))


# Further figures of each question: name, unit, and how to read it from a round.
_READINGS: dict[str, tuple[str, Callable[[Round], float]]] = {
    "p50": ("ms", lambda run: run["glimpse"]["p50_ms"]),
    "p99": ("ms", lambda run: run["glimpse"]["p99_ms"]),
    "a bare view": ("requests/s", lambda run: run["bare"]["per_s"]),
    "glimpse / bare": ("times", lambda run: run["glimpse"]["per_s"] / run["bare"]["per_s"]),
    "processor time, api": ("ms", lambda run: run["glimpse"]["cpu_ms"]["api"]),
    "processor time, valkey": ("ms", lambda run: run["glimpse"]["cpu_ms"]["valkey"]),
    "processor time, client": ("ms", lambda run: run["glimpse"]["cpu_ms"]["client"]),
    "processor time, bare": ("ms", lambda run: run["bare"]["cpu_ms"]["api"]),
    "glimpse / bare, by processor time": ("times", _cost_in_bare_views),
    "the client's share of it": ("%", _client_share),
    "two cores with no client": ("requests/s", _without_client),
}
