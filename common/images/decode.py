"""Decoding: from a file's bytes to an upright RGB picture, or to an error for the caller.

The only code in Glimpse that opens pictures. Pillow does the decoding; this module restricts the
formats it tries and the pixels it decodes, and maps its exceptions to errors.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from PIL import Image

from common.errors import GlimpseError, TooManyPixels, TruncatedImage, UnsupportedFormat
from common.images.formats import HEAD_BYTES, sniff

# Pillow warns of odd metadata in pictures, which the operator cannot fix.
warnings.filterwarnings("ignore", module=r"PIL\.")

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

# Modes with one channel deeper than 8 bits: Pillow's conversion to RGB clips them at 255.
_DEEP_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I", "F"})

# Modes with an alpha channel, whether or not the file declares transparency.
_ALPHA_MODES = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})

# Maximum memory per pixel during decoding, in bytes; WebP needs the most.
_BYTES_PER_PIXEL = 16

# Bytes per pixel of a decoded picture: Pillow stores RGB in four.
_BYTES_PER_DECODED_PIXEL = 4

# Divisor from 16 to 8 bits of grey: 65535 becomes 255.
_SIXTEEN_BIT_STEP = 257


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture as a person sees it: RGB, upright, on white where it is transparent."""

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
    """Decode one picture; of an animation, its first frame.

    Args:
        data: The bytes of the whole file.
        pixels_max: Maximum number of pixels; checked before any pixel is decoded.
        draft_side: Minimum length of the short side of a JPEG, in pixels. A larger JPEG is decoded
            at a half, a quarter or an eighth of its size, in a fraction of the time. None decodes
            it in full.
        reserve: Called with the bytes of the decoded picture before any pixel is decoded.

    Raises:
        EmptyImage: There are no bytes.
        NotAnImage: The bytes are not a picture.
        UnsupportedFormat: The bytes are a picture in an unsupported format.
        TooManyPixels: The picture has more than ``pixels_max`` pixels.
        TruncatedImage: The picture is truncated or damaged.
        MemoryError: The process is out of memory; the picture may be fine.
    """
    with _opened(data, pixels_max) as opened:
        size = opened.size
        if draft_side is not None:
            opened.draft(None, (draft_side, draft_side))
        reserve(decoded_bytes(_pixels_kept(opened, size)))
        opened.load()
        orientation = _orientation(opened)
        upright = _turn(_to_rgb(opened), orientation)
    width, height = size[::-1] if orientation in _SIDEWAYS else size
    return Decoded(upright, width, height, sniff(data[:HEAD_BYTES]))


def decoded_bytes(pixels: int) -> int:
    """Return the bytes that a decoded picture of this many pixels takes."""
    return pixels * _BYTES_PER_DECODED_PIXEL


def count_pixels(data: bytes, pixels_max: int) -> int:
    """Return the number of pixels in a picture's header; raises like ``decode``."""
    with _opened(data, pixels_max) as opened:
        return opened.width * opened.height


@contextmanager
def _opened(data: bytes, pixels_max: int) -> Iterator[Image.Image]:
    """Open a picture within the pixel limit, and translate Pillow's exceptions."""
    name = sniff(data[:HEAD_BYTES])
    pixels = 0
    try:
        with _open(data, name) as opened:
            _check_size(opened, pixels_max)
            pixels = opened.width * opened.height
            yield opened
    except GlimpseError:
        raise
    except Exception as error:
        if isinstance(error, MemoryError) or _lacks_memory(pixels):
            raise MemoryError("There is not enough memory to decode the picture.") from error
        # On damaged bytes Pillow raises almost any exception: OSError, SyntaxError,
        # ValueError, struct.error, IndexError. They all mean the same to a caller.
        raise TruncatedImage(
            f"The {name} picture is truncated or damaged. Check the file and send it again."
        ) from error


def _pixels_kept(opened: Image.Image, size: tuple[int, int]) -> int:
    """Return the pixels that a picture's decoder keeps in memory, given the size in its file."""
    # libjpeg keeps all coefficients of a progressive JPEG, even if it decodes it at a fraction.
    width, height = size if "progressive" in opened.info else opened.size
    return width * height


def _lacks_memory(pixels: int) -> bool:
    """Return whether too little memory is free to decode this many pixels.

    A decoder that cannot allocate memory may report a damaged picture instead, as libjpeg does
    for a progressive JPEG.
    """
    try:
        # The buffer is never written to, so the system reserves the memory without using it.
        bytes(pixels * _BYTES_PER_PIXEL)
    except MemoryError:
        return True
    return False


def _open(data: bytes, name: str) -> Image.Image:
    # Pillow's limit is global and only warns; ``_check_size`` rejects each picture.
    Image.MAX_IMAGE_PIXELS = None
    return Image.open(io.BytesIO(data), formats=[name])


def _check_size(image: Image.Image, pixels_max: int) -> None:
    pixels = image.width * image.height
    if pixels > pixels_max:
        raise TooManyPixels(
            f"The picture has {image.width} x {image.height} pixels, more than the limit of "
            f"{pixels_max} in total. Send a smaller copy."
        )


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in _DEEP_MODES:
        return _shallow(image).convert("RGB")
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        return _on_white(image)
    if image.mode == "LAB":
        raise UnsupportedFormat(
            "LAB colours are not supported. Convert the picture to RGB and send it again."
        )
    # Converting RGB to RGB would only copy the picture.
    return image if image.mode == "RGB" else image.convert("RGB")


def _shallow(image: Image.Image) -> Image.Image:
    """Scale a channel of 16 or 32 bits to 8, keeping the relative brightness."""
    deep = image if image.mode == "F" else image.convert("I")
    low, high = _range(deep)
    step = (high - low) / 255 or 1
    # Half a step is added because conversion to 8 bits truncates.
    shift = 0.5 - low / step
    return deep.point(lambda value: value * (1 / step) + shift).convert("L")


def _range(image: Image.Image) -> tuple[float, float]:
    """Return the values to map to black and to white."""
    low, high = cast("tuple[float, float]", image.getextrema())
    if image.mode == "I" and low >= 0 and high <= 255 * _SIXTEEN_BIT_STEP:
        return 0, 255 * _SIXTEEN_BIT_STEP
    return low, high


def _on_white(image: Image.Image) -> Image.Image:
    # White, the usual background of a page.
    colours = image if image.mode == "RGBA" else image.convert("RGBA")
    page = Image.new("RGB", image.size, "white")
    page.paste(colours, mask=colours.getchannel("A"))
    return page


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:
        # Broken EXIF metadata is no reason to reject a picture.
        return 1


def _turn(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)
