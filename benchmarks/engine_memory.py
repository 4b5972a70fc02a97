"""Memory of a process that holds a CLIP model as a worker does; prints JSON.

GLIMPSE_BACKEND=openvino python -m benchmarks.engine_memory --weights FILE --queue ingest
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from common.contract import INGEST_QUEUE, QUEUES
from common.settings import Settings, load_settings
from worker.encoders.backends.choose import choose_backend
from worker.encoders.clip.loading import load_clip
from worker.encoders.compute import Compute

# Batches that are embedded, and their size.
_BATCHES, _SIZE = 4, 16


def measure(settings: Settings, weights: Path, *, bulk: bool) -> None:
    """Embed what a worker embeds (batches of pictures, or a text and a picture), and print."""
    towers = load_clip("random", weights)
    backend = choose_backend(towers, Compute.choose(settings, bulk=bulk), settings, bulk=bulk)
    pixels = np.zeros((_SIZE if bulk else 1, *towers.image_size, 3), np.uint8)
    if not bulk:
        backend.embed_texts(towers.tokenize(["a white dog on green grass"]))
    del towers
    for _ in range(_BATCHES):
        backend.embed_images(pixels)
    memory = {"after": _mb("VmRSS"), "private": _mb("RssAnon"), "peak": _mb("VmHWM")}
    print(json.dumps(memory))


def _mb(field: str) -> float:
    """Return a figure of this process's memory in MB, by its name in ``/proc/self/status``."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kib = next(line.split()[1] for line in lines if line.startswith(f"{field}:"))
    return int(kib) * 1024 / 1e6


@click.command()
@click.option("--weights", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--queue", type=click.Choice(QUEUES), required=True)
def main(weights: Path, queue: str) -> None:
    """Use the model as a worker of this queue does, and print the process's memory."""
    measure(load_settings(), weights, bulk=queue == INGEST_QUEUE)


if __name__ == "__main__":
    main()
