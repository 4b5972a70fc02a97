"""How well an encoder finds pictures: folders of photographs, each named after what it shows.

    python -m benchmarks.retrieval --photos DIR --model starter --json out.json

A query is the name of a folder, underscores read as spaces: bare, as people type it, and wrapped
into the prompt template as a search worker does it (see GLIMPSE_PROMPT_TEMPLATE).
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import machine
from benchmarks.report import JSON_OPTION, write_json
from common.images.decode import decode
from common.settings import load_settings
from worker.encoders.base import Encoder
from worker.encoders.registry import load_encoder
from worker.search.prompts import Prompts

# Pictures in one batch of the model.
BATCH = 32

# The prompt that CLIP's authors recommend for names of things.
TEMPLATE = "a photo of a {}"

# Packages whose version can change a figure.
_PACKAGES = ("torch", "torchvision", "timm", "transformers", "rf-clip", "pillow", "numpy")


@dataclass(frozen=True)
class Collection:
    """Photographs of known categories, embedded."""

    # Folder name and file name of each photograph.
    paths: list[Path]
    # Sorted names of the folders.
    names: list[str]
    # int [n], the place of each photograph's folder in ``names``.
    labels: NDArray[np.int64]
    # float32 [n, dim], unit rows.
    vectors: NDArray[np.float32]


def embed(encoder: Encoder, folder: Path) -> tuple[Collection, float]:
    """Embed every JPEG one level below a folder; return them and the photographs per second.

    The time covers reading, decoding and preprocessing as well as the model.
    """
    paths = sorted(folder.glob("*/*.jpg"))
    names = sorted({path.parent.name for path in paths})
    labels = np.array([names.index(path.parent.name) for path in paths])
    # The first batch of a process is slow, whatever the model.
    encoder.encode_images([_read(encoder, path) for path in paths[:BATCH]])
    begun = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pixels = pool.map(lambda path: _read(encoder, path), paths)
        vectors = _encode(encoder, list(pixels))
    rate = len(paths) / (time.perf_counter() - begun)
    return Collection(paths, names, labels, vectors), rate


def _read(encoder: Encoder, path: Path) -> NDArray[np.uint8]:
    return encoder.preprocess(decode(path.read_bytes(), pixels_max=100_000_000).image)


def _encode(encoder: Encoder, pixels: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    batches = [pixels[start : start + BATCH] for start in range(0, len(pixels), BATCH)]
    return np.concatenate([encoder.encode_images(batch) for batch in batches])


def queries(names: Sequence[str], template: str = TEMPLATE) -> list[str]:
    """Turn folder names into what the encoder is given, as a search worker does."""
    prompts = Prompts(template)
    return [prompts.wrap(name.replace("_", " ")) for name in names]


def text_to_image(
    encoder: Encoder, collection: Collection, template: str = TEMPLATE, top: int = 10
) -> float:
    """Share of right pictures among the first ``top`` for each name, averaged (P@top)."""
    scores = encoder.encode_texts(queries(collection.names, template)) @ collection.vectors.T
    first = np.argsort(-scores, axis=1)[:, :top]
    expected = np.arange(len(collection.names))[:, None]
    return float((collection.labels[first] == expected).mean())


def image_to_image(collection: Collection, top: int = 9) -> float:
    """Share of pictures of the same folder among the nearest others, averaged (P@top).

    A folder of ten has nine others, so that P@10 is 0.9 at best.
    """
    scores = collection.vectors @ collection.vectors.T
    np.fill_diagonal(scores, -np.inf)
    first = np.argsort(-scores, axis=1)[:, :top]
    return float((collection.labels[first] == collection.labels[:, None]).mean())


def zero_shot(encoder: Encoder, collection: Collection, template: str = TEMPLATE) -> float:
    """Share of pictures whose nearest name is their own (top-1)."""
    scores = encoder.encode_texts(queries(collection.names, template)) @ collection.vectors.T
    return float((scores.argmax(axis=0) == collection.labels).mean())


def hits(encoder: Encoder, collection: Collection, text: str, top: int = 10) -> list[str]:
    """Return the first pictures for a sentence, as "folder/file score"."""
    scores = encoder.encode_texts([text])[0] @ collection.vectors.T
    best = np.argsort(-scores)[:top]
    return [
        f"{collection.paths[i].parent.name}/{collection.paths[i].name} {scores[i]:.3f}"
        for i in best
    ]


def measure(encoder: Encoder, folder: Path, template: str = TEMPLATE) -> dict[str, Any]:
    """Run every measure."""
    collection, rate = embed(encoder, folder)
    return {
        "model": encoder.name,
        "revision": encoder.revision,
        "photographs": len(collection.paths),
        "template": template,
        "text_to_image_p10_bare": round(text_to_image(encoder, collection, ""), 4),
        "text_to_image_p10": round(text_to_image(encoder, collection, template), 4),
        "image_to_image_p9": round(image_to_image(collection, 9), 4),
        "image_to_image_p10": round(image_to_image(collection, 10), 4),
        "zero_shot_top1": round(zero_shot(encoder, collection, template), 4),
        "images_per_s": round(rate, 1),
        "a_white_dog": hits(encoder, collection, "a white dog"),
    }


@click.command()
@click.option("--photos", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--model", default="starter", show_default=True)
@click.option("--template", default=TEMPLATE, show_default=True, help="Prompt template.")
@JSON_OPTION
def main(photos: Path, model: str, template: str, out: Path | None) -> None:
    """Measure an encoder on folders of photographs."""
    settings = load_settings().model_copy(update={"model": model})
    figures = measure(load_encoder(settings), photos, template) | {"machine": machine(_PACKAGES)}
    print(write_json(figures, out))


if __name__ == "__main__":
    main()
