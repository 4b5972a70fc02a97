"""Retrieval quality of an encoder, on folders of photographs named after their subject.

    python -m benchmarks.retrieval --photos DIR --model starter --json out.json

A query is the name of a folder with underscores read as spaces: once bare, as people type it, and
once in the prompt template, as a search worker wraps it (see GLIMPSE_PROMPT_TEMPLATE).
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks import options
from benchmarks.figures import Figure
from benchmarks.noise import noise_figures
from benchmarks.photographs import chosen, paths_in
from benchmarks.report import Report
from common.allocator import keep_freed_memory
from common.settings import load_settings
from worker.decoding.decode import decode
from worker.encoders.base import Encoder
from worker.encoders.registry import load_encoder
from worker.search.prompts import Prompts

# Pictures in one batch of the model: so few that the allocator keeps their buffers, of up to 52 MB.
BATCH = 8

# The prompt that CLIP's authors recommend for object names.
TEMPLATE = "a photo of a {}"

# Lower bound on precision at 10 for templated queries, with the starter model.
_P10_MIN = 0.48


@dataclass(frozen=True)
class Collection:
    """Photographs of known categories, embedded."""

    # Folder name and file name of each photograph.
    paths: list[Path]
    # Sorted names of the folders.
    names: list[str]
    # int [n], the index of each photograph's folder in ``names``.
    labels: NDArray[np.int64]
    # float32 [n, dim], unit rows.
    vectors: NDArray[np.float32]


def embed(encoder: Encoder, folder: Path) -> tuple[Collection, float]:
    """Embed every JPEG one level below a folder; return the collection and photographs per second.

    The time covers reading, decoding and preprocessing as well as the model.
    """
    paths = paths_in(folder)
    names = sorted({path.parent.name for path in paths})
    labels = np.array([names.index(path.parent.name) for path in paths])
    # The first batch of a process is slow with any model.
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
    """Turn folder names into the encoder's input, as a search worker does."""
    prompts = Prompts(template)
    return [prompts.wrap(name.replace("_", " ")) for name in names]


def text_to_image(
    encoder: Encoder, collection: Collection, template: str = TEMPLATE, top: int = 10
) -> float:
    """Return the mean share of correct pictures among the first ``top`` for each name (P@top)."""
    scores = encoder.encode_texts(queries(collection.names, template)) @ collection.vectors.T
    first = np.argsort(-scores, axis=1)[:, :top]
    expected = np.arange(len(collection.names))[:, None]
    return float((collection.labels[first] == expected).mean())


def image_to_image(collection: Collection, top: int = 9) -> float:
    """Return the mean share of pictures of the same folder among the nearest others (P@top).

    In a folder of ten, each picture has nine others, so P@10 is at most 0.9.
    """
    scores = collection.vectors @ collection.vectors.T
    np.fill_diagonal(scores, -np.inf)
    first = np.argsort(-scores, axis=1)[:, :top]
    return float((collection.labels[first] == collection.labels[:, None]).mean())


def zero_shot(encoder: Encoder, collection: Collection, template: str = TEMPLATE) -> float:
    """Return the share of pictures whose nearest name is their own (top-1)."""
    scores = encoder.encode_texts(queries(collection.names, template)) @ collection.vectors.T
    return float((scores.argmax(axis=0) == collection.labels).mean())


def hits(encoder: Encoder, collection: Collection, text: str, top: int = 10) -> list[str]:
    """Return the best pictures for a sentence, as "folder/file score"."""
    scores = encoder.encode_texts([text])[0] @ collection.vectors.T
    best = np.argsort(-scores)[:top]
    return [
        f"{collection.paths[i].parent.name}/{collection.paths[i].name} {scores[i]:.3f}"
        for i in best
    ]


def figures(encoder: Encoder, collection: Collection, per_s: float) -> list[Figure]:
    """Compute every figure; all but the rate are shares of 1."""
    return [
        Figure("text to image, P@10", text_to_image(encoder, collection, ""), ""),
        Figure(
            f"text to image, P@10, {TEMPLATE.format('…')!r}",
            text_to_image(encoder, collection),
            "",
            at_least=_P10_MIN,
        ),
        Figure("image to image, P@9", image_to_image(collection, 9), ""),
        Figure("image to image, P@10", image_to_image(collection, 10), ""),
        Figure("zero-shot, first category", zero_shot(encoder, collection), ""),
        Figure("reading, preparing and encoding", per_s, "images/s"),
    ]


@click.command()
@options.PHOTOS
@click.option("--model", default="starter", show_default=True)
@options.QUICK
@options.JSON
def main(photos: Path | None, model: str, quick: bool, out: Path | None) -> None:
    """Measure an encoder on folders of photographs."""
    keep_freed_memory()
    encoder = load_encoder(load_settings().model_copy(update={"model": model}))
    report = Report({"model": encoder.name, "revision": encoder.revision})
    with chosen(photos, quick) as folder:
        collection, per_s = embed(encoder, folder)
    dogs = hits(encoder, collection, "a white dog")
    report.add("retrieval", figures(encoder, collection, per_s), {"a white dog": dogs})
    names = encoder.encode_texts(queries(collection.names, ""))
    report.add("noise", list(noise_figures(names, collection.vectors, collection.labels)), {})
    print("\n".join(["a white dog", *(f"  {dog}" for dog in dogs)]))
    report.write(out)


if __name__ == "__main__":
    main()
