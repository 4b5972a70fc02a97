"""Query vectors: combines weighted terms into one unit vector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

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
    # In float64, since float32's rounding errors would dominate if terms nearly cancel.
    total = np.asarray(weights, dtype=np.float64) @ np.asarray(vectors, dtype=np.float64)
    length = float(np.linalg.norm(total))
    if not length > _LENGTH_MIN * float(np.abs(weights).sum()):
        raise Unprocessable("The terms of the query cancel each other out; change a weight.")
    unit: Vector = (total / length).astype(np.float32)
    return unit
