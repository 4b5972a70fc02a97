"""Near-duplicates: groups hits whose pictures are nearly identical."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

# Rounding error of the cosine of two equal vectors.
_TOLERANCE = 1e-6
# Hits compared with all others at a time.
_BLOCK = 256

# Near-duplicates (docs/decisions/0047-near-duplicates.md): hashes differ in at most so many of 64
# bits, and the vectors do not contradict. The cosine alone, if a hash is missing, must be extreme,
# because different pictures of one thing have cosines above 0.99 too.
DISTANCE_MAX = 10
COSINE_MIN = 0.5
COSINE_ALONE_MIN = 0.999

# Compares each of the hits from ``start`` to ``stop`` with all hits before ``stop``: bool
# [stop - start, stop], true for near-duplicates.
Alike = Callable[[int, int], NDArray[np.bool_]]


def group(count: int, alike: Alike) -> list[list[int]]:
    """Group near-duplicate hits.

    Best first, each hit joins the group of the best earlier leader that it is a near-duplicate of;
    without such a leader, it leads a new group. Whether a hit leads a group depends only on better
    hits, so that pages of groups are consistent at any depth.

    Args:
        count: The number of hits, best first.
        alike: Compares them.

    Returns:
        The indices of each group's hits, best first; the groups in the order of their leaders.
    """
    groups: dict[int, list[int]] = {}
    for start in range(0, count, _BLOCK):
        block = alike(start, min(start + _BLOCK, count))
        for at, row in enumerate(block, start):
            groups.setdefault(_leader(row, groups, at), []).append(at)
    return list(groups.values())


def by_cosine(vectors: NDArray[np.float32], threshold: float) -> Alike:
    """Compare hits by the cosine of their vectors alone.

    Args:
        vectors: float32 [hits, dim], of unit length.
        threshold: Minimum cosine of two near-duplicates.
    """

    def alike(start: int, stop: int) -> NDArray[np.bool_]:
        return _cosines(vectors, start, stop) >= threshold - _TOLERANCE

    return alike


def by_hash(vectors: NDArray[np.float32], hashes: Sequence[str | None]) -> Alike:
    """Compare hits by their perceptual hashes and vectors.

    Args:
        vectors: float32 [hits, dim], of unit length.
        hashes: The hits' hashes; None or empty for hits without one.
    """
    bits = np.array([int(each or "0", 16) for each in hashes], dtype=np.uint64)
    has_hash = np.array([bool(each) for each in hashes])

    def alike(start: int, stop: int) -> NDArray[np.bool_]:
        cosines = _cosines(vectors, start, stop)
        distances = np.bitwise_count(bits[start:stop, np.newaxis] ^ bits[:stop])
        both = has_hash[start:stop, np.newaxis] & has_hash[:stop]
        same = (distances <= DISTANCE_MAX) & (cosines >= COSINE_MIN)
        return np.where(both, same, cosines >= COSINE_ALONE_MIN)

    return alike


def distance(one: str | None, other: str | None) -> int | None:
    """Return in how many bits two perceptual hashes differ; None if one is missing."""
    return (int(one, 16) ^ int(other, 16)).bit_count() if one and other else None


def _cosines(vectors: NDArray[np.float32], start: int, stop: int) -> NDArray[np.float32]:
    product: NDArray[np.float32] = vectors[start:stop] @ vectors[:stop].T
    return product


def _leader(alike: NDArray[np.bool_], groups: dict[int, list[int]], at: int) -> int:
    """Return the best leader before ``at`` that is a near-duplicate of it, or ``at`` itself."""
    candidates: Sequence[int] = np.flatnonzero(alike[:at]).tolist()
    return next((candidate for candidate in candidates if candidate in groups), at)
