"""CLIP's resizing and cropping with the processor's vector instructions.

Of the values, 3 in 1,000 differ from Pillow's by one level of 255, and 1 in 500,000 by two
(tests/integration/test_clip_parity.py).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worker import resizer
from worker.encoders import crop

# Aspect ratio up to which Pillow resizes rows before columns, as is done here. The other order
# would cut off other values below 0 and above 255 in between.
_ASPECT_MAX = 2


def centre_square(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """Resize the short side of an RGB picture to ``size`` and crop the central square.

    Returns:
        uint8 [size, size, 3]: that of ``crop.centre_square``, but for the differences above.
    """
    if not _suits(image.size):
        return crop.centre_square(image, size)
    resized = crop.covering(image.size, size)
    (left, width), (top, height) = map(_span, image.size, resized, (size, size))
    pixels = resizer.pixels_of(image)
    rows = resizer.resized(pixels, (size, image.height), (left, 0, width, image.height))
    square = resizer.resized(rows, (size, size), (0, top, size, height))
    return np.frombuffer(square.get_buffer(), np.uint8).reshape(size, size, 3)


def _suits(size: tuple[int, int]) -> bool:
    return resizer.suits(size) and max(size) <= _ASPECT_MAX * min(size)


def _span(length: int, resized: int, size: int) -> tuple[float, float]:
    """Return where the square begins along one side, and its length, in pixels of the picture."""
    scale = length / resized
    start = round((resized - size) / 2) * scale
    return start, min(size * scale, length - start)
