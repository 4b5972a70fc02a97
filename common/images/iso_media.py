"""ISO base media files (ISO 14496-12): pictures, told from films by the brands in the first box."""

from __future__ import annotations

# Formats by brand. Brands of several formats, such as "mif1", are not among them.
_FORMATS = {
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"heic": "HEIF",
    b"heix": "HEIF",
    b"heim": "HEIF",
    b"heis": "HEIF",
    b"hevc": "HEIF",
    b"hevx": "HEIF",
    b"hevm": "HEIF",
    b"hevs": "HEIF",
    b"crx ": "CR3",
}
# Brands of any still picture, or series of them, and of encodings that no decoder here reads.
_PICTURES = frozenset(
    {
        *(b"mif1", b"mif2", b"mif3", b"msf1", b"miaf", b"1pic", b"heif", b"MiHB", b"MiHE"),
        *(b"avci", b"avcs", b"jpeg", b"jpgs", b"j2ki", b"j2is", b"vvic", b"vvis", b"evbi"),
    }
)


def is_iso_media(head: bytes) -> bool:
    """Return whether a file begins with the box that lists brands."""
    return head[4:8] == b"ftyp"


def picture_format(head: bytes) -> str | None:
    """Return the format of a picture, or None if the file is none."""
    if not is_iso_media(head):
        return None
    brands = _brands(head)
    if brands[0] in _FORMATS:
        return _FORMATS[brands[0]]
    if brands[0] not in _PICTURES:
        return None
    return next((_FORMATS[brand] for brand in brands if brand in _FORMATS), "HEIF")


def _brands(head: bytes) -> list[bytes]:
    """Return the major brand, then the compatible ones."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]
