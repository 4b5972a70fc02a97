"""Finds the blocks of metadata in a file, by its format."""

from __future__ import annotations

import io
from collections.abc import Callable

import pi_heif
from PIL import AvifImagePlugin

from common.images.formats import RAW_FORMATS
from worker.photo_info.containers import boxes, jpeg, photoshop, png, tiff, webp
from worker.photo_info.containers.blocks import NO_BLOCKS, Blocks, tiff_of

_XMP_IN_GIF = b"XMP DataXMP"


def find_blocks(data: bytes, name: str) -> Blocks:
    """Return the blocks of a file, up to damage.

    Args:
        data: The bytes of the whole file.
        name: Its format, one of ``common.images.formats.MEDIA_TYPES``.

    Raises:
        Exception: The file is damaged; parsers and libraries raise almost any.
    """
    finder = _FINDERS.get(name)
    return finder(data) if finder else NO_BLOCKS


def _heif(data: bytes) -> Blocks:
    info = pi_heif.open_heif(data).info
    return Blocks(tiff_of(info.get("exif") or b""), info.get("xmp") or b"")


def _avif(data: bytes) -> Blocks:
    with AvifImagePlugin.AvifImageFile(io.BytesIO(data)) as opened:
        return Blocks(tiff_of(opened.info.get("exif", b"")), opened.info.get("xmp", b""))


def _gif(data: bytes) -> Blocks:
    # The parser of XML stops at what follows.
    return Blocks(xmp=data.partition(_XMP_IN_GIF)[2])


_FINDERS: dict[str, Callable[[bytes], Blocks]] = {
    **dict.fromkeys(("TIFF", *RAW_FORMATS), tiff.find),
    "AVIF": _avif,
    "CR3": boxes.find_cr3,
    "GIF": _gif,
    "HEIF": _heif,
    "JPEG": jpeg.find,
    "JPEG2000": boxes.find_jpeg2000,
    "JXL": boxes.find_jxl,
    "PNG": png.find,
    "PSD": photoshop.find,
    "RAF": tiff.find_raf,
    "WEBP": webp.find,
}
