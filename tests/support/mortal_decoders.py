"""Preprocessing that kills its process, that does not end, or that a process cannot load."""

from __future__ import annotations

import os
import re
import signal
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.logs.context import fields
from worker.encoders.hashing import HashingEncoder

# The colours of pictures that kill every process, and that never end: asleep, busy, and busy
# without ever giving up the interpreter's lock.
DEADLY, ENDLESS = (255, 0, 255), (0, 255, 255)
BUSY, BUSY_LOCKED = (255, 255, 0), (255, 128, 0)


@dataclass(slots=True)
class MortalPreprocessor:
    """The hashing encoder's; some pictures are deadly or endless."""

    draft_side: int | None = None

    def preprocess(self, image: Image.Image, /) -> NDArray[np.uint8]:
        colour = image.getpixel((0, 0))
        if colour == DEADLY:
            os.kill(os.getpid(), signal.SIGSEGV)
        if colour == ENDLESS:
            time.sleep(3600)
        while colour == BUSY:
            pass
        if colour == BUSY_LOCKED:
            re.match("(a+)+b", "a" * 100)
        return HashingEncoder().preprocess(image)


@dataclass(slots=True)
class TellingPreprocessor:
    """Raises an error that tells the fields of log lines."""

    draft_side: int | None = None

    def preprocess(self, image: Image.Image, /) -> NDArray[np.uint8]:
        del image
        raise ValueError(fields())


@dataclass(slots=True)
class UnloadablePreprocessor:
    """Ends the process that loads it."""

    draft_side: int | None = None

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (3,)

    def preprocess(self, image: Image.Image, /) -> NDArray[np.uint8]:
        raise NotImplementedError
