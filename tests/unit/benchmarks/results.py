"""Results to render, in the form of the benchmarks' files."""

from __future__ import annotations

from typing import Any

from benchmarks.figures import Figure
from benchmarks.page.results import Result


def result(
    figures: dict[str, list[Figure]],
    commit: str = "abc1234",
    cores: int = 2,
    rounds: int | None = None,
    raw: dict[str, Any] | None = None,
) -> Result:
    machine = {
        "commit": commit,
        "cpu": "A processor",
        "cores": cores,
        "python": "3.11.7",
        "packages": {"torch": "2.15.0", "openvino": None},
    }
    views = {part: [figure.view() for figure in some] for part, some in figures.items()}
    return Result(machine, 0.25, {"rounds": rounds} if rounds else {}, views, raw or {})
