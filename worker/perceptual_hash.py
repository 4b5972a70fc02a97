"""The perceptual hash of a picture, which barely changes when it is resized or compressed again.

It is the well-known pHash: the signs of a small grey picture's lowest frequencies. Unlike a
model's vector, it says nothing about what a picture shows, only whether two are the same.
"""

from __future__ import annotations

import logging
import threading

import numpy as np
from PIL import Image

from common.errors import EncoderError, ImageError
from worker.decoding.decode import decode
from worker.encoders.preparing import preparing

log = logging.getLogger(__name__)

# Side of the grey picture that is transformed, and of the square of frequencies that are kept.
_SIDE, _KEPT = 32, 8
# Deviation of the grey levels, of 255, below which a picture is flat: its frequencies are noise.
_DEVIATION_MIN = 2.0
# Pixels of the picture along each side of a pixel of the grey one. Averaging all of them would take
# several times as long for large pictures, and gives the same hash but for a bit or two.
_SAMPLES = 4
# Minimum length of the short side of a JPEG that is decoded only for its hash, in pixels.
_DRAFT_SIDE = 4 * _SIDE

# What a flat picture has instead of a hash. None stands for a hash that was never computed.
FLAT = ""

# The lowest rows of the discrete cosine transform: float64 [8, 32].
_COSINES = np.cos(
    np.pi * (2 * np.arange(_SIDE) + 1) * np.arange(_KEPT)[:, np.newaxis] / (2 * _SIDE)
)


def perceptual_hash(image: Image.Image) -> str:
    """Return the hash of a decoded, upright RGB picture: 16 hexadecimal digits, or ``FLAT``."""
    side = _SIDE * _SAMPLES
    sampled = image.resize((side, side), Image.Resampling.NEAREST).convert("L")
    grey = np.asarray(sampled.reduce(_SAMPLES), dtype=np.float64)
    if grey.std() < _DEVIATION_MIN:
        return FLAT
    frequencies = (_COSINES @ grey @ _COSINES.T).ravel()
    # The first is the brightness, far above all others. ``np.median`` would take much longer.
    others = frequencies[1:]
    median = np.partition(others, len(others) // 2)[len(others) // 2]
    return np.packbits(frequencies > median).tobytes().hex()


class HashReader:
    """Computes the hashes of stored pictures; thread-safe.

    It decodes one picture at a time, so that it needs the memory of no more than one.

    Args:
        pixels_max: Maximum pixels of a picture.
    """

    def __init__(self, pixels_max: int) -> None:
        self._pixels_max = pixels_max
        self._decoding = threading.Lock()

    def read(self, data: bytes) -> str | None:
        """Return the hash of the picture in a file's bytes, or None if it cannot be decoded."""
        try:
            with self._decoding, preparing("to hash"):
                return perceptual_hash(decode(data, self._pixels_max, _DRAFT_SIDE).image)
        except (ImageError, EncoderError) as error:
            log.warning("perceptual_hash.not_read %s", error)
            return None
