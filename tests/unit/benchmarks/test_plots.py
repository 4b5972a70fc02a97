"""The plots of the page."""

from __future__ import annotations

from xml.etree import ElementTree

from benchmarks.figures import Figure
from benchmarks.page.plots import ALTS, PLOTS
from benchmarks.page.results import Results
from tests.unit.benchmarks.results import result

PEAKS = [{"api": 180.0, "milvus": 300.0}, {"api": 181.0, "milvus": 900.0}]
RESULTS: Results = {
    "limits": result(
        {"encoder": [Figure(f"batches of {n}, one at a time", 9 * n, "images/s") for n in (1, 32)]}
    ),
    "search": result(
        {
            "search": [
                Figure(f"glimpse, {callers}, {when}, p50", ms, "ms")
                for when in ("idle", "beside ingest")
                for callers, ms in (("1 caller", 28), ("8 callers", 103))
            ],
            "processor time": [Figure("1 caller: processor time, api", 5, "ms")],
        }
    ),
    "ingest": result(
        {"encoding": [Figure("processor time, ingest_worker", 54, "ms/image")]},
        raw={"free model": {"images": [1000, 20_000], "peak_mib": PEAKS}},
    ),
}


def texts(name: str) -> list[str]:
    """Return the texts that a plot shows."""
    svg = PLOTS[name](RESULTS)
    assert svg is not None
    root = ElementTree.fromstring(svg)
    return [str(text.text) for text in root.iter("{http://www.w3.org/2000/svg}text")]


def test_each_plot_has_an_alternative_text() -> None:
    assert PLOTS.keys() == ALTS.keys()


def test_rates_by_batch_size() -> None:
    assert {"The encoder alone", "1", "32", "one at a time"} <= set(texts("encoder"))


def test_latencies_by_callers() -> None:
    for name in ("searches-idle", "searches-beside-ingest"):
        assert {"1", "8", "p50"} <= set(texts(name))


def test_both_plots_of_latencies_have_the_same_scale() -> None:
    slow = [Figure("glimpse, 8 callers, beside ingest, p99", 5000, "ms")]
    slower = {
        "search": result({"search": [Figure("glimpse, 1 caller, idle, p50", 9, "ms"), *slow]})
    }
    assert "5000" in str(PLOTS["searches-idle"](slower))


def test_memory_by_images() -> None:
    assert {"1,000", "20,000", "API", "Milvus"} <= set(texts("memory"))


def test_processor_time_by_part() -> None:
    shown = texts("time")
    assert {"image", "search, 1 caller", "ingest worker", "API"} <= set(shown)
    assert "image, no-op model" not in shown


def test_the_same_results_give_the_same_bytes() -> None:
    for draw in PLOTS.values():
        assert draw(RESULTS) == draw(RESULTS)


def test_plots_have_colours_for_both_schemes_and_run_nothing() -> None:
    for draw in PLOTS.values():
        svg = str(draw(RESULTS))
        assert "prefers-color-scheme:dark" in svg
        assert "<script" not in svg
        # Neither pygal's version nor the date.
        assert "<!--" not in svg


def test_without_results_there_are_no_plots() -> None:
    assert not any(draw({}) for draw in PLOTS.values())
