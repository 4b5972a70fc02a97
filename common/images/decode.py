"""Decoding: from a file's bytes to an upright RGB picture, or to the reason why not.

The only code of Glimpse that opens pictures. Pillow does the decoding; what is
decided here is which formats it may try, how many pixels it may unfold, and
which reason a caller is told.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from PIL import Image

from common.errors import GlimpseError, TooManyPixels, TruncatedImage, UnsupportedFormat
from common.images.formats import HEAD_BYTES, sniff

# Pillow warns of odd metadata, which is no fault of the operator and nothing he can mend.
warnings.filterwarnings("ignore", module=r"PIL\.")

# EXIF's tag that says which way up the camera was held.
_ORIENTATION_TAG = 0x0112

# The turn that makes a picture upright, by the tag's value; 1 is upright already.
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

# Modes of one deep channel: Pillow's own conversion to RGB clips them at 255.
_DEEP_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I", "F"})

# Modes that carry transparency whatever the file's header says.
_ALPHA_MODES = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})

# What a pixel takes at most while it is unfolded, in bytes: that of a WebP does.
_BYTES_PER_PIXEL = 16

# What 16 bits of grey are divided by: 65535 becomes 255.
_SIXTEEN_BIT_STEP = 257


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture as a person sees it: RGB, upright, its transparent parts white."""

    image: Image.Image
    # Size of the upright picture in its file, in pixels; ``image`` may be smaller.
    width: int
    height: int
    # Name of the file's format, one of ``common.images.formats.MEDIA_TYPES``.
    format: str


def decode(data: bytes, pixels_max: int, draft_side: int | None = None) -> Decoded:
    """Decode one picture; of an animation, its first frame.

    Args:
        data: A whole file.
        pixels_max: Pixels that the picture may have; checked before any is unfolded.
        draft_side: Pixels that the short side of a JPEG has to keep: a larger one is unfolded at a
            half, a quarter or an eighth of its size, in a fraction of the time. None unfolds all.

    Raises:
        EmptyImage: There are no bytes.
        NotAnImage: The bytes are no picture.
        UnsupportedFormat: The bytes are a picture of a kind that Glimpse does not open.
        TooManyPixels: The picture has more pixels than it may.
        TruncatedImage: The picture breaks off or is damaged.
        MemoryError: There is not enough memory now, which is no fault of the picture.
    """
    with _opened(data, pixels_max) as opened:
        size = opened.size
        if draft_side is not None:
            opened.draft(None, (draft_side, draft_side))
        opened.load()
        orientation = _orientation(opened)
        upright = _turn(_to_rgb(opened), orientation)
    width, height = size[::-1] if orientation in _SIDEWAYS else size
    return Decoded(upright, width, height, sniff(data[:HEAD_BYTES]))


def count_pixels(data: bytes, pixels_max: int) -> int:
    """Return how many pixels a picture's header says that it has; raises as ``decode`` does."""
    with _opened(data, pixels_max) as opened:
        return opened.width * opened.height


@contextmanager
def _opened(data: bytes, pixels_max: int) -> Iterator[Image.Image]:
    """Open a picture that may be unfolded, and let whatever goes wrong mean something."""
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
            raise MemoryError("There is not enough memory to unfold the picture.") from error
        # Damaged bytes make Pillow raise nearly anything: OSError, SyntaxError,
        # ValueError, struct.error, IndexError. They all mean the same to a caller.
        raise TruncatedImage(f"The {name} picture breaks off or is damaged.") from error


def _lacks_memory(pixels: int) -> bool:
    """Tell whether there is too little memory for so many pixels.

    A decoder that gets none may say that the picture is damaged: libjpeg does of a
    progressive one.
    """
    try:
        # It is never written to, so that the system only promises it.
        bytes(pixels * _BYTES_PER_PIXEL)
    except MemoryError:
        return True
    return False


def _open(data: bytes, name: str) -> Image.Image:
    # Pillow's limit holds for the process and warns; ours holds for a picture and refuses.
    Image.MAX_IMAGE_PIXELS = None
    return Image.open(io.BytesIO(data), formats=[name])


def _check_size(image: Image.Image, pixels_max: int) -> None:
    pixels = image.width * image.height
    if pixels > pixels_max:
        raise TooManyPixels(
            f"The picture has {image.width} x {image.height} pixels; "
            f"at most {pixels_max} are taken. Send a smaller copy."
        )


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in _DEEP_MODES:
        return _shallow(image).convert("RGB")
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        return _on_white(image)
    if image.mode == "LAB":
        raise UnsupportedFormat("LAB colours are not opened; convert the picture to RGB.")
    # Not converted where there is nothing to convert: that would be a copy.
    return image if image.mode == "RGB" else image.convert("RGB")


def _shallow(image: Image.Image) -> Image.Image:
    """Bring a channel of 16 or 32 bits to 8, keeping what is dark dark."""
    deep = image if image.mode == "F" else image.convert("I")
    low, high = _range(deep)
    step = (high - low) / 255 or 1
    # Half a step is added because conversion to 8 bits cuts the fraction off.
    shift = 0.5 - low / step
    return deep.point(lambda value: value * (1 / step) + shift).convert("L")


def _range(image: Image.Image) -> tuple[float, float]:
    """Return the values that are to be black and white."""
    low, high = cast("tuple[float, float]", image.getextrema())
    if image.mode == "I" and low >= 0 and high <= 255 * _SIXTEEN_BIT_STEP:
        return 0, 255 * _SIXTEEN_BIT_STEP
    return low, high


def _on_white(image: Image.Image) -> Image.Image:
    # White, because it is what a page shows behind a picture.
    colours = image if image.mode == "RGBA" else image.convert("RGBA")
    page = Image.new("RGB", image.size, "white")
    page.paste(colours, mask=colours.getchannel("A"))
    return page


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:
        # A camera's broken metadata is no reason to refuse its picture.
        return 1


def _turn(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)
