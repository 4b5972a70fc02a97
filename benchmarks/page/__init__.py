"""The page of results, ``docs/benchmarks.md``, and its plots.

    python -m benchmarks.page

Its prose is written by hand; its tables and plots are rendered from ``benchmarks/results``.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.page import document
from benchmarks.page.results import read

_ROOT = Path(__file__).parent.parent.parent
# The published results, and the folder of the page that shows them.
RESULTS, DOCS = _ROOT / "benchmarks" / "results", _ROOT / "docs"
# The page's name; that of the published one is also the template of the others.
PAGE = "benchmarks.md"


def write(results: Path, out: Path) -> None:
    """Render the page of the results in a folder, and its plots, into another folder."""
    found = read(results)
    text = document.render((DOCS / PAGE).read_text(), found)
    drawn = document.plots(found)
    plots = out / "plots"
    plots.mkdir(parents=True, exist_ok=True)
    for old in plots.glob("*.svg"):
        old.unlink()
    for name, svg in drawn.items():
        (plots / f"{name}.svg").write_text(svg)
    (out / PAGE).write_text(text)
    print(f"Rendered {out / PAGE}, with {len(drawn)} plots.", flush=True)
