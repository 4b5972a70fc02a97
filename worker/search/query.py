"""Query vectors: combines weighted terms into one unit vector, and their noise into a score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.contract import NoiseThreshold, Term
from common.errors import Unprocessable

# Length of the sum, relative to the total weight, below which it is only rounding error.
_LENGTH_MIN = 1e-5

Vector = NDArray[np.float32]


def combine(weights: Sequence[float], vectors: Sequence[Vector]) -> Vector:
    """Return the weighted sum of terms, scaled to unit length.

    Args:
        weights: One for each term; a negative weight pushes away from it.
        vectors: One for each term: float32 [dim], of unit length.

    Returns:
        float32 [dim], of unit length.

    Raises:
        Unprocessable: The terms cancel each other out, so that the sum has no direction.
    """
    total = _total(weights, vectors)
    length = float(np.linalg.norm(total))
    if not length > _LENGTH_MIN * float(np.abs(weights).sum()):
        raise Unprocessable("The terms of the query cancel each other out; change a weight.")
    unit: Vector = (total / length).astype(np.float32)
    return unit


def noise_score(
    terms: Sequence[Term], vectors: Sequence[Vector], noise: NoiseThreshold
) -> float | None:
    """Return the score of a query below which hits are noise.

    It is the score of a picture that is at the threshold of each term of positive weight, and at
    right angles to the others.

    Args:
        terms: The query's terms, which do not cancel each other out.
        vectors: One for each term: float32 [dim], of unit length.
        noise: The model's thresholds for a text and for a picture.

    Returns:
        None if a threshold is not known, or if no term has a positive weight.
    """
    wanted = [term for term in terms if term.weight > 0]
    thresholds = [noise.image if term.text is None else noise.text for term in wanted]
    known = [threshold for threshold in thresholds if threshold is not None]
    if not wanted or len(known) < len(wanted):
        return None
    length = float(np.linalg.norm(_total([term.weight for term in terms], vectors)))
    total = sum(term.weight * score for term, score in zip(wanted, known, strict=True))
    return min(1.0, total / length)


def _total(weights: Sequence[float], vectors: Sequence[Vector]) -> NDArray[np.float64]:
    # In float64, since float32's rounding errors would dominate if terms nearly cancel.
    total: NDArray[np.float64] = np.asarray(weights, dtype=np.float64) @ np.asarray(
        vectors, dtype=np.float64
    )
    return total
