"""The files of results that benchmarks wrote."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The JSON form of a figure; see ``benchmarks.figures.Figure.view``.
View = Mapping[str, Any]

# What is the same for most results: the commit, the processor and the number of cores.
Conditions = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Result:
    """What one benchmark measured, and where.

    Attributes:
        machine: The machine; see ``benchmarks.machine.machine``.
        others_cores: Cores that other programs used meanwhile.
        settings: Sizes of the measurement.
        figures: The figures of each part.
        raw: The samples of each part.
    """

    machine: Mapping[str, Any]
    others_cores: float
    settings: Mapping[str, Any]
    figures: Mapping[str, Sequence[View]]
    raw: Mapping[str, Any]

    @property
    def conditions(self) -> Conditions:
        """The commit, the processor and the number of cores."""
        return self.machine["commit"], self.machine["cpu"], self.machine["cores"]


Results = Mapping[str, Result]


def read(folder: Path) -> dict[str, Result]:
    """Return the results in a folder, by the name of the benchmark."""
    return {file.stem: _read(file) for file in sorted(folder.glob("*.json"))}


def _read(file: Path) -> Result:
    found = json.loads(file.read_text())
    return Result(
        found["machine"], found["others_cores"], found["settings"], found["figures"], found["raw"]
    )


def usual(results: Results) -> Result | None:
    """Return a result with the conditions that most results share; None if there are none."""
    if not results:
        return None
    counts = Counter(result.conditions for result in results.values())
    return max(results.values(), key=lambda result: counts[result.conditions])


def values(result: Result, part: str) -> dict[str, float]:
    """Return the values of a part's figures by name."""
    return {figure["name"]: figure["value"] for figure in result.figures.get(part, ())}
