"""Crops: the centre of a picture, resized to the model's input size."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Margin on each side of the crop that is resized with it, in crop sizes. Up to an aspect
# ratio of 17, that is the whole picture; beyond, it avoids enlarging a picture of
# 1 x 100,000,000 pixels to 224 times its width and height.
_MARGIN_CROPS = 8

# Aspect ratio beyond which a tall picture's columns are resized before its rows.
_TALL = 2 * _MARGIN_CROPS + 1


def centre_square(
    image: Image.Image, size: int, resample: Image.Resampling = Image.Resampling.BICUBIC
) -> NDArray[np.uint8]:
    """Resize the short side to ``size`` and crop the central square.

    Sizes and offsets are rounded as in torchvision's Resize and CenterCrop. The result
    is identical to theirs up to an aspect ratio of 17, and beyond that differs by at most
    two levels of 255 (tests/integration/test_clip_parity.py).

    Args:
        image: An RGB picture.
        size: Side of the square, in pixels.
        resample: The filter.

    Returns:
        uint8 [size, size, 3].
    """
    return np.asarray(centre_crop(image, covering(image.size, size), (size, size), resample))


def covering(picture: tuple[int, int], size: int) -> tuple[int, int]:
    """Return the width and height of a picture once its short side has ``size`` pixels."""
    short, long = sorted(picture)
    resized = int(size * long / short)
    return (resized, size) if picture[0] >= picture[1] else (size, resized)


def centre_crop(
    image: Image.Image,
    resized: tuple[int, int],
    size: tuple[int, int],
    resample: Image.Resampling,
) -> Image.Image:
    """Resize a picture and crop its centre; far outside the crop, nothing is resized.

    Args:
        image: An RGB picture.
        resized: Width and height of the whole picture after resizing, at least ``size``.
        size: Width and height of the crop.
        resample: The filter.
    """
    margin = _MARGIN_CROPS * max(size)
    across, down = (
        _span(*lengths, margin) for lengths in zip(image.size, resized, size, strict=True)
    )
    if image.width > image.height and across.length == resized[0]:
        return _crop_wide(image, resized, size, (across.offset, down.offset), resample)
    box = (across.first, down.first, across.last, down.last)
    strip = resize(image, (across.length, down.length), resample, box)
    left, top = across.offset, down.offset
    return strip.crop((left, top, left + size[0], top + size[1]))


def _crop_wide(
    image: Image.Image,
    resized: tuple[int, int],
    size: tuple[int, int],
    offset: tuple[int, int],
    resample: Image.Resampling,
) -> Image.Image:
    """Resize a wide picture as Pillow does, rows before columns, without the columns to crop.

    A box would spare more, but Pillow rounds its edges to float32, which changes the result. For
    tall pictures, Pillow chooses which goes first.
    """
    (left, top), (width, height) = offset, size
    rows = image.resize((resized[0], image.height), resample)
    columns = rows.crop((left, 0, left + width, image.height))
    return columns.resize((width, resized[1]), resample).crop((0, top, width, top + height))


def resize(
    image: Image.Image,
    size: tuple[int, int],
    resample: Image.Resampling,
    box: tuple[float, float, float, float] | None = None,
) -> Image.Image:
    """Resize a box of a picture (by default, all of it) in little memory.

    Pillow resizes rows before columns, so that a picture of 1 x 100,000,000 pixels would
    become one of 256 x 100,000,000 first. Columns go first if a picture is that tall.
    """
    left, upper, right, lower = box or (0, 0, *image.size)
    if lower - upper > _TALL * (right - left):
        columns = (0, upper, image.width, lower)
        image = image.resize((image.width, size[1]), resample, columns)
        upper, lower = 0, size[1]
    return image.resize(size, resample, (left, upper, right, lower))


class _Span(NamedTuple):
    """The part of one axis that is resized."""

    # In pixels of the picture.
    first: float
    last: float
    # Its length and the crop's offset in it, in resized pixels.
    length: int
    offset: int


def _span(length: int, resized: int, size: int, margin: int) -> _Span:
    offset, scale = round((resized - size) / 2), length / resized
    start, stop = max(0, offset - margin), min(resized, offset + size + margin)
    return _Span(start * scale, min(stop * scale, length), stop - start, offset - start)
