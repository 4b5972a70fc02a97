"""The worker with a free model, which counts in Redis how many pictures it embedded.

python -m benchmarks.queues.counted_worker ingest
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.free_worker import FreeEncoder, run
from common.redis.client import connect
from common.settings import load_settings

# The key of the count.
EMBEDDED = "benchmark:embedded"


class _CountedEncoder(FreeEncoder):
    """Counts a batch once it is embedded."""

    def __init__(self) -> None:
        super().__init__()
        self._redis = connect(load_settings().redis)

    def encode_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return the next vectors: float32 [len(images), 512], unit rows."""
        # A worker measures its model on a picture of one colour. Photographs may have plain edges.
        real = sum(bool(np.ptp(image[::16, ::16])) for image in images)
        self._redis.incrby(EMBEDDED, real)
        return super().encode_images(images)


if __name__ == "__main__":
    run(sys.argv[1], _CountedEncoder())
