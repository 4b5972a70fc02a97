"""The algebra of queries: weighted terms become one unit vector, here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.errors import Unprocessable

# Share of the terms' weights below which their sum is what rounding left over.
_LENGTH_MIN = 1e-5

Vector = NDArray[np.float32]


def combine(weights: Sequence[float], vectors: Sequence[Vector]) -> Vector:
    """Add up terms by their weights and scale the sum to unit length.

    Args:
        weights: One for each term; a negative one pushes away.
        vectors: float32 [dim] each, of unit length.

    Returns:
        float32 [dim], of unit length.

    Raises:
        Unprocessable: The terms cancel each other out, so that the sum points nowhere.
    """
    # In float64: what float32 loses in the sum would decide where terms nearly cancel.
    total = np.asarray(weights, dtype=np.float64) @ np.asarray(vectors, dtype=np.float64)
    length = float(np.linalg.norm(total))
    if not length > _LENGTH_MIN * float(np.abs(weights).sum()):
        raise Unprocessable("The terms of the query cancel each other out; change a weight.")
    unit: Vector = (total / length).astype(np.float32)
    return unit
