"""The vectors that encoders return: float32 rows of unit length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from common.errors import EncoderError


def unit_rows(embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scale every row to unit length.

    Args:
        embeddings: A model's output, [n, dim].

    Returns:
        float32 [n, dim], rows of unit length.

    Raises:
        EncoderError: A row is zero or not finite, so that it has no direction.
    """
    rows = embeddings.astype(np.float32, copy=False)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.all(np.isfinite(norms)) or not np.all(norms > 0):
        raise EncoderError("The model returned a vector without a direction.")
    return np.asarray(rows / norms, dtype=np.float32)


def no_rows(dim: int) -> NDArray[np.float32]:
    """Return the vectors for an empty input: float32 [0, dim]."""
    return np.zeros((0, dim), dtype=np.float32)
