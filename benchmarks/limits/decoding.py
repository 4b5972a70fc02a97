"""Decoding and resizing alone, as an ingest worker does for ViT-B/32, in one thread."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from benchmarks.figures import Figure, latency_figures
from benchmarks.photographs import paths_in
from benchmarks.scale.thumbnails import jpegs
from common.settings import load_settings
from worker.decoding.decode import decode
from worker.encoders.crop import centre_square

# Input side of ViT-B/32 in pixels; JPEGs are decoded at no less than twice that.
_SIDE = 224


def measure(photos: Path, camera: tuple[int, int], count: int) -> dict[str, list[float]]:
    """Return the processor milliseconds of each photograph, and of ``count`` camera pictures."""
    return {
        "a photograph": _times_ms(path.read_bytes() for path in paths_in(photos)),
        "a camera's picture": _times_ms(jpegs(count, camera)),
    }


def _times_ms(files: Iterable[bytes]) -> list[float]:
    pixels_max = load_settings().image_pixels_max
    times = []
    for data in files:
        begun = time.thread_time()
        centre_square(decode(data, pixels_max, 2 * _SIDE).image, _SIDE)
        times.append(1000 * (time.thread_time() - begun))
    return times


def figures(found: dict[str, list[float]]) -> list[Figure]:
    """Return the percentiles of the time, and the rate of a core."""
    rates = [
        Figure(f"{name}, each core", 1000 * len(ms) / sum(ms), "images/s")
        for name, ms in found.items()
    ]
    return [*rates, *(one for name, ms in found.items() for one in latency_figures(name, ms))]
