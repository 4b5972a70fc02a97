"""Noise thresholds of a model: scores that few pictures reach that do not match the query.

The photographs are in folders named after their subject. A picture matches the name of its folder
and the other pictures in it; with the names and pictures of all other folders it is noise.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import Figure

# Share of noise above the threshold. Some of it does match: a crocodile is in both of the folders
# "crocodile" and "crocodile head".
_NOISE_ABOVE = 0.05

Vectors = NDArray[np.float32]


def noise_figures(names: Vectors, pictures: Vectors, labels: NDArray[np.int64]) -> Iterator[Figure]:
    """Yield the thresholds for a text and for a picture, and how often each is wrong.

    Args:
        names: The embedded names of the folders.
        pictures: The embedded photographs.
        labels: Int [photographs], the index of each photograph's folder.
    """
    own = labels == np.arange(len(names))[:, np.newaxis]
    yield from _figures("text", names @ pictures.T, own)
    same = labels == labels[:, np.newaxis]
    pairs = np.triu_indices(len(same), 1)
    yield from _figures("image", (pictures @ pictures.T)[pairs], same[pairs])


def _figures(kind: str, scores: Vectors, matches: NDArray[np.bool_]) -> Iterator[Figure]:
    """Yield the figures of a kind of query; both arrays have one value for each pair."""
    threshold = float(np.quantile(scores[~matches], 1 - _NOISE_ABOVE))
    yield Figure(f"noise, {kind}: threshold", threshold, "")
    yield Figure(f"noise, {kind}: noise above", float((scores[~matches] >= threshold).mean()), "")
    yield Figure(f"noise, {kind}: matches below", float((scores[matches] < threshold).mean()), "")
