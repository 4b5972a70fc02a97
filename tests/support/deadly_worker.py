"""An ingest worker whose model dies on a picture of a single colour.

It simulates pictures that exhaust the memory or crash a library: the process
dies at once, without reporting why.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tests.support.slow_worker import SlowEncoder, is_probe, work


class DeadlyEncoder(SlowEncoder):
    """The slow encoder; kills the process on a batch with a deadly picture."""

    def encode_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        vectors = super().encode_images(images)
        if any((image == image[0, 0]).all() and not is_probe(image) for image in images):
            os._exit(1)
        return vectors


if __name__ == "__main__":
    work(DeadlyEncoder.from_environment())
