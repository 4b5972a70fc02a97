"""The plain way: one picture at a time, as in Milvus's tutorial on text-to-image search.

    GLIMPSE_CLIP_WEIGHTS=FILE python -m benchmarks.ingest.tutorial --photos DIR

It runs CLIP in float32 through the ``clip`` package, and inserts all rows at the end. Without
weights it uses a small random model, for a quick run.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import torch
from clip.clip import _transform
from clip.model import CLIP, build_model
from PIL import Image
from pymilvus import MilvusClient
from torch import Tensor

from benchmarks.photographs import paths_in
from tests.support.clip_weights import SMALL, random_clip
from tests.support.services import MilvusLite

# Collection name from the tutorial.
_COLLECTION = "image_collection"
# Pictures to embed: more would take long, at the same rate.
_PICTURES = 330
# Timeout of the insert in seconds; Milvus Lite is slow with this many rows at once.
_INSERT_TIMEOUT_S = 600.0


def measure(photos: Path, model: CLIP, uri: str) -> dict[str, Any]:
    """Embed photographs and insert the rows; return the rate and the times."""
    preprocess = _transform(model.visual.input_resolution)
    client = MilvusClient(uri, timeout=_INSERT_TIMEOUT_S, dedicated=True)
    client.create_collection(
        _COLLECTION,
        dimension=model.text_projection.shape[1],
        metric_type="COSINE",
        auto_id=True,
        enable_dynamic_field=True,
    )
    paths = paths_in(photos)[:_PICTURES]
    # The first inference of a process is always slow.
    _encode(model, preprocess(Image.open(paths[0])))
    begun = time.perf_counter()
    rows = [
        {"vector": _encode(model, preprocess(Image.open(path))), "filepath": str(path)}
        for path in paths
    ]
    encoded = time.perf_counter()
    client.insert(_COLLECTION, rows, timeout=_INSERT_TIMEOUT_S)
    ended = time.perf_counter()
    client.close()
    return {
        "images_per_s": len(paths) / (ended - begun),
        "encode_s": encoded - begun,
        "insert_s": ended - encoded,
    }


def _encode(model: CLIP, pixels: Tensor) -> list[float]:
    with torch.no_grad():
        features = model.encode_image(pixels.unsqueeze(0))
        features /= features.norm(dim=-1, keepdim=True)
    vector: list[float] = features.squeeze().tolist()
    return vector


def _load(weights: Path) -> CLIP:
    """Load weights as ``clip.load`` used to, which no longer reads state dicts."""
    try:
        state = torch.jit.load(weights, "cpu").state_dict()  # type: ignore[no-untyped-call]
    except RuntimeError:
        state = torch.load(weights, "cpu", weights_only=True)
    return build_model(state).float()


@click.command()
@click.option("--photos", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--weights", envvar="GLIMPSE_CLIP_WEIGHTS", type=click.Path(path_type=Path))
def main(photos: Path, weights: Path | None) -> None:
    """Measure the plain way and print JSON."""
    model = _load(weights) if weights else random_clip(SMALL)
    with tempfile.TemporaryDirectory() as folder, MilvusLite(Path(folder)) as lite:
        print(json.dumps(measure(photos, model, lite.uri)))


if __name__ == "__main__":
    main()
