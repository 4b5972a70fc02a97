"""The limit: Glimpse's encoder alone, on pictures that are prepared and in memory.

GLIMPSE_CLIP_WEIGHTS=FILE python -m benchmarks.ingest.limit --photos DIR
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.ingest.photographs import paths_in
from common.decode import decode
from common.settings import load_settings
from worker.encoders.base import Encoder
from worker.encoders.registry import load_encoder

# Sizes of a batch to try.
BATCHES = (8, 16, 32, 64, 128)
# Pictures of one pass; one batch of the largest size.
PICTURES = 128
# Passes with each size. They take turns, so that a busy moment of the machine is shared.
PASSES = 3


def measure(encoder: Encoder, photos: Path) -> dict[str, Any]:
    """Return the rate at each size of a batch, and the best."""
    pixels = [_prepared(encoder, path) for path in paths_in(photos)[:PICTURES]]
    for size in BATCHES:
        # The first batch of its size is slow: torch makes its plans.
        encoder.encode_images(pixels[:size])
    passes = [{size: _rate(encoder, pixels, size) for size in BATCHES} for _ in range(PASSES)]
    rates = {size: median(rates[size] for rates in passes) for size in BATCHES}
    best = max(rates, key=lambda size: rates[size])
    return {
        "images_per_s": rates[best],
        "batch": best,
        "images_per_s_by_batch": rates,
        "torch_threads": torch.get_num_threads(),
    }


def _prepared(encoder: Encoder, path: Path) -> NDArray[np.uint8]:
    settings = load_settings()
    return encoder.preprocess(decode(path.read_bytes(), settings.image_pixels_max).image)


def _rate(encoder: Encoder, pixels: Sequence[NDArray[np.uint8]], size: int) -> float:
    begun = time.perf_counter()
    for start in range(0, len(pixels), size):
        encoder.encode_images(pixels[start : start + size])
    return len(pixels) / (time.perf_counter() - begun)


@click.command()
@click.option("--photos", type=click.Path(exists=True, path_type=Path), required=True)
def main(photos: Path) -> None:
    """Measure the encoder alone and print JSON."""
    print(json.dumps(measure(load_encoder(load_settings()), photos)))


if __name__ == "__main__":
    main()
