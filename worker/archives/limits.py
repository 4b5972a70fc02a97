"""Limits on the unpacked contents of an archive."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Maximum contents of an archive, as actually unpacked rather than as declared."""

    # Entries of any kind: pictures, other files, folders, links, extended headers.
    entries_max: int = 500_000
    # Unpacked bytes, including those of skipped files.
    bytes_max: int = 16 * 1024**3
    # Ratio of unpacked to packed bytes. Photos hardly compress; BMP drawings do a hundredfold.
    ratio_max: int = 200
    # Unpacked bytes from which the ratio counts, so that a few flat drawings are accepted.
    ratio_floor_bytes: int = 64 * 1024**2
