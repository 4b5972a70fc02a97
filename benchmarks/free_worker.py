"""A worker whose model costs nothing, so that a benchmark measures everything but the model.

    python -m benchmarks.free_worker ingest

Pictures are decoded and preprocessed as for ViT-B/32.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.allocator import keep_freed_memory
from common.settings import load_settings
from worker.encoders.clip.bicubic import centre_square
from worker.encoders.vectors import unit_rows

# Input side of ViT-B/32 in pixels, and length of its vectors.
_SIZE, _DIM = 224, 512
# Distinct vectors, returned in turn, so that rows in the store are not all identical.
_VECTORS = 4096


class FreeEncoder:
    """Returns precomputed vectors; see ``worker.encoders.base.Encoder``."""

    name = "free"
    revision = "1"
    former_revisions: tuple[str, ...] = ()
    dim = _DIM
    concurrency = 1
    precision = "fp32"
    device = "cpu"
    runs_on = "numpy"
    # The value that CLIP requests.
    draft_side: int | None = 2 * _SIZE

    def __init__(self) -> None:
        self._vectors = unit_rows(np.random.RandomState(0).standard_normal((_VECTORS, _DIM)))
        self._next = 0

    def preprocess(self, image: Image.Image) -> NDArray[np.uint8]:
        """Preprocess a picture as CLIP's encoder does: uint8 [224, 224, 3]."""
        return centre_square(image, _SIZE)

    def encode_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return the next vectors: float32 [len(images), 512], unit rows."""
        return self._take(len(images))

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the next vectors: float32 [len(texts), 512], unit rows."""
        return self._take(len(texts))

    def _take(self, count: int) -> NDArray[np.float32]:
        indices = np.arange(self._next, self._next + count) % _VECTORS
        self._next += count
        return self._vectors[indices]


def run(queue: str, encoder: FreeEncoder) -> None:
    """Consume a queue."""
    # Not above: a decoder process loads this module, too.
    from worker.runtime.serve import serve

    # As a worker does; without it, glibc would return and fault in the buffers of each picture.
    keep_freed_memory()
    settings = load_settings()
    logging.basicConfig(level=settings.log_level, stream=sys.stderr)
    serve(settings, queue, f"{queue}@{socket.gethostname()}.{os.getpid()}", encoder)


if __name__ == "__main__":
    run(sys.argv[1], FreeEncoder())
