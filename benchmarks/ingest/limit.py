"""The limit: Glimpse's encoder alone, on preprocessed pictures in memory.

GLIMPSE_CLIP_WEIGHTS=FILE python -m benchmarks.ingest.limit --photos DIR
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.photographs import paths_in
from common.settings import load_settings
from worker.decoding.decode import decode
from worker.encoders.base import Encoder
from worker.encoders.registry import load_encoder


def measure(
    encoder: Encoder, photos: Path, batches: Sequence[int], pictures: int, passes: int
) -> dict[str, Any]:
    """Return the encoder's rates at its best batch size: one at a time, and several at once.

    Concurrent batches share the cores. The sizes take turns, so that noise affects all of them.
    """
    pixels = [_prepared(encoder, path) for path in paths_in(photos)[:pictures]]
    cores = torch.get_num_threads() * encoder.concurrency
    ways = [(at_once, size) for at_once in {1, encoder.concurrency} for size in batches]
    # The first pass is slow: torch plans its kernels.
    found = [{way: _rate(encoder, pixels, *way, cores) for way in ways} for _ in range(1 + passes)]
    rates = {way: median(rates[way] for rates in found[1:]) for way in ways}
    return {
        "images_per_s": max(rate for (at_once, _), rate in rates.items() if at_once == 1),
        "images_per_s_several_at_once": max(rates.values()),
        "cores": cores,
        "ways": [
            {"batches_at_once": at_once, "batch": size, "images_per_s": rate}
            for (at_once, size), rate in rates.items()
        ],
    }


def _prepared(encoder: Encoder, path: Path) -> NDArray[np.uint8]:
    settings = load_settings()
    return encoder.preprocess(decode(path.read_bytes(), settings.image_pixels_max).image)


def _rate(
    encoder: Encoder, pixels: Sequence[NDArray[np.uint8]], at_once: int, size: int, cores: int
) -> float:
    torch.set_num_threads(cores // at_once)
    batches = [pixels[start : start + size] for start in range(0, len(pixels), size)]
    begun = time.perf_counter()
    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(encoder.encode_images, batches))
    return len(pixels) / (time.perf_counter() - begun)


@click.command()
@click.option("--photos", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--batches", default="8,16,32", help="Batch sizes to try.")
@click.option("--pictures", default=128, help="Pictures per pass.")
@click.option("--passes", default=2, help="Passes per batch size; the median counts.")
def main(photos: Path, batches: str, pictures: int, passes: int) -> None:
    """Measure the encoder alone and print JSON."""
    encoder = load_encoder(load_settings(), bulk=True)
    sizes = [int(size) for size in batches.split(",")]
    print(json.dumps(measure(encoder, photos, sizes, pictures, passes)))


if __name__ == "__main__":
    main()
