"""Picture formats, told by the first bytes of a file and never by its name."""

from __future__ import annotations

from common.errors import EmptyImage, ImageError, NotAnImage, UnsupportedFormat

# Bytes of a file's head that are enough to tell its format.
HEAD_BYTES = 512

# Formats that Glimpse opens, by Pillow's names, with their media types.
MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
}

# First bytes of the formats above; WebP and BMP are told by two places each.
_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
)

# Lengths that the second header of a BMP may have, at byte 14; two letters alone are no sign.
_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})

# First bytes of pictures that Glimpse knows and does not open.
_FOREIGN_SIGNATURES = (
    (b"8BPS", "PSD"),
    (b"\x00\x00\x01\x00", "ICO"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"II+\x00", "BigTIFF"),
    (b"MM\x00+", "BigTIFF"),
    (b"qoif", "QOI"),
    (b"%!PS", "EPS"),
    (b"P1", "PNM"),
    (b"P2", "PNM"),
    (b"P3", "PNM"),
    (b"P4", "PNM"),
    (b"P5", "PNM"),
    (b"P6", "PNM"),
)

# Brands of ISO media files (bytes 8 to 12) that are still pictures.
_ISO_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF"}


def sniff(head: bytes) -> str:
    """Tell the format of a picture from the first ``HEAD_BYTES`` of its file.

    Returns:
        One of the names in ``MEDIA_TYPES``.

    Raises:
        EmptyImage: There are no bytes.
        UnsupportedFormat: The bytes are a picture that Glimpse does not open.
        NotAnImage: The bytes are no picture.
    """
    if not head:
        raise EmptyImage("The file has no bytes.")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    raise _refusal(head)


def _refusal(head: bytes) -> ImageError:
    foreign = _foreign_format(head)
    if foreign is None:
        return NotAnImage("The bytes are no picture; send JPEG, PNG, GIF, WebP, BMP or TIFF.")
    return UnsupportedFormat(f"{foreign} is not opened; convert it to JPEG, PNG or WebP.")


def _foreign_format(head: bytes) -> str | None:
    if head[4:8] == b"ftyp":
        return _ISO_BRANDS.get(head[8:12])
    if b"<svg" in head.lower():
        return "SVG"
    for signature, name in _FOREIGN_SIGNATURES:
        if head.startswith(signature) and (name != "PNM" or head[2:3].isspace()):
            return name
    return None
