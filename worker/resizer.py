"""Bicubic resizing with the processor's vector instructions, in a third of Pillow's time."""

from __future__ import annotations

from importlib.util import find_spec

from PIL import Image

# There is no wheel for Linux on ARM.
if _IS_INSTALLED := find_spec("cykooz_resizer") is not None:
    from cykooz_resizer import (
        CropBox,
        FilterType,
        ImageData,
        PixelType,
        ResizeAlg,
        ResizeOptions,
        Resizer,
    )

# Pixels of the largest picture that is resized here: it is copied twice, and a copy of that size
# takes 12 MB.
_PIXELS_MAX = 4_000_000


def suits(size: tuple[int, int]) -> bool:
    """Return whether pictures of this width and height are resized here."""
    return _IS_INSTALLED and size[0] * size[1] <= _PIXELS_MAX


def pixels_of(image: Image.Image) -> ImageData:
    """Return the pixels of an RGB picture."""
    return ImageData(*image.size, PixelType.U8x3, image.tobytes())


def resized(
    pixels: ImageData, size: tuple[int, int], box: tuple[float, float, float, float]
) -> ImageData:
    """Resize a part of a picture.

    Args:
        pixels: The picture.
        size: Width and height of the result.
        box: The part: left, top, width and height, in pixels of the picture.
    """
    # Bicubic filters differ by a parameter; Pillow's is that of Catmull and Rom.
    algorithm = ResizeAlg.convolution(FilterType.catmull_rom)
    target = ImageData(*size, PixelType.U8x3)
    # A resizer works for one thread at a time.
    Resizer().resize(pixels, target, ResizeOptions(algorithm, crop_box=CropBox(*box)))
    return target
