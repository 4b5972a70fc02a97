"""Opening: pictures by Pillow and its plug-ins, with corrections of what they read wrongly."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import cast

import numpy as np
import pi_heif
from PIL import AvifImagePlugin, Image, ImageChops

from common.errors import UnsupportedFormat
from worker.decoding import (
    jp2_header,
    jpeg_end,
    jpeg_header,
    png_chunks,
    pnm_header,
    tiff_picture,
)
from worker.decoding.faults import unsupported

# Pillow warns of odd metadata in pictures, which the operator cannot fix.
warnings.filterwarnings("ignore", module=r"PIL\.")

Image.init()
# Pictures are decoded concurrently already.
pi_heif.register_heif_opener(decode_threads=1)
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
with suppress(ImportError):
    # The extra `jxl`.
    from pillow_jxl import JpegXLImagePlugin

    JpegXLImagePlugin.DECODE_THREADS = 0

# Names of formats that Pillow calls otherwise.
_PILLOW_NAMES = {"PNM": "PPM"}

# Where a PNG's header has the bits of a value.
_PNG_DEPTH_AT = 24
# Where a TGA's header has its depth, and the flags whose lowest bits count those of transparency.
_TGA_DEPTH_AT, _TGA_FLAGS_AT, _TGA_ALPHA_BITS = 16, 17, 0x0F


def open_picture(data: bytes, name: str) -> Image.Image:
    """Return a picture whose pixels are not loaded yet, if its plug-in can leave that.

    Raises:
        UnsupportedFormat: Its pixels would be wrong.
        Exception: Almost any, from a plug-in.
    """
    # Pillow's limit is global and only warns; the caller checks each picture.
    Image.MAX_IMAGE_PIXELS = None
    if name == "TIFF":
        return tiff_picture.open_tiff(data)
    if name == "PNG":
        data = png_chunks.pixels_only(data)
    if name == "PNM":
        pnm_header.check(data)
    if name == "JPEG" and not jpeg_header.is_readable(data):
        raise unsupported(name)
    if name == "JPEG2000":
        depths = jp2_header.depths(data)
        if len(depths) > 1 and max(depths) > 8:
            # Pillow would turn white into black.
            raise unsupported(name)
    if name == "JXL" and name not in Image.OPEN:
        raise UnsupportedFormat(
            "This worker does not read JPEG XL. Install Glimpse with the extra jxl, or convert the"
            " picture to JPEG, PNG or WebP."
        )
    # ``Image.open`` does not tell why a plug-in refuses a picture.
    factory, _ = Image.OPEN[_PILLOW_NAMES.get(name, name)]
    return cast("Image.Image", factory(io.BytesIO(data), ""))


def load(opened: Image.Image, data: bytes, name: str) -> Image.Image:
    """Return an opened picture with its pixels as its file means them."""
    try:
        opened.load()
    except OSError:
        ended = jpeg_end.load(opened, data) if name == "JPEG" else None
        if ended is None:
            raise
        return ended
    correct = _CORRECTIONS.get(name)
    return correct(opened, data) if correct else opened


def _gif(image: Image.Image, _: bytes) -> Image.Image:
    """Return a frame that does not cover the picture with the rest transparent, as browsers do."""
    frame = getattr(image, "dispose_extent", None)
    if not frame or frame == (0, 0, *image.size) or "transparency" in image.info:
        return image
    alpha = Image.new("L", image.size)
    alpha.paste(255, frame)
    covered = image.convert("RGBA")
    covered.putalpha(alpha)
    return covered


def _png(image: Image.Image, data: bytes) -> Image.Image:
    """Scale the transparent colour to 8 bits, as its pixels are."""
    colour, depth = image.info.get("transparency"), data[_PNG_DEPTH_AT]
    if isinstance(colour, int) and image.mode == "L" and depth < 8:
        image.info["transparency"] = colour * 255 // ((1 << depth) - 1)
    elif isinstance(colour, tuple) and depth == 16:
        image.info["transparency"] = tuple(value >> 8 for value in colour)
    return image


def _tga(image: Image.Image, data: bytes) -> Image.Image:
    """Drop a transparency that the header does not declare."""
    declared = data[_TGA_FLAGS_AT] & _TGA_ALPHA_BITS
    if image.mode == "RGBA" and data[_TGA_DEPTH_AT] == 32 and not declared:
        return image.convert("RGB")
    return _visible(image, data)


def _visible(image: Image.Image, _: bytes) -> Image.Image:
    """Drop a transparency that would hide all of the picture: many programs leave it at zero."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        return image.convert("RGB")
    return image


def _psd(image: Image.Image, _: bytes) -> Image.Image:
    """Return a bitmap in its colours: one is black in it, which Pillow takes for white."""
    return ImageChops.invert(image.convert("L")) if image.mode == "1" else image


def _jxl(image: Image.Image, _: bytes) -> Image.Image:
    """Return grey of 16 bits with transparency, whose bytes the plug-in takes for two pixels."""
    data = getattr(image, "_data", b"")
    if image.mode != "LA" or len(data) != image.width * image.height * 4:
        return image
    values = np.frombuffer(data, "<u2").reshape(image.height, image.width, 2)
    return Image.fromarray((values >> 8).astype(np.uint8), "LA")


def _jp2(image: Image.Image, data: bytes) -> Image.Image:
    """Return values of fewer than 8 bits up to white: Pillow only shifts them."""
    depth = max(jp2_header.depths(data), default=8)
    if depth >= 8 or image.mode == "P":
        return image
    white = ((1 << depth) - 1) << (8 - depth)
    scaled = [min(255, value * 255 // white) for value in range(256)]
    return image.point(scaled * len(image.getbands()))


_CORRECTIONS: Mapping[str, Callable[[Image.Image, bytes], Image.Image]] = {
    "BMP": _visible,
    "GIF": _gif,
    "JPEG2000": _jp2,
    "JXL": _jxl,
    "PNG": _png,
    "PSD": _psd,
    "TGA": _tga,
    "TIFF": tiff_picture.corrected,
}
