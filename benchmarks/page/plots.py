"""The plots of the page: what each draws from which results."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from benchmarks.page.results import Results, values
from benchmarks.page.svg import bars, lines

# The parts of the service in the results, and in the plots: each has the same colour in all.
_PARTS = {
    "ingest_worker": "ingest worker",
    "search_worker": "search worker",
    "api": "API",
    "milvus": "Milvus",
    "valkey": "Valkey",
    "client": "client",
}
_BATCHES = re.compile(r"batches of (\d+), (.+)")
_SEARCHES = re.compile(r"glimpse, (\d+) callers?, (idle|beside ingest), (p\d+)")
_COST = "processor time, "

# Draws a plot, or returns None if what it shows has not been measured.
Draw = Callable[[Results], str | None]


def _encoder(results: Results) -> str | None:
    """Draw the encoder's rate by batch size, for each number of batches at once."""
    series: dict[str, dict[int, float]] = {}
    for name, rate in _values(results, "limits", "encoder").items():
        if found := _BATCHES.fullmatch(name):
            series.setdefault(found[2], {})[int(found[1])] = rate
    return _by_size("The encoder alone", "pictures in a batch", "images/s", series)


def _latencies(when: str, results: Results) -> str | None:
    """Draw the percentiles of a search's latency by the number of callers."""
    measured = _values(results, "search", "search")
    series: dict[str, dict[int, float]] = {}
    highest = 0.0
    for name, ms in measured.items():
        if found := _SEARCHES.fullmatch(name):
            highest = max(highest, ms)
            if found[2] == when:
                series.setdefault(found[3], {})[int(found[1])] = ms
    # Both plots have the same scale, so that they can be compared.
    return _by_size(f"A search, {when}", "concurrent callers", "ms", series, highest)


def _memory(results: Results) -> str | None:
    """Draw each part's peak memory by the number of images ingested."""
    if "ingest" not in results or "free model" not in results["ingest"].raw:
        return None
    raw = results["ingest"].raw["free model"]
    readings = list(zip(raw["images"], raw["peak_mib"], strict=True))
    series = {
        name: {images: peaks[part] for images, peaks in readings}
        for part, name in _PARTS.items()
        if part in raw["peak_mib"][0]
    }
    return _by_size("Peak memory", "images ingested", "MiB", series)


def _by_size(
    title: str,
    across: str,
    unit: str,
    series: Mapping[str, Mapping[int, float]],
    highest: float | None = None,
) -> str | None:
    if not series:
        return None
    sizes = sorted({size for points in series.values() for size in points})
    points = {name: [found.get(size) for size in sizes] for name, found in series.items()}
    return lines(title, across, unit, [f"{size:,}" for size in sizes], points, highest)


def _time(results: Results) -> str | None:
    """Draw the processor time of an image and of a search, by part of the service."""
    searches = _values(results, "search", "processor time")
    rows = {
        "image": _costs(_values(results, "ingest", "encoding"), ""),
        "image, no-op model": _costs(_values(results, "ingest", "free model"), ""),
        **{
            f"search, {callers}": _costs(searches, f"{callers}: ")
            for callers in dict.fromkeys(name.partition(":")[0] for name in searches)
        },
    }
    measured = {name: costs for name, costs in rows.items() if costs}
    if not measured:
        return None
    series = {
        name: [costs.get(part) for costs in measured.values()] for part, name in _PARTS.items()
    }
    return bars("Processor time of each", "ms", list(measured), series)


def _costs(figures: Mapping[str, float], prefix: str) -> dict[str, float]:
    start = f"{prefix}{_COST}"
    return {
        name.removeprefix(start): ms
        for name, ms in figures.items()
        if name.removeprefix(start) in _PARTS
    }


def _values(results: Results, name: str, part: str) -> dict[str, float]:
    return values(results[name], part) if name in results else {}


PLOTS: Mapping[str, Draw] = {
    "encoder": _encoder,
    "searches-idle": partial(_latencies, "idle"),
    "searches-beside-ingest": partial(_latencies, "beside ingest"),
    "memory": _memory,
    "time": _time,
}
# What each plot shows, for those who do not see it.
ALTS: Mapping[str, str] = {
    "encoder": "Images per second of the encoder alone by the pictures in a batch",
    "searches-idle": "Latency of a search by concurrent callers, with nothing else to do",
    "searches-beside-ingest": "Latency of a search by concurrent callers, during ingest",
    "memory": "Peak memory of each part by the images ingested",
    "time": "Processor time of an image and of a search, by part",
}
