"""Picture formats, detected from the first bytes of a file, never from its name."""

from __future__ import annotations

from common.errors import EmptyImage, ImageError, NotAnImage, UnsupportedFormat
from common.images import iso_media, tiff_header

# Number of leading bytes needed to detect the format. A camera's raw file differs from another TIFF
# in its tags.
HEAD_BYTES = 4096

# Media types of the supported formats.
MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
    "HEIF": "image/heif",
    "JXL": "image/jxl",
    "JPEG2000": "image/jp2",
    "PNM": "image/x-portable-anymap",
    "ICO": "image/vnd.microsoft.icon",
    "TGA": "image/x-tga",
    "PSD": "image/vnd.adobe.photoshop",
    "ARW": "image/x-sony-arw",
    "CR2": "image/x-canon-cr2",
    "CR3": "image/x-canon-cr3",
    "DNG": "image/x-adobe-dng",
    "NEF": "image/x-nikon-nef",
    "ORF": "image/x-olympus-orf",
    "RAF": "image/x-fuji-raf",
    "RW2": "image/x-panasonic-rw2",
}

# Formats of cameras' raw files.
RAW_FORMATS = frozenset({"ARW", "CR2", "CR3", "DNG", "NEF", "ORF", "RAF", "RW2"})

# The suffixes of files that are not named like their format.
_SUFFIXES = {"HEIF": "heic", "JPEG2000": "jp2"}

# Signatures of these formats; the others have functions below.
_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\xff\x0a", "JXL"),
    (b"\x00\x00\x00\x0cJXL ", "JXL"),
    (b"8BPS\x00\x01", "PSD"),
    (b"FUJIFILMCCD-RAW", "RAF"),
    (b"IIRO", "ORF"),
    (b"IIRS", "ORF"),
    (b"MMOR", "ORF"),
    (b"IIU\x00", "RW2"),
)

# Valid lengths of a BMP's second header, at byte 14; the letters "BM" alone prove little.
_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})

# Kinds of a TGA, and bits per pixel; a TGA has no signature at its start.
_TGA_KINDS, _TGA_DEPTHS = frozenset({1, 2, 3, 9, 10, 11}), frozenset({8, 15, 16, 24, 32})
_TGA_HEADER_BYTES = 18

# Names of those that are no pictures.
_NO_PICTURES = ("Video", "PDF", "EPS")

# Signatures of files that Glimpse recognizes and does not support.
_FOREIGN_SIGNATURES = (
    (b"8BPS\x00\x02", "PSB"),
    (b"qoif", "QOI"),
    (b"II\xbc\x01", "JPEG XR"),
    (b"#?RADIANCE\n", "Radiance HDR"),
    (b"#?RGBE\n", "Radiance HDR"),
    (b"v/1\x01", "OpenEXR"),
    (b"DDS \x7c\x00\x00\x00", "DDS"),
    (b"icns\x00", "ICNS"),
    (b"gimp xcf ", "XCF"),
    (b"AT&TFORM", "DjVu"),
    (b"SIMPLE  =", "FITS"),
    (b"II\x1a\x00\x00\x00HEAPCCDR", "CRW"),
    (b"FOVb", "X3F"),
    (b"\x00MRM", "MRW"),
    (b"%!PS", "EPS"),
    (b"%PDF", "PDF"),
    (b"\x1aE\xdf\xa3", "Video"),
    (b"\x00\x00\x01\xba", "Video"),
    (b"\x00\x00\x01\xb3", "Video"),
    (b"FLV\x01", "Video"),
)


# Relatives of PNM: arbitrary channels, and floating point.
_FOREIGN_PNM = {b"P7\n": "PAM", b"PF\n": "PFM", b"Pf\n": "PFM"}


