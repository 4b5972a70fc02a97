"""Figures as Markdown tables."""

from __future__ import annotations

import pytest

from benchmarks.figures import Figure, latency_figures
from benchmarks.page.tables import number, table


def rendered(*figures: Figure, split: str | None = None) -> list[str]:
    return table([figure.view() for figure in figures], split).splitlines()


def test_each_figure_is_a_row() -> None:
    assert rendered(Figure("rate", 34.567, "images/s"), Figure("  share", 0.99957, "")) == [
        "|  | measured |",
        "| --- | --: |",
        "| rate | 34.6 images/s |",
        "| share | 0.9996 |",
    ]


def test_a_bound_is_shown_with_whether_it_was_kept() -> None:
    kept, missed = Figure("a", 5, "ms", at_most=15), Figure("b", 0.5, "", at_least=0.9)
    assert rendered(kept, missed, Figure("c", 1, "s"))[2:] == [
        "| a | 5 ms | at most 15: kept |",
        "| b | 0.5 | at least 0.9: **missed** |",
        "| c | 1 s |  |",
    ]


def test_percentiles_share_a_row() -> None:
    figures = latency_figures("a search", [float(ms) for ms in range(101)], p50_at_most=15)
    assert rendered(*figures) == [
        "|  | p50 | p95 | p99 | bound |",
        "| --- | --: | --: | --: | --- |",
        "| a search | 50 ms | 95 ms | 99 ms | p50 at most 15: **missed** |",
    ]


def test_a_separator_splits_names_into_rows_and_columns() -> None:
    figures = [
        Figure("torch: a text", 78, "ms"),
        Figure("torch: pictures", 9.2, "images/s"),
        Figure("openvino: pictures", 13.6, "images/s"),
    ]
    assert rendered(*figures, split=": ") == [
        "|  | a text | pictures |",
        "| --- | --: | --: |",
        "| torch | 78 ms | 9.2 images/s |",
        "| openvino |  | 13.6 images/s |",
    ]


def test_how_figures_grow_is_shown_once() -> None:
    figures = latency_figures("a", [1.0])
    growing = Figure("b", 2, "B", scales="with the images")
    assert rendered(*figures, growing)[-1] == "| b |  |  |  | 2 B | with the images |"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (999.7, "ms", "1,000"),
        (20431.2, "rows/s", "20,431"),
        (376.4, "B", "376"),
        (0.00012345, "s", "0.000123"),
        (0.98765, "", "0.9877"),
        (0.0, "rows", "0"),
    ],
)
def test_numbers_have_the_digits_that_mean_something(value: float, unit: str, text: str) -> None:
    assert number(value, unit) == text
