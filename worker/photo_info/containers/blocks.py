"""The blocks of metadata in a file, still encoded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Blocks:
    """The blocks of one file; empty if the file has none.

    Attributes:
        exif: Each is a TIFF; Canon's CR3 has several.
        xmp: A packet of XML, which other bytes may follow.
        iptc: Datasets of IPTC-IIM.
    """

    exif: tuple[bytes, ...] = ()
    xmp: bytes = b""
    iptc: bytes = b""


# The blocks of a file without metadata.
NO_BLOCKS = Blocks()


def tiff_of(exif: bytes) -> tuple[bytes, ...]:
    """Return the TIFF in a block of EXIF, which may begin with its name."""
    tiff = exif.removeprefix(b"Exif\0").removeprefix(b"\0")
    return (tiff,) if tiff else ()
