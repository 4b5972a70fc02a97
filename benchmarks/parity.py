"""How far a backend's vectors are from those of torch in float32."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.figures import Figure
from worker.encoders.backends.base import Backend
from worker.encoders.towers import Towers
from worker.encoders.vectors import unit_rows

_PICTURES = 16
_TEXTS = ("a white dog on green grass", "dog")


def distance_figures(
    name: str, images: Backend, texts: Backend, plain: Towers, at_most: float | None = None
) -> list[Figure]:
    """Return 1 - the worst cosine, in millionths, of random pictures and of short texts.

    Args:
        name: The backend's name in the report.
        images: Embeds the pictures.
        texts: Embeds the texts; may be the same backend.
        plain: The model to compare with, in float32 on the CPU.
        at_most: Upper bound of both figures, if any.
    """
    random = np.random.default_rng(1)
    pixels = random.integers(0, 256, (_PICTURES, *plain.image_size, 3), np.uint8)
    tokens = plain.tokenize(list(_TEXTS))
    # Each text alone, as in a search, and in the form that is compiled already.
    alone = [texts.embed_texts(row[None]) for row in tokens]
    with torch.inference_mode():
        expected_images = plain.images(torch.from_numpy(pixels)).numpy()
        expected_texts = plain.texts(torch.from_numpy(tokens)).numpy()
    distances = {
        "pictures": _distance(images.embed_images(pixels), expected_images),
        "texts": _distance(np.concatenate(alone), expected_texts),
    }
    return [
        Figure(f"{name}: {what}, 1 - worst cosine", distance, "millionths", at_most=at_most)
        for what, distance in distances.items()
    ]


def _distance(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    worst = (unit_rows(found) * unit_rows(expected)).sum(axis=1).min()
    return max(0.0, 1 - float(worst)) * 1e6
