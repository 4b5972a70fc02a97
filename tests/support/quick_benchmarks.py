"""Quick runs of the benchmarks, and the names of their figures."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

from tests.support.make import made
from tests.support.services.forked import stand_in_for_benchmarks

# Figures that may be zero or negative: a part may use less CPU time than Linux counts, a level may
# find nothing, two engines may agree, and with so few searches the direct call may be slower.
ANY_SIZE = (
    "worst cosine",
    "processor time",
    "others on the machine",
    "found right after",
    "missed right after",
    "lost if killed",
    "embedded twice",
    "added to the direct",
    # A kill may meet no task.
    "at a kill",
    # Pictures of one colour share nothing with those of others.
    "noise",
)

COSTS = {
    f"processor time, {part}"
    for part in (
        *("api", "ingest_worker", "search_worker", "valkey", "milvus", "client", "all parts"),
    )
}


def quick(
    target: str, folder: Path, *, forks: bool = True, **variables: object
) -> dict[str, set[str]]:
    """Run a benchmark; return the names of its figures, by file and part.

    Args:
        target: The target of the Makefile.
        folder: Receives the results.
        forks: Whether its programs are forked from one that has imported most of their modules.
        variables: The target's variables.
    """
    python = stand_in_for_benchmarks() if forks else Path(sys.executable)
    made(target, QUICK=1, RESULTS=folder, BIN=python.parent, **variables)
    return figures_in(folder)


def figures_in(folder: Path) -> dict[str, set[str]]:
    """Return the names of the figures in a folder of results, by file and part."""
    names = {}
    for file in folder.glob("*.json"):
        for part, figures in json.loads(file.read_text())["figures"].items():
            names[f"{file.stem}: {part}"] = {figure["name"] for figure in figures}
            for figure in figures:
                value, name = figure["value"], figure["name"]
                assert math.isfinite(value), name
                assert value > 0 or any(word in name for word in ANY_SIZE), name
    return names


def latencies(*names: str) -> set[str]:
    return {f"{name}, p{share}" for name in names for share in (50, 95, 99)}
