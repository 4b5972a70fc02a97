"""Rates on a GPU: the encoder alone, and the whole way from an upload to a searchable image.

    python -m benchmarks.gpu --photos DIR --json out.json

On a machine without CUDA it says so and exits with status 69.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import torch

from benchmarks import options, photographs, weights
from benchmarks.figures import Figure, middle
from benchmarks.ingest import glimpse
from benchmarks.report import Report
from common.settings import Settings
from worker.encoders.backends.torch import TorchBackend
from worker.encoders.clip_openai import load_clip
from worker.encoders.compute import Compute
from worker.encoders.towers import Towers

# Batches to try: their sizes, and how many run at once. One at a time, the GPU waits while the next
# batch is stacked and copied.
_SIZES, _AT_ONCE = (32, 64, 128, 256), (1, 2)
# Batches of one measurement, per thread.
_BATCHES = 8


class NoGpu(click.ClickException):
    """This machine has no GPU that torch can use."""

    # EX_UNAVAILABLE of sysexits.h.
    exit_code = 69


def rate(backend: TorchBackend, towers: Towers, size: int, at_once: int) -> float:
    """Return the images per second of batches of one size, some of them at once."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (size, *towers.image_size, 3), np.uint8)
    backend.embed_images(pixels)
    began = time.perf_counter()
    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(backend.embed_images, [pixels] * at_once * _BATCHES))
    return size * at_once * _BATCHES / (time.perf_counter() - began)


def encoder_figures(
    weights_file: Path, device: str, sizes: tuple[int, ...], rounds: int
) -> list[Figure]:
    """Measure the encoder alone, as it is and compiled, in each way to batch."""
    compute = Compute.choose(Settings(device=device), bulk=True)
    found: list[Figure] = []
    for name, compiled in (("torch", False), ("torch.compile", True)):
        towers = load_clip("random", weights_file)
        backend = TorchBackend(towers, compute, compiled=compiled)
        for size in sizes:
            for at_once in _AT_ONCE:
                rates = [rate(backend, towers, size, at_once) for _ in range(rounds)]
                way = f"{name}: batches of {size}, {at_once} at once"
                found.append(Figure(way, middle(rates), "images/s"))
    return found


def pipeline_figures(photos: Path, variables: Mapping[str, str], rounds: int) -> list[Figure]:
    """Measure the whole way, with as many tasks as the worker derives from its batch."""
    runs = [glimpse.measure(photos, variables).view() for _ in range(rounds)]
    rates = [run["images_per_s"] for run in runs]
    return [Figure("glimpse: upload to searchable", middle(rates), "images/s")]


def _random(folder: Path, *, tiny: bool) -> Path:
    from tests.support.clip_weights import TINY, VIT_B_32, random_clip, save_state_dict

    return save_state_dict(random_clip(TINY if tiny else VIT_B_32), folder / "weights.pt")


@click.command()
@click.option("--device", default="cuda", show_default=True, help="As GLIMPSE_DEVICE.")
@options.PHOTOS
@options.WEIGHTS
@options.ROUNDS
@options.QUICK
@options.JSON
def main(
    device: str,
    photos: Path | None,
    weights_file: Path | None,
    rounds: int,
    quick: bool,
    out: Path | None,
) -> None:
    """Measure a GPU."""
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise NoGpu("torch finds no CUDA device on this machine, so there is nothing to measure.")
    gpu = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    rounds, sizes = (1, (4,)) if quick else (rounds, _SIZES)
    report = Report({"device": gpu, "rounds": rounds, "model": "tiny" if quick else "ViT-B/32"})
    with photographs.chosen(photos, quick) as folder, TemporaryDirectory() as made:
        file = weights_file or _random(Path(made), tiny=quick)
        report.add("encoder", encoder_figures(file, device, sizes, rounds), {})
        with weights.chosen(file, quick) as variables:
            on_device = {**variables, "GLIMPSE_DEVICE": device}
            report.add("pipeline", pipeline_figures(folder, on_device, rounds), {})
    report.write(out)


if __name__ == "__main__":
    main()
