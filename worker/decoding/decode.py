"""Decoding: from a file's bytes to an upright RGB picture, or to an error for the caller.

The only code in Glimpse that opens pictures, with its neighbours here. Pillow and its plug-ins do
the decoding; this module restricts the formats it tries and the pixels it decodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from PIL import Image

from common.errors import TooManyPixels
from common.images import tiff_header
from common.images.formats import RAW_FORMATS, sniff
from worker.decoding import (
    avif_header,
    ico_header,
    jxl_header,
    opening,
    raw_preview,
    tiff_picture,
)
from worker.decoding.colour import to_srgb
from worker.decoding.faults import translated

# EXIF's orientation tag.
_ORIENTATION_TAG = 0x0112

# The transposition that makes a picture upright, by the tag's value; 1 is already upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Orientations that swap width and height.
_SIDEWAYS = range(5, 9)

# Sizes in files whose plug-in decodes pixels as it opens them, calls a huge size damage, or decodes
# more than it returns.
_SIZES = {
    "AVIF": avif_header.size_of,
    "ICO": ico_header.size_of,
    "JXL": jxl_header.size_of,
    "TIFF": tiff_picture.tile_size,
}

# Bytes per pixel of a decoded picture: Pillow stores RGB in four.
_BYTES_PER_DECODED_PIXEL = 4

# A JPEG may have this many times the maximum of pixels, because it can be decoded at a half.
_LARGER_JPEGS = 4


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture as a person sees it: sRGB, upright, and opaque."""

    image: Image.Image
    # Size of the picture in its file once upright, in pixels; ``image`` may be smaller.
    width: int
    height: int
    # Name of the file's format, one of ``common.images.formats.MEDIA_TYPES``.
    format: str


def decode(
    data: bytes,
    pixels_max: int,
    draft_side: int | None = None,
    reserve: Callable[[int], None] = lambda _: None,
) -> Decoded:
    """Decode one picture; of an animation, its first frame; of a raw file, its preview.

    Args:
        data: The bytes of the whole file.
        pixels_max: Maximum number of pixels to decode; checked before any of them is.
        draft_side: Minimum length of the short side of a JPEG, in pixels. A larger JPEG is decoded
            at a half, a quarter or an eighth of its size, in a fraction of the time. None decodes
            it in full or, if it has too many pixels for that, at a half.
        reserve: Called with the bytes of the decoded picture before any pixel is decoded.

    Raises:
        EmptyImage: There are no bytes.
        NotAnImage: The bytes are not a picture.
        UnsupportedFormat: The picture's format is not supported, or not what it uses of it.
        TooManyPixels: More than ``pixels_max`` pixels would be decoded.
        TruncatedImage: The picture is truncated or damaged.
        DecoderFailed: The picture appears to be whole, but its decoder failed.
        MemoryError: The process is out of memory; the picture may be fine.
    """
    name, data = _recognized(data)
    if name in RAW_FORMATS:
        return _decode_raw(data, name, pixels_max, draft_side, reserve)
    with _opened(data, name, pixels_max, draft_side) as (opened, size):
        reserve(decoded_bytes(_area(_size_kept(opened, size))))
        image = opening.load(opened, data, name)
        orientation = _orientation(image)
        white_is_zero = name == "TIFF" and tiff_header.is_white_zero(data)
        upright = _turn(to_srgb(image, white_is_zero=white_is_zero), _TURNS.get(orientation))
    width, height = size[::-1] if orientation in _SIDEWAYS else size
    return Decoded(upright, width, height, name)


def decoded_bytes(pixels: int) -> int:
    """Return the bytes that a decoded picture of this many pixels takes."""
    return pixels * _BYTES_PER_DECODED_PIXEL


def count_pixels(data: bytes, pixels_max: int, draft_side: int | None = None) -> int:
    """Return how many pixels ``decode`` would decode at once; raises like it."""
    name, data = _recognized(data)
    if name in RAW_FORMATS:
        with translated(name, data):
            return raw_preview.count_pixels(data)
    with _opened(data, name, pixels_max, draft_side) as (opened, size):
        return _area(_size_kept(opened, size))


def _recognized(data: bytes) -> tuple[str, bytes]:
    """Return a file's format, and its bytes so that the picture that counts is the first."""
    name = sniff(data)
    return name, tiff_header.with_whole_first(data) if name == "TIFF" else data


def _decode_raw(
    data: bytes,
    name: str,
    pixels_max: int,
    draft_side: int | None,
    reserve: Callable[[int], None],
) -> Decoded:
    with translated(name, data):
        preview = raw_preview.open_preview(data, partial(_check_size, pixels_max=pixels_max))
    if isinstance(preview.picture, bytes):
        image = decode(preview.picture, pixels_max, draft_side, reserve).image
    else:
        image = preview.picture
        reserve(decoded_bytes(_area(image.size)))
    return Decoded(_turn(image, preview.turn), preview.width, preview.height, name)


@contextmanager
def _opened(
    data: bytes, name: str, pixels_max: int, draft_side: int | None
) -> Iterator[tuple[Image.Image, tuple[int, int]]]:
    """Open a picture within the pixel limit; yield it, and its size in the file.

    A large JPEG is set to be decoded at a fraction of that size.
    """
    pixels = 0

    def check(size: tuple[int, int]) -> None:
        nonlocal pixels
        _check_size(size, pixels_max)
        pixels = _area(size)

    with translated(name, data, lambda: pixels):
        if name in _SIZES:
            check(_SIZES[name](data))
        with opening.open_picture(data, name) as opened:
            size = opened.size
            if name == "JPEG":
                _check_size(size, pixels_max * _LARGER_JPEGS)
                _draft(opened, draft_side, pixels_max)
            check(_size_kept(opened, size))
            yield opened, size


def _draft(opened: Image.Image, side: int | None, pixels_max: int) -> None:
    """Set a large JPEG to be decoded at a fraction of its size; see ``decode``."""
    if side is None and _area(opened.size) > pixels_max:
        side = min(opened.size) // 2
    if side is not None:
        opened.draft(None, (side, side))


def _size_kept(opened: Image.Image, size: tuple[int, int]) -> tuple[int, int]:
    """Return the size of what a picture's decoder keeps in memory, given that in its file."""
    # libjpeg keeps all coefficients of a progressive JPEG, even if it decodes it at a fraction.
    return size if "progressive" in opened.info else opened.size


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _check_size(size: tuple[int, int], pixels_max: int) -> None:
    if _area(size) > pixels_max:
        raise TooManyPixels(
            f"The picture has {size[0]} x {size[1]} pixels, more than the limit of "
            f"{pixels_max} in total. Send a smaller copy."
        )


def _orientation(image: Image.Image) -> int:
    # libjxl has made a picture upright, unless it was made of a JPEG without loss.
    if image.format == "JXL" and not getattr(image, "jpeg", False):
        return 1
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:
        # Broken EXIF metadata is no reason to reject a picture.
        return 1


def _turn(image: Image.Image, turn: Image.Transpose | None) -> Image.Image:
    return image if turn is None else image.transpose(turn)
