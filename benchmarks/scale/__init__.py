"""What grows with the number of images, tasks, workers and callers, beside its bound.

Each module here is one part. It offers ``measure(quick: bool) -> Measured``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks.figures import Figure

# Modules of this package, in the order in which ``make bench`` runs them.
PARTS: tuple[str, ...] = (
    "redis_bytes",
    "upkeep",
    "workers",
    "waiters",
    "fairness",
    "thumbnails",
    "metrics",
    "reads",
    "index",
    "page",
)


class Measured(NamedTuple):
    """The figures of one part, and the raw data that they are computed from."""

    figures: Sequence[Figure]
    raw: Any
