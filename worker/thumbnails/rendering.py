"""Rendering: from a decoded picture to its thumbnails as JPEGs."""

from __future__ import annotations

import numpy as np
import simplejpeg
from PIL import Image

from common.images.thumbnails import SIZES
from worker import resizer
from worker.decoding.decode import Decoded

# JPEG quality of thumbnails. docs/benchmarks.md compares the format with WebP.
_QUALITY = 85
# Half as many pixels of colours as of brightness, along each side.
_SUBSAMPLING = "420"
# The size up to which every image has thumbnails, even if it is smaller itself.
_ALWAYS = 300


def render(decoded: Decoded, wanted: int = _ALWAYS) -> dict[int, bytes]:
    """Return a picture's thumbnails, by size, as far as it has the pixels for them.

    A JPEG that was decoded at reduced size may be too small for the largest ones.

    Args:
        decoded: The picture.
        wanted: The size up to which a smaller picture is encoded as it is. At larger sizes, it
            would only be a second copy of its original.
    """
    image = decoded.image
    is_whole = image.size == (decoded.width, decoded.height)
    made: dict[int, Image.Image] = {}
    # Each is made from the next larger one, which takes far less time than from the picture.
    for size in reversed(SIZES):
        if max(image.size) >= size or (is_whole and size <= wanted):
            image = made[size] = shrunk(image, size)
    return {size: to_jpeg(image) for size, image in made.items()}


def shrunk(image: Image.Image, size: int) -> Image.Image:
    """Return a picture whose longest side is ``size`` pixels, or itself if it is not larger."""
    longest = max(image.size)
    if longest <= size:
        return image
    width, height = (max(1, round(side * size / longest)) for side in image.size)
    if longest % size == 0:
        # As from a thumbnail of twice the size: averages of blocks are all that is to be done. What
        # is left at the edge is less than half a pixel of them.
        factor = longest // size
        box = (0, 0, min(image.width, width * factor), min(image.height, height * factor))
        return image.reduce(factor, box)
    # Averages of blocks, until it is less than twice as large, and then a filter: a third of the
    # time of filtering all pixels, and it looks the same.
    factors = max(1, image.width // width), max(1, image.height // height)
    whole = (0.0, 0.0, image.width / factors[0], image.height / factors[1])
    averaged = image if factors == (1, 1) else image.reduce(factors)
    return _filtered(averaged, (width, height), whole)


def _filtered(
    image: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]
) -> Image.Image:
    if not resizer.suits(image.size):
        return image.resize(size, Image.Resampling.BICUBIC, box)
    pixels = resizer.resized(resizer.pixels_of(image), size, box)
    return Image.frombytes("RGB", size, pixels.get_buffer())


def to_jpeg(image: Image.Image) -> bytes:
    """Return an RGB picture as JPEG, without its file's metadata.

    Raises:
        MemoryError: There is not enough memory for it.
    """
    pixels = np.asarray(image)
    # Pillow takes longer, and holds the interpreter's lock unless it writes to a file.
    try:
        data: bytes = simplejpeg.encode_jpeg(pixels, _QUALITY, "RGB", _SUBSAMPLING, fastdct=False)
    except ValueError as error:
        if "memory" not in str(error):
            raise
        raise MemoryError(str(error)) from error
    return data
