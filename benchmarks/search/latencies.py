"""How the latencies of many searches are told."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.figures import Figure, percentile

# Shares of the searches that are not slower.
_SHARES = (50, 95, 99)


def latency_figures(name: str, ms: Sequence[float]) -> list[Figure]:
    """Return the percentiles of some latencies as figures."""
    return [Figure(f"{name}, p{share}", percentile(ms, share), "ms") for share in _SHARES]
