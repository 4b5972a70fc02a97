"""The meter: counts what goes into and comes out of one archive, and stops at its limits."""

from __future__ import annotations

from common.errors import ArchiveTooLarge
from worker.archives.limits import ArchiveLimits


class Meter:
    """Counts entries and bytes of one archive.

    Every ``count`` raises ``ArchiveTooLarge`` past its limit, and goes on raising.

    Args:
        limits: What the archive may have at most.
    """

    def __init__(self, limits: ArchiveLimits) -> None:
        self._limits = limits
        self._entries = 0
        self._unpacked_bytes = 0
        # Bytes read from the archive's file to be unpacked.
        self.packed_bytes = 0

    def count_entry(self) -> None:
        """Count an entry, before anything is made of it."""
        self._entries += 1
        self.check_entries(self._entries)

    def check_entries(self, entries: int) -> None:
        """Refuse a number of entries that the archive itself declares."""
        if entries > self._limits.entries_max:
            raise ArchiveTooLarge(
                f"The archive has more than {self._limits.entries_max} entries; "
                "send it in several parts."
            )

    def count_packed(self, count: int) -> None:
        """Count bytes read from the archive's file."""
        self.packed_bytes += count

    def clamp(self, size: int) -> int:
        """Return how much to unpack at a time: at most one byte more than is left."""
        return max(1, min(size, self._limits.bytes_max - self._unpacked_bytes + 1))

    def count_unpacked(self, count: int) -> None:
        """Count bytes that were unpacked, before they are handed on."""
        self._unpacked_bytes += count
        limits = self._limits
        if self._unpacked_bytes > limits.bytes_max:
            raise ArchiveTooLarge(
                f"The archive unpacks to more than {limits.bytes_max} bytes; "
                "send it in several parts."
            )
        ratio_bytes = max(limits.ratio_floor_bytes, limits.ratio_max * self.packed_bytes)
        if self._unpacked_bytes > ratio_bytes:
            raise ArchiveTooLarge(
                f"The archive unpacks to more than {limits.ratio_max} times its size; "
                "send these pictures one by one."
            )
