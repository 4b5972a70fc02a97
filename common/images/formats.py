"""Picture formats, detected from the first bytes of a file, never from its name."""

from __future__ import annotations

from common.errors import EmptyImage, ImageError, NotAnImage, UnsupportedFormat

# Number of leading bytes needed to detect the format.
HEAD_BYTES = 512

# Media types of the supported formats, by Pillow's names.
MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
}

# Signatures of these formats; WebP and BMP are detected at two offsets each.
_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
)

# Valid lengths of a BMP's second header, at byte 14; the letters "BM" alone prove little.
_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})

# Signatures of pictures that Glimpse recognizes and does not support.
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

# Brands of ISO media files (bytes 8 to 12) that contain still pictures.
_ISO_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF"}


def sniff(head: bytes) -> str:
    """Detect the format of a picture from the first ``HEAD_BYTES`` of its file.

    Returns:
        One of the names in ``MEDIA_TYPES``.

    Raises:
        EmptyImage: There are no bytes.
        UnsupportedFormat: The bytes are a picture in an unsupported format.
        NotAnImage: The bytes are not a picture.
    """
    if not head:
        raise EmptyImage("The file has no bytes. Check the file and send it again.")
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
        return NotAnImage("The file is not a picture. Send JPEG, PNG, GIF, WebP, BMP or TIFF.")
    return UnsupportedFormat(
        f"{foreign} is not supported. Convert the picture to JPEG, PNG or WebP."
    )


def _foreign_format(head: bytes) -> str | None:
    if head[4:8] == b"ftyp":
        return _ISO_BRANDS.get(head[8:12])
    if b"<svg" in head.lower():
        return "SVG"
    for signature, name in _FOREIGN_SIGNATURES:
        if head.startswith(signature) and (name != "PNM" or head[2:3].isspace()):
            return name
    return None
