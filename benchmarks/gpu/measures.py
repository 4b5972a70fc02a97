"""What a GPU gives: vectors beside the CPU's, the encoder's rates, and ingest as a whole."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.figures import Figure, Measured, cpu_figures, middle
from benchmarks.ingest import glimpse
from benchmarks.parity import distance_figures
from common.settings import Settings
from worker.encoders.backends.torch import TorchBackend
from worker.encoders.clip.loading import load_clip
from worker.encoders.compute import Compute
from worker.encoders.towers import Towers

# Batches at once to try: one at a time, the GPU waits while the next batch is stacked and copied.
_AT_ONCE = (1, 2)
# Batches of one measurement, per thread.
_BATCHES = 8
# Texts of one measurement, one after another.
_TEXTS = 50
_TEXT = "a white dog on green grass"

# Millionths by which a cosine may fall short of 1, by precision.
_DISTANCES = {"fp32": 10, "fp16": 1000, "bf16": 1000}


def rate(backend: TorchBackend, towers: Towers, size: int, at_once: int) -> float:
    """Return the images per second of batches of one size, some of them at once."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (size, *towers.image_size, 3), np.uint8)
    backend.embed_images(pixels)
    began = time.perf_counter()
    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(backend.embed_images, [pixels] * at_once * _BATCHES))
    return size * at_once * _BATCHES / (time.perf_counter() - began)


def parity_figures(weights_file: Path, device: str) -> list[Figure]:
    """Compare the vectors of each precision with those of the CPU in float32."""
    made = []
    for precision, at_most in _DISTANCES.items():
        settings = Settings.model_validate({"device": device, "precision": precision})
        compute = Compute.choose(settings, bulk=True)
        backend = TorchBackend(load_clip("random", weights_file), compute)
        plain = load_clip("random", weights_file)
        made += distance_figures(precision, backend, backend, plain, at_most)
    return made


def text_ms(backend: TorchBackend, towers: Towers) -> float:
    """Return the milliseconds of one text."""
    tokens = towers.tokenize([_TEXT])
    backend.embed_texts(tokens)
    began = time.perf_counter()
    for _ in range(_TEXTS):
        backend.embed_texts(tokens)
    return (time.perf_counter() - began) / _TEXTS * 1000


def encoder(
    weights_file: Path, settings: Settings, sizes: tuple[int, ...], rounds: int
) -> Measured:
    """Measure the encoder alone, as it is and compiled, in each way to batch."""
    compute = Compute.choose(settings, bulk=True)
    found: list[Figure] = []
    samples: dict[str, list[float]] = {}
    for name, compiled in (("torch", False), ("torch.compile", True)):
        towers = load_clip("random", weights_file)
        backend = TorchBackend(towers, compute, compiled=compiled)
        for size in sizes:
            for at_once in _AT_ONCE:
                rates = [rate(backend, towers, size, at_once) for _ in range(rounds)]
                way = f"{name}: batches of {size}, {at_once} at once"
                samples[way] = rates
                found.append(Figure(way, middle(rates), "images/s"))
        found.append(Figure(f"{name}: a text", text_ms(backend, towers), "ms"))
    return Measured(found, samples)


def pipeline(
    photos: Path, variables: Mapping[str, str], rounds: int, copies: int, workers: tuple[int, ...]
) -> Measured:
    """Measure the whole way, with some numbers of ingest workers that share the GPU.

    First with one whose decoders are threads. By default, they are processes on a GPU.
    """
    threads = {**variables, "GLIMPSE_DECODE_IN": "threads"}
    ways = {"1 ingest worker, decoders in threads": (1, threads)} | {
        f"{count} ingest worker{'s'[: count > 1]}": (count, variables) for count in workers
    }
    made: list[Figure] = []
    samples = {}
    for way, (count, chosen) in ways.items():
        runs = [
            glimpse.measure(photos, chosen, copies=copies, workers=count).view()
            for _ in range(rounds)
        ]
        samples[way] = runs
        rate = middle([run["images_per_s"] for run in runs])
        made.append(Figure(f"upload to searchable, {way}", rate, "images/s"))
        if way == "1 ingest worker":
            made += cpu_figures(runs)
    return Measured(made, samples)
