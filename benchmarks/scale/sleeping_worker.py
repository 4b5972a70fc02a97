"""An ingest worker whose model and store only sleep, so that what lies between them is measured.

    SLEEP_MODEL_S=0.02 SLEEP_STORE_S=0.2 python -m benchmarks.scale.sleeping_worker

Its pictures are nearly free to decode, and become as large as those of ViT-B/32.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.free_worker import FreeEncoder
from common.allocator import keep_freed_memory
from common.settings import load_settings
from worker.runtime.serve import serve
from worker.stores.base import Named, Row
from worker.stores.memory import MemoryStore
from worker.stores.milvus.store import SERVER_WRITES

# Input side of ViT-B/32 in pixels.
_SIZE = 224


class SleepingEncoder(FreeEncoder):
    """Sleeps for each batch.

    Args:
        sleep_s: Seconds per batch of any size.
    """

    name = "sleeping"
    # A GPU runs one batch after the other.
    concurrency = 1

    def __init__(self, sleep_s: float) -> None:
        super().__init__()
        self._sleep_s = sleep_s

    def preprocess(self, image: Image.Image) -> NDArray[np.uint8]:
        """Return pixels of the model's input size: uint8 [224, 224, 3]."""
        return np.full((_SIZE, _SIZE, 3), image.width % 256, np.uint8)

    def encode_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Sleep, then return the next vectors."""
        time.sleep(self._sleep_s)
        return super().encode_images(images)


class SleepingStore(MemoryStore):
    """Sleeps in each call of an ingest.

    Args:
        sleep_s: Seconds per call.
    """

    writes = SERVER_WRITES

    def __init__(self, sleep_s: float) -> None:
        super().__init__()
        self._sleep_s = sleep_s

    def upsert(self, rows: Sequence[Row]) -> None:
        """Sleep, then write."""
        time.sleep(self._sleep_s)
        super().upsert(rows)

    def named(self, tenant: str, ids: Sequence[str]) -> Mapping[str, Named]:
        """Sleep, then read."""
        time.sleep(self._sleep_s)
        return super().named(tenant, ids)


def main() -> None:
    """Consume the ingest queue."""
    keep_freed_memory()
    encoder = SleepingEncoder(float(os.environ["SLEEP_MODEL_S"]))
    store = SleepingStore(float(os.environ["SLEEP_STORE_S"]))
    name = f"ingest@{socket.gethostname()}.{os.getpid()}"
    serve(load_settings(), "ingest", name, encoder, store)


if __name__ == "__main__":
    main()
