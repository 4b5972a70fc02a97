"""TIFFs: kinds that Pillow would open with wrong pixels are refused, or opened rightly."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, TiffImagePlugin

from common.images import tiff_header
from worker.decoding.faults import unsupported

# Layouts of values, as Pillow names them, that libtiff has already put into the machine's order.
_ORDERED = {"I;16BS": "I;16NS", "I;32BS": "I;32NS", "F;32BF": "F;32NF"}
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
# Compressions that this Pillow's libtiff lacks.
_WEBP = 50001
_LACKING = frozenset({_WEBP})


def open_tiff(data: bytes) -> Image.Image:
    """Open a TIFF's first picture.

    Raises:
        UnsupportedFormat: Pillow would open it with wrong pixels.
    """
    if tiff_header.has_deep_planes(data):
        raise unsupported("TIFF")
    opened = TiffImagePlugin.TiffImageFile(io.BytesIO(data), "")
    if opened.tag_v2.get(TiffImagePlugin.COMPRESSION) in _LACKING:
        raise unsupported("TIFF")
    opened.tile = [
        tile._replace(args=(_ORDERED.get(tile.args[0], tile.args[0]), *tile.args[1:]))
        if tile.codec_name == "libtiff" and isinstance(tile.args, tuple)
        else tile
        for tile in opened.tile
    ]
    return opened


def tile_size(data: bytes) -> tuple[int, int]:
    """Return the width and height of a tile, which libtiff unpacks in full; zeros without tiles."""
    tags = tiff_header.read_tags(data, (_TILE_WIDTH, _TILE_HEIGHT))
    (width,), (height,) = tags.get(_TILE_WIDTH, (0,)), tags.get(_TILE_HEIGHT, (0,))
    return width, height


def corrected(image: Image.Image, data: bytes) -> Image.Image:
    """Return a loaded picture with its values as integers with the sign that the file declares."""
    signed = tiff_header.is_signed(data)
    if image.mode == "I" and not signed:
        # Pillow reads 32 bits as signed.
        return Image.fromarray(np.asarray(image).view(np.uint32).astype(np.float32))
    if image.mode == "L" and signed:
        # Pillow reads 8 bits as unsigned.
        return image.point([value ^ 0x80 for value in range(256)])
    return image
