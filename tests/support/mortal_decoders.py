"""Preprocessing that kills its process, or that a process cannot load."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worker.encoders.hashing import HashingEncoder

# The colours of pictures that kill every process, and only the first one.
DEADLY, DEADLY_ONCE = (255, 0, 255), (0, 255, 255)

_PICTURE_S = 0.01


@dataclass(slots=True)
class MortalPreprocessor:
    """The hashing encoder's, a little slower; some pictures are deadly.

    Attributes:
        folder: Receives a file for each death, with the number of pictures that were in progress.
    """

    folder: Path
    draft_side: int | None = None

    def preprocess(self, image: Image.Image, /) -> NDArray[np.uint8]:
        colour = image.getpixel((0, 0))
        busy = self.folder / f"{os.getpid()}.busy"
        busy.touch()
        time.sleep(_PICTURE_S)
        if colour == DEADLY or (colour == DEADLY_ONCE and not self.deaths()):
            in_progress = len(list(self.folder.glob("*.busy")))
            busy.rename(self.folder / f"{os.getpid()}.death").write_text(str(in_progress))
            os.kill(os.getpid(), signal.SIGSEGV)
        busy.unlink()
        return HashingEncoder().preprocess(image)

    def deaths(self) -> list[int]:
        """Return how many pictures were in progress at each death."""
        files = sorted(self.folder.glob("*.death"), key=lambda file: file.stat().st_mtime_ns)
        return [int(file.read_text()) for file in files]


@dataclass(slots=True)
class UnloadablePreprocessor:
    """Ends the process that loads it."""

    draft_side: int | None = None

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (3,)

    def preprocess(self, image: Image.Image, /) -> NDArray[np.uint8]:
        raise NotImplementedError
