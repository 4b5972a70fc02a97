"""Figures as Markdown tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from benchmarks.page.results import View

# Percentiles of a latency, which become the columns of its row.
_PERCENTILE = re.compile(r"(.+), (p\d+)$")

# The figures of a row by their columns.
Row = Mapping[str, View]


def table(figures: Sequence[View], split: str | None) -> str:
    """Return figures as a table.

    Args:
        figures: The figures, in order; there is at least one.
        split: Separates a row's name from a column's in the names of figures. Without it, each
            figure is a row, but percentiles of the same thing share one.
    """
    rows: dict[str, dict[str, View]] = {}
    for figure in figures:
        name, column = _place(figure["name"].strip(), split)
        rows.setdefault(name, {})[column] = figure
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    further = {
        head: tell
        for head, key, tell in (("bound", "bound", _bounds), ("grows", "scales", _growth))
        if any(key in figure for figure in figures)
    }
    lines = [
        ["", *(column or "measured" for column in columns), *further],
        ["---", *["--:"] * len(columns), *["---"] * len(further)],
        *(
            [name, *(_value(row.get(column)) for column in columns)]
            + [tell(row) for tell in further.values()]
            for name, row in rows.items()
        ),
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _place(name: str, split: str | None) -> tuple[str, str]:
    """Return the row and the column of a figure."""
    if split is not None:
        row, _, column = name.partition(split)
        return row, column
    found = _PERCENTILE.match(name)
    return (found[1], found[2]) if found else (name, "")


def _value(figure: View | None) -> str:
    if figure is None:
        return ""
    return f"{number(figure['value'], figure['unit'])} {figure['unit']}".rstrip()


def number(value: float, unit: str = "") -> str:
    """Return a number with the digits that mean something: four of a share, three of the rest."""
    if abs(value) >= 999.5:
        return f"{value:,.0f}"
    return f"{value:.{3 if unit else 4}g}"


def _bounds(row: Row) -> str:
    """Return the bounds of a row, and whether each was kept."""
    verdicts = {True: "kept", False: "**missed**"}
    return "; ".join(
        f"{column} {figure['bound']}: {verdicts[figure['within_bound']]}".strip()
        for column, figure in row.items()
        if "bound" in figure
    )


def _growth(row: Row) -> str:
    """Return how the values of a row grow, each way once."""
    return "; ".join(dict.fromkeys(one["scales"] for one in row.values() if "scales" in one))
