"""Limits of what one archive may unpack to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What one archive may have at most; what is really unpacked counts, not what is declared."""

    # Entries of any kind: pictures, other files, folders, links, extended headers.
    entries_max: int = 500_000
    # Bytes that come out of it, those of files that are passed over included.
    bytes_max: int = 16 * 1024**3
    # Unpacked bytes for each packed one. Photographs hardly shrink, drawings in BMP a hundredfold.
    ratio_max: int = 200
    # Unpacked bytes from which on the ratio counts, so that a few flat drawings are no bomb.
    ratio_floor_bytes: int = 64 * 1024**2
