"""An ingest worker whose model is slow and writes down what it embeds.

The model is the shipped hashing encoder with a sleep of ``SLOW_S`` seconds for
each batch; for each picture ``SLOW_LOG`` gets a line when the model begins, with
this process's number and a digest of the pixels.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.settings import load_settings
from worker.encoders.hashing import HashingEncoder
from worker.serve import serve

# The colour of the worker's own probes, which are neither slow nor counted.
_PROBE = 128


class SlowEncoder(HashingEncoder):
    """The hashing encoder, slowed down and counted."""

    def __init__(self, sleep_s: float, log: Path) -> None:
        super().__init__()
        self._sleep_s = sleep_s
        self._log = log

    def encode_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        pictures = [image for image in images if not (image == _PROBE).all()]
        if pictures:
            with self._log.open("a") as log:
                for image in pictures:
                    log.write(f"{os.getpid()} {hashlib.sha256(image.tobytes()).hexdigest()}\n")
            time.sleep(self._sleep_s)
        return super().encode_images(images)


def main() -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    encoder = SlowEncoder(float(os.environ["SLOW_S"]), Path(os.environ["SLOW_LOG"]))
    serve(load_settings(), "ingest", f"ingest@slow.{os.getpid()}", encoder)


if __name__ == "__main__":
    main()
