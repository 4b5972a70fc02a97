"""Cameras' raw files: the preview in the file, or the sensor's values if it has none."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import rawpy
from numpy.typing import NDArray
from PIL import Image

# Shortest side of a good preview, in pixels; instead of a smaller one, the sensor's values are
# developed.
_SIDE_MIN = 300

# The transposition that makes a preview upright, by LibRaw's name of how the camera was held.
_TURNS = {
    3: Image.Transpose.ROTATE_180,
    5: Image.Transpose.ROTATE_90,
    6: Image.Transpose.ROTATE_270,
}
_SIDEWAYS = (5, 6)

# EXIF's orientation tag.
_ORIENTATION_TAG = 0x0112

# How the sensor's values are developed: at half of the size, in a quarter of the time and memory.
_DEVELOPING = rawpy.Params(half_size=True, use_camera_wb=True, output_bps=8)


@dataclass(frozen=True, slots=True)
class Preview:
    """A preview of a raw file.

    Attributes:
        picture: The bytes of a JPEG, or a decoded picture.
        turn: The transposition that makes it upright, unless the JPEG's EXIF says otherwise.
        width: Width of the raw picture once upright, in pixels.
        height: Its height.
    """

    picture: bytes | Image.Image
    turn: Image.Transpose | None
    width: int
    height: int


def open_preview(data: bytes, check_size: Callable[[tuple[int, int]], None]) -> Preview:
    """Return a raw file's preview.

    Args:
        data: The bytes of the whole file.
        check_size: Called before the sensor's values are read; raises if they are too many.

    Raises:
        rawpy.LibRawError: The file cannot be read.
    """
    with rawpy.imread(io.BytesIO(data)) as raw:
        sizes = raw.sizes
        picture = _embedded(raw)
        turn = None if picture is None or _is_turned(picture) else _TURNS.get(sizes.flip)
        if picture is None or min(_size(picture)) < _SIDE_MIN:
            check_size((sizes.raw_width, sizes.raw_height))
            # LibRaw makes it upright.
            picture, turn = _image(raw.postprocess(_DEVELOPING)), None
        size = (sizes.width, sizes.height)
        width, height = size[::-1] if sizes.flip in _SIDEWAYS else size
        return Preview(picture, turn, width, height)


def count_pixels(data: bytes) -> int:
    """Return the number of the sensor's pixels; raises like ``open_preview``."""
    with rawpy.imread(io.BytesIO(data)) as raw:
        return int(raw.sizes.raw_width * raw.sizes.raw_height)


def _embedded(raw: rawpy.RawPy) -> bytes | Image.Image | None:
    try:
        thumbnail = raw.extract_thumb()
    except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
        return None
    data = thumbnail.data
    return data if isinstance(data, bytes) else _image(data)


def _image(pixels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(np.squeeze(pixels)).convert("RGB")


def _size(picture: bytes | Image.Image) -> tuple[int, int]:
    if isinstance(picture, Image.Image):
        return picture.size
    with Image.open(io.BytesIO(picture), formats=["JPEG"]) as opened:
        return opened.size


def _is_turned(picture: bytes | Image.Image) -> bool:
    """Return whether a preview says itself how to make it upright."""
    if isinstance(picture, Image.Image):
        return False
    with Image.open(io.BytesIO(picture), formats=["JPEG"]) as opened:
        return bool(opened.getexif().get(_ORIENTATION_TAG, 1) != 1)
