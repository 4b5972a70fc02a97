"""Near-duplicates among hits: of pictures all but alike, the best stands for the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# What rounding takes from the cosine of two vectors that are the same.
_TOLERANCE = 1e-6
# Vectors compared with all others at a time: a block of a matrix product.
_BLOCK = 256


def group(vectors: NDArray[np.float32], threshold: float) -> list[list[int]]:
    """Group hits that are alike.

    Best first, each hit goes to the best of the hits before it that stand for a
    group and are as near to it as the threshold; where there is none, it stands
    for a group of its own. Whether a hit stands for a group depends on better
    hits alone, so that pages of groups follow one another however deep one looks.

    Args:
        vectors: float32 [hits, dim], of unit length, best hit first.
        threshold: The cosine from which on two pictures are alike.

    Returns:
        The places of each group's hits, in order; the groups by their first hits.
    """
    groups: dict[int, list[int]] = {}
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK]
        alike = block @ vectors[: start + len(block)].T >= threshold - _TOLERANCE
        for row, at in enumerate(range(start, start + len(block))):
            groups.setdefault(_leader(alike[row], groups, at), []).append(at)
    return list(groups.values())


def _leader(alike: NDArray[np.bool_], groups: dict[int, list[int]], at: int) -> int:
    """Return the first hit before this one that is like it and stands for a group, or this one."""
    candidates: Sequence[int] = np.flatnonzero(alike[:at]).tolist()
    return next((candidate for candidate in candidates if candidate in groups), at)
