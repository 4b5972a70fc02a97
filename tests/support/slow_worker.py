"""An ingest worker with a slow model that logs the pictures it embeds.

The model is the shipped hashing encoder with a sleep of ``SLOW_S`` seconds per batch
and ``SLOW_PICTURE_S`` per picture. Before it embeds a batch, it writes a line for each
picture to the file ``SLOW_LOG``: the process id and a digest of the pixels.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from common.settings import load_settings
from worker.encoders.hashing import HashingEncoder
from worker.runtime.serve import serve

# The colour of the worker's own probes, which are neither slow nor counted.
_PROBE = 128


def is_probe(image: NDArray[np.uint8]) -> bool:
    """Return whether a preprocessed picture is one of the worker's own probes."""
    return bool((image == _PROBE).all())


class SlowEncoder(HashingEncoder):
    """The hashing encoder, slowed down and logged.

    Args:
        sleep_s: Seconds per batch.
        picture_s: Additional seconds per picture.
        log: File that receives a line per picture.
    """

    dimensions = 64

    def __init__(self, sleep_s: float, picture_s: float, log: Path) -> None:
        super().__init__(self.dimensions)
        self._sleep_s = sleep_s
        self._picture_s = picture_s
        self._log = log

    @classmethod
    def from_environment(cls) -> Self:
        """Create the encoder from ``SLOW_S``, ``SLOW_PICTURE_S`` and ``SLOW_LOG``."""
        seconds = (float(os.environ[name]) for name in ("SLOW_S", "SLOW_PICTURE_S"))
        return cls(*seconds, Path(os.environ["SLOW_LOG"]))

    def encode_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        pictures = [image for image in images if not is_probe(image)]
        if pictures:
            with self._log.open("a") as log:
                for image in pictures:
                    log.write(f"{os.getpid()} {hashlib.sha256(image.tobytes()).hexdigest()}\n")
            time.sleep(self._sleep_s + self._picture_s * len(pictures))
        return super().encode_images(images)


def work(encoder: SlowEncoder) -> None:
    """Consume the ingest queue with this encoder until SIGTERM."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    serve(load_settings(), "ingest", f"ingest@slow.{os.getpid()}", encoder)


if __name__ == "__main__":
    work(SlowEncoder.from_environment())