def sniff(head: bytes) -> str:
    """Detect the format of a picture.

    Args:
        head: The file's first ``HEAD_BYTES`` or more; with all of its bytes, a raw file is told
            from a TIFF wherever its tags are.

    Returns:
        One of the names in ``MEDIA_TYPES``.

    Raises:
        EmptyImage: There are no bytes.
        UnsupportedFormat: The bytes are a picture in an unsupported format.
        NotAnImage: The bytes are not a picture.
    """
    if not head:
        raise EmptyImage("The file has no bytes. Check the file and send it again.")
    name = _supported(head)
    if name is None:
        raise _refusal(head)
    return name


def begins_a_picture(head: bytes, *, is_text: bool = False) -> bool:
    """Return whether the bytes are a picture, supported or not, and no film or document.

    Args:
        head: The file's first ``HEAD_BYTES``.
        is_text: Whether its name is that of a text, which may begin like some pictures.
    """
    name = _supported(head)
    if is_text:
        return name not in (None, "PNM")
    return name is not None or _foreign_format(head) not in (None, *_NO_PICTURES)


def suffix_of(name: str) -> str:
    """Return the usual suffix, without its dot, of files in a format."""
    return _SUFFIXES.get(name, name.lower())


def _supported(head: bytes) -> str | None:
    return _signed(head) or iso_media.picture_format(head) or _unsigned(head)


def _signed(head: bytes) -> str | None:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if tiff_header.is_tiff(head):
        return tiff_header.raw_format(head) or "TIFF"
    return next((name for signature, name in _SIGNATURES if head.startswith(signature)), None)


def _unsigned(head: bytes) -> str | None:
    """Detect formats whose first bytes prove little on their own."""
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "PNM"
    if head[:4] == b"\x00\x00\x01\x00" and _has_icons(head):
        return "ICO"
    return "TGA" if _is_tga(head) else None


def _has_icons(head: bytes) -> bool:
    """Return whether an icon's directory has entries, each with a zero byte."""
    return head[4:6] != b"\x00\x00" and head[9:10] == b"\x00"


def _is_tga(head: bytes) -> bool:
    if len(head) < _TGA_HEADER_BYTES:
        return False
    has_map, kind, depth, flags = head[1], head[2], head[16], head[17]
    return (
        has_map <= 1
        and kind in _TGA_KINDS
        # Grey and true colours have no map, and its specification is then zero.
        and (has_map == 1) == (kind in (1, 9))
        and (has_map == 1 or head[3:8] == bytes(5))
        and head[8:12] == bytes(4)
        and b"\x00\x00" not in (head[12:14], head[14:16])
        and depth in _TGA_DEPTHS
        and not flags & 0xC0
    )


def _refusal(head: bytes) -> ImageError:
    foreign = _foreign_format(head)
    if foreign is None:
        return NotAnImage(
            "The file is not a picture. Send JPEG, PNG, WebP, HEIC, AVIF, TIFF or a camera's raw"
            " file."
        )
    return UnsupportedFormat(
        f"{foreign} is not supported. Convert the picture to JPEG, PNG or WebP."
    )


def _foreign_format(head: bytes) -> str | None:
    if iso_media.is_iso_media(head) or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return "Video"
    if _is_svg(head):
        return "SVG"
    # An icon's directory, of a cursor.
    if head[:4] == b"\x00\x00\x02\x00" and _has_icons(head):
        return "CUR"
    if head[:3] in _FOREIGN_PNM:
        return _FOREIGN_PNM[head[:3]]
    found = (name for signature, name in _FOREIGN_SIGNATURES if head.startswith(signature))
    return next(found, None)


def _is_svg(head: bytes) -> bool:
    """Return whether an XML document's first element is ``svg``; a page of HTML may contain one."""
    text = head[:HEAD_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip()
    while text.startswith((b"<?", b"<!")):
        end = b"-->" if text.startswith(b"<!--") else b">"
        _, found, text = text.partition(end)
        if not found:
            return False
        text = text.lstrip()
    return text[:5].lower() in (b"<svg ", b"<svg>", b"<svg\n", b"<svg\r", b"<svg\t")
