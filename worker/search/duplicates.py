"""Near-duplicates: groups hits whose pictures are nearly identical."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Rounding error of the cosine of two equal vectors.
_TOLERANCE = 1e-6
# Vectors compared with all others at a time, as one block of a matrix product.
_BLOCK = 256


def group(vectors: NDArray[np.float32], threshold: float) -> list[list[int]]:
    """Group near-duplicate hits.

    Best first, each hit joins the group of the best earlier leader whose cosine
    with it reaches the threshold; without such a leader, it leads a new group.
    Whether a hit leads a group depends only on better hits, so that pages of
    groups are consistent at any depth.

    Args:
        vectors: float32 [hits, dim], of unit length, best hit first.
        threshold: Minimum cosine of two near-duplicates.

    Returns:
        The indices of each group's hits, best first; the groups in the order of their leaders.
    """
    groups: dict[int, list[int]] = {}
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK]
        alike = block @ vectors[: start + len(block)].T >= threshold - _TOLERANCE
        for row, at in enumerate(range(start, start + len(block))):
            groups.setdefault(_leader(alike[row], groups, at), []).append(at)
    return list(groups.values())


def _leader(alike: NDArray[np.bool_], groups: dict[int, list[int]], at: int) -> int:
    """Return the best leader before ``at`` that is a near-duplicate of it, or ``at`` itself."""
    candidates: Sequence[int] = np.flatnonzero(alike[:at]).tolist()
    return next((candidate for candidate in candidates if candidate in groups), at)
