"""``python -m benchmarks.gpu``: run the measurements and report them.

    python -m benchmarks.gpu --photos DIR --json out.json

On a machine without CUDA it says so and exits with status 69.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import click
import torch

from benchmarks import options, photographs, weights
from benchmarks.report import Report
from common.settings import Settings

# Sizes of batches to try.
_SIZES = (32, 64, 128, 256)
# Ingest workers that share the GPU.
_WORKERS = (1, 2, 4)
# How often every photograph is ingested, so that a run takes some seconds on a fast GPU.
_COPIES = 10


class NoGpu(click.ClickException):
    """This machine has no GPU that torch can use."""

    # EX_UNAVAILABLE of sysexits.h.
    exit_code = 69


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
    # Only now, since importing CLIP takes longer than to find that there is no GPU.
    from benchmarks.gpu import measures

    gpu = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    rounds, sizes, copies, workers = (
        (1, (4,), 1, (1,)) if quick else (rounds, _SIZES, _COPIES, _WORKERS)
    )
    # torch compiles less for float32 than for a precision that "auto" may choose.
    settings = Settings(device=device, precision="fp32" if quick else "auto")
    report = Report({"device": gpu, "rounds": rounds, "model": "tiny" if quick else "ViT-B/32"})
    with photographs.chosen(photos, quick) as folder, TemporaryDirectory() as made:
        file = weights_file or weights.random_weights(Path(made), tiny=quick)
        report.add("parity", measures.parity_figures(file, device), {})
        report.add("encoder", *measures.encoder(file, settings, sizes, rounds))
        with weights.chosen(file, quick) as variables:
            on_device = {**variables, "GLIMPSE_DEVICE": device}
            report.add("pipeline", *measures.pipeline(folder, on_device, rounds, copies, workers))
    report.write(out)


if __name__ == "__main__":
    main()
