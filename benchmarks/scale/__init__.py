"""What grows with the number of images, tasks, workers and callers, beside its bound.

Each module here is one part: a function ``measure(quick: bool) -> Measured``.
"""

from __future__ import annotations

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
