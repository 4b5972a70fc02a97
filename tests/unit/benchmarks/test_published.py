"""The published page is what rendering the published results gives."""

from __future__ import annotations

import json
import re
from pathlib import Path

from benchmarks.page import DOCS, PAGE, RESULTS, document, write
from benchmarks.page.results import read
from benchmarks.suite import BENCHMARKS

# Maximum size of a file of results in bytes.
SIZE_MAX = 200_000


def test_the_page_and_its_plots_are_rendered_from_the_results(tmp_path: Path) -> None:
    write(RESULTS, tmp_path)
    assert (DOCS / PAGE).read_text() == (tmp_path / PAGE).read_text(), "Run `make bench-docs`."
    published, rendered = (
        {file.name: file.read_text() for file in (folder / "plots").glob("*.svg")}
        for folder in (DOCS, tmp_path)
    )
    assert published == rendered, "Run `make bench-docs`."


def test_no_table_with_figures_is_typed_by_hand() -> None:
    prose = document.render((DOCS / PAGE).read_text(), {})
    rows = [line for line in prose.splitlines() if line.startswith("|")]
    assert not [row for row in rows if re.search(r"\b\d", row)]


def test_every_benchmark_is_on_the_page() -> None:
    shown = set(re.findall(r"<!-- results: (\S+) /", (DOCS / PAGE).read_text()))
    assert shown == {benchmark.name for benchmark in BENCHMARKS}


def test_every_figure_that_was_published_is_on_the_page() -> None:
    page = (DOCS / PAGE).read_text()
    for name, result in read(RESULTS).items():
        for part in result.figures:
            assert f"<!-- results: {name} / {part}" in page


def test_plots_that_are_no_longer_drawn_are_removed(tmp_path: Path) -> None:
    old = tmp_path / "plots" / "old.svg"
    old.parent.mkdir()
    old.touch()
    write(RESULTS, tmp_path)
    assert not old.exists()


def test_files_of_results_are_complete_and_small() -> None:
    for file in RESULTS.glob("*.json"):
        assert file.stem in {benchmark.name for benchmark in BENCHMARKS}
        assert file.stat().st_size < SIZE_MAX, file.name
        found = json.loads(file.read_text())
        assert found["figures"].keys() == found["raw"].keys()
        assert not found["machine"]["commit"].endswith("-dirty"), f"Measure {file.name} committed."
