"""Pictures built in code: ordinary ones, valid but unusual ones, and bad ones."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from functools import cache

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401 - lets Pillow write JPEG XL
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tests.support import tiffs

# Colours that the test encoder tells apart.
COLOURS = ("red", "green", "blue", "white", "black", "yellow")

# EXIF orientation for "rotate 90 degrees clockwise".
QUARTER_TURN = 6


# Names of formats that Pillow calls otherwise.
_PILLOW_NAMES = {"PNM": "PPM"}


def encoded(image: Image.Image, name: str, **options: object) -> bytes:
    """Return the picture encoded in a format."""
    file = io.BytesIO()
    if name == "HEIF":
        # The service's plug-in only decodes; this one must not take its place.
        described = image.copy()
        described.info.update(options)
        pillow_heif.from_pillow(described).save(file)
    elif name == "PSD":
        return _psd(image)
    else:
        if name == "ICO":
            options = {"sizes": [image.size], **options}
        image.save(file, _PILLOW_NAMES.get(name, name), **options)
    return file.getvalue()


def _psd(image: Image.Image) -> bytes:
    """Return an RGB picture as Photoshop saves one without layers."""
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, image.height, image.width, 8, 3)
    planes = b"".join(channel.tobytes() for channel in image.split())
    # No colours, resources and layers; then the pixels, not compressed.
    return head + bytes(12) + bytes(2) + planes


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


def grey_tiff(values: NDArray[np.uint16], photometric: int, *, big: bool = False) -> bytes:
    """Return grey values as a TIFF in which zero is black or white."""
    height, width = values.shape
    tags = {
        tiffs.WIDTH: width,
        tiffs.HEIGHT: height,
        tiffs.BITS: 16,
        tiffs.SAMPLES: 1,
        tiffs.COMPRESSION: tiffs.NONE,
        tiffs.PHOTOMETRIC: photometric,
        tiffs.ROWS: height,
    }
    return tiffs.tiff(tags, values.tobytes(), big=big)


def srgb() -> bytes:
    """Return an ICC profile of sRGB."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def red_and_blue_exchanged() -> bytes:
    """Return an ICC profile like that of sRGB, with red and blue exchanged, of the same name."""
    return srgb().replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")


def with_broken_chunk(png: bytes, kind: str) -> bytes:
    """Return a PNG with a chunk that does not concern its pixels, and that Pillow refuses."""
    large = zlib.compress(bytes(3 << 20))
    data = {
        "zTXt": b"Comment\0\0" + large,
        "iTXt": b"Comment\0\1\0\0\0" + large,
        "iCCP": b"Profile\0\0" + large,
        "eXIf": b"II*\0",
    }[kind]
    chunk = png_chunk(kind.encode(), data)
    if kind == "eXIf":
        # A wrong checksum.
        chunk = chunk[:-1] + bytes([chunk[-1] ^ 1])
    after_header = 8 + 12 + 13
    return png[:after_header] + chunk + png[after_header:]


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
    return encoded(red_left_blue_right(), name, exif=exif.tobytes())


@cache
def bomb_png(side: int = 30_000) -> bytes:
    """Return a PNG of one colour, about 100 kB, that decompresses to ``side`` squared pixels."""
    squeeze = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)  # a filter byte, then one bit per pixel
    body = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        png_chunk(kind, data) for kind, data in ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    )


def png(values: NDArray[np.integer], bits: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG of grey [height, width] or RGB [height, width, 3] values.

    Args:
        values: The pixels; of fewer than 8 bits, a row must fill whole bytes.
        bits: Bits of a value: 2, 4, 8 or 16.
        *chunks: Kinds and data of chunks before the pixels.
    """
    height, width = values.shape[:2]
    flat = values.reshape(height, -1)
    if bits < 8:
        each = np.unpackbits(flat.astype(np.uint8)[..., np.newaxis], axis=2)[..., 8 - bits :]
        rows = np.packbits(each.reshape(height, -1), axis=1)
    else:
        rows = flat.astype(">u2" if bits == 16 else np.uint8)
    colours = 2 if values.ndim == 3 else 0
    header = struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    every = ((b"IHDR", header), *chunks, (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, data) for kind, data in every)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
