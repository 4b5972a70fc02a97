"""Pictures built in code: ordinary ones, valid but unusual ones, and bad ones."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from functools import cache

import numpy as np
from PIL import Image

# Colours that the test encoder tells apart.
COLOURS = ("red", "green", "blue", "white", "black", "yellow")

# EXIF orientation for "rotate 90 degrees clockwise".
QUARTER_TURN = 6


def encoded(image: Image.Image, name: str, **options: object) -> bytes:
    """Return the picture encoded in a format."""
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def picture(
    colour: str = "red", size: tuple[int, int] = (40, 30), media_format: str = "PNG"
) -> bytes:
    """Return a picture of one colour, encoded in a format that Pillow writes."""
    return encoded(Image.new("RGB", size, colour), media_format)


def image_id(data: bytes) -> str:
    """Return the id that Glimpse gives to a file's bytes."""
    return hashlib.sha256(data).hexdigest()


def scene(seed: int, size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Return an RGB picture of smooth patches, different for each seed."""
    patches = np.random.RandomState(seed).randint(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC)


def red_left_blue_right() -> Image.Image:
    """Return a 40 x 20 picture whose orientation is recognisable."""
    image = Image.new("RGB", (40, 20), "blue")
    image.paste("red", (0, 0, 20, 20))
    return image


def jpeg(seed: int = 0, size: tuple[int, int] = (64, 48)) -> bytes:
    return encoded(scene(seed, size), "JPEG", quality=90)


def truncated_jpeg() -> bytes:
    whole = jpeg()
    return whole[: len(whole) // 2]


def one_pixel_png() -> bytes:
    return encoded(Image.new("RGB", (1, 1), "red"), "PNG")


def cmyk_jpeg() -> bytes:
    """Return an almost pure red in CMYK."""
    return encoded(Image.new("CMYK", (32, 32), (0, 255, 255, 0)), "JPEG")


def sixteen_bit_png() -> bytes:
    """Return a 16-bit grey ramp from black to white, left to right."""
    ramp = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (8, 1))
    return encoded(Image.fromarray(ramp), "PNG")


def transparent_palette_png() -> bytes:
    """Return four pixels: three transparent red ones and an opaque blue one."""
    image = Image.new("P", (2, 2), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 1), 1)
    return encoded(image, "PNG", transparency=0)


def animation(name: str) -> bytes:
    """Return a GIF or WebP whose first frame is red and whose second is blue."""
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    options = {"lossless": True} if name == "WEBP" else {}
    return encoded(frames[0], name, save_all=True, append_images=frames[1:], **options)


def turned(name: str, orientation: int = QUARTER_TURN) -> bytes:
    """Return ``red_left_blue_right`` with an EXIF orientation tag."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(red_left_blue_right(), name, exif=exif)


@cache
def bomb_png(side: int = 30_000) -> bytes:
    """Return a PNG of one colour, about 100 kB, that decompresses to ``side`` squared pixels."""
    squeeze = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)  # a filter byte, then one bit per pixel
    body = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _png_chunk(kind, data)
        for kind, data in ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    )


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
