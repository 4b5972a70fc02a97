"""The page: blocks that are rendered from results, between prose that stays."""

from __future__ import annotations

import pytest

from benchmarks.figures import Figure
from benchmarks.page.document import BadBlock, plots, render
from tests.unit.benchmarks.results import result

SEARCHES = [Figure("glimpse, 1 caller, idle, p50", 28.4, "ms"), Figure("added", 14, "ms")]
MISSING = "_Not measured yet; run `make bench-search PHOTOS=DIR`._"


def block(marker: str, body: str = "") -> str:
    return f"Before.\n\n<!-- {marker} -->\n{body}<!-- end -->\n\nAfter.\n"


def test_a_block_has_the_table_and_its_conditions() -> None:
    page = render(block("results: search / search"), {"search": result({"search": SEARCHES})})
    assert page == block(
        "results: search / search",
        "\n|  | p50 | measured |\n| --- | --: | --: |\n| glimpse, 1 caller, idle | 28.4 ms |  |\n"
        "| added |  | 14 ms |\n\n"
        "_Other programs used 0.25 cores. [Samples](../benchmarks/results/search.json)_\n\n",
    )


def test_rendering_again_changes_nothing() -> None:
    results = {"search": result({"search": SEARCHES})}
    page = render(block("results: search / search", "\nan old table\n\n"), results)
    assert "an old table" not in page
    assert render(page, results) == page


def test_patterns_choose_figures() -> None:
    marker = 'results: search / search | only="add*; nothing"'
    page = render(block(marker), {"search": result({"search": SEARCHES})})
    assert "| added | 14 ms |" in page
    assert "glimpse" not in page


@pytest.mark.parametrize("measured", [[], ["another part"]])
def test_what_was_not_measured_names_the_command(measured: list[str]) -> None:
    results = {"search": result(dict.fromkeys(measured, SEARCHES))} if measured else {}
    assert MISSING in render(block("results: search / search"), results)


def test_conditions_that_differ_from_most_results_are_named() -> None:
    results = {
        "api": result({"api": SEARCHES}),
        "search": result({"search": SEARCHES}, commit="fff0000", cores=16),
        "reindex": result({}),
    }
    page = render(block("machine") + block("results: search / search"), results)
    assert "at abc1234 on 2 cores of A processor, with Python 3.11.7, torch 2.15.0." in page
    assert "_At fff0000. On 16 cores of A processor. Other programs" in page
    assert "At abc1234" not in render(block("results: api / api"), results)


@pytest.mark.parametrize(("rounds", "says"), [(1, "_One round. Other"), (3, "_3 rounds. Other")])
def test_the_rounds_are_named(rounds: int, says: str) -> None:
    results = {"search": result({"search": SEARCHES}, rounds=rounds)}
    assert says in render(block("results: search / search"), results)


def test_without_results_the_page_says_so() -> None:
    assert "Nothing has been measured yet." in render(block("machine"), {})


@pytest.mark.parametrize(
    ("marker", "says"),
    [
        ("results: unknown / search", "There is no benchmark 'unknown'"),
        ('results: search / search | color="red"', "A block has no option 'color'"),
        ('results: search / search | only="x*"', "search / search has no figure like 'x*'"),
        ("plot: unknown", "There is no plot 'unknown'"),
    ],
)
def test_a_wrong_marker_is_refused(marker: str, says: str) -> None:
    with pytest.raises(BadBlock, match=says.replace("*", r"\*")):
        render(block(marker), {"search": result({"search": SEARCHES})})


def test_a_plot_is_linked_if_its_figures_were_measured() -> None:
    results = {"search": result({"search": SEARCHES})}
    drawn, absent = (
        render(block(f"plot: {name}"), results) for name in ("searches-idle", "memory")
    )
    assert "](plots/searches-idle.svg)" in drawn
    assert "_Peak memory of each part by the images ingested: not measured yet._" in absent
    assert plots(results).keys() == {"searches-idle"}
