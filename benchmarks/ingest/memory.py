"""Memory of the API and of the ingest worker, after few pictures and after many."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from benchmarks.stack import FreeWorker, WatchedStack

# Pictures after which memory is read first, and last.
FEW, MANY = 1_000, 20_000
# The parts that must not grow with the pictures; the stores hold what they are given.
_PARTS = ("api", "ingest_worker")
# How much more memory many pictures may take than few. Flat is 1; the allocator and
# threads that had nothing to do at first take the rest.
_GROWTH_MAX = 1.1


def measure(photos: Path, few: int = FEW, many: int = MANY) -> dict[str, Any]:
    """Return the peak resident memory of each part, in MiB, by number of pictures."""
    with (
        tempfile.TemporaryDirectory() as folder,
        WatchedStack(Path(folder), {}, photos, FreeWorker) as stack,
    ):
        stack.warm_up()
        stack.ingest(first=0, count=few)
        after_few = _peaks(stack)
        stack.ingest(first=few, count=many - few)
        after_many = _peaks(stack)
    return {"images": [few, many], "peak_mib": [after_few, after_many]}


def figures(measured: dict[str, Any]) -> list[Figure]:
    """Return the growth of each part beside its bound."""
    (few, many), (before, after) = measured["images"], measured["peak_mib"]
    rows = []
    for part in _PARTS:
        rows += [
            Figure(f"{part}, peak at {few:,} images", before[part], "MiB"),
            Figure(f"{part}, peak at {many:,} images", after[part], "MiB"),
            Figure(f"{part}, growth", after[part] / before[part], "times", at_most=_GROWTH_MAX),
        ]
    return rows


def _peaks(stack: WatchedStack) -> dict[str, float]:
    return {name: session.peak_rss_mib() for name, session in stack.sessions().items()}
