"""Square crops: the centre of a picture at the model's input size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Margin on each side of the crop that is resized with it, in crop sizes. Up to an aspect
# ratio of 17, that is the whole picture; beyond, it avoids enlarging a picture of
# 1 x 100,000,000 pixels to 224 times its width and height.
_MARGIN_CROPS = 8


def centre_square(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """Resize the short side to ``size`` (bicubic) and crop the central square.

    Sizes and offsets are rounded as in torchvision's Resize and CenterCrop. The result
    is identical to theirs up to an aspect ratio of 17, and beyond that differs by at most
    two levels of 255 (tests/integration/test_clip_parity.py).

    Args:
        image: An RGB picture.
        size: Side of the square, in pixels.

    Returns:
        uint8 [size, size, 3].
    """
    across = image.width >= image.height
    short, long = sorted(image.size)
    resized = int(size * long / short)
    offset = round((resized - size) / 2)
    margin = _MARGIN_CROPS * size
    start, stop = max(0, offset - margin), min(resized, offset + size + margin)
    strip = _strip(image, across, size, (start, stop), long / resized)
    left, top = (offset - start, 0) if across else (0, offset - start)
    return np.asarray(strip.crop((left, top, left + size, top + size)))


def _strip(
    image: Image.Image, across: bool, size: int, span: tuple[int, int], scale: float
) -> Image.Image:
    """Resize the part between two positions on the long side, given in output pixels."""
    start, stop = span
    first, last = start * scale, min(stop * scale, max(image.size))
    box: tuple[float, float, float, float]
    if across:
        target, box = (stop - start, size), (first, 0, last, image.height)
    else:
        target, box = (size, stop - start), (0, first, image.width, last)
    return image.resize(target, Image.Resampling.BICUBIC, box)
