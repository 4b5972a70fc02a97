"""The meter: counts the entries and bytes of an archive, and enforces its limits."""

from __future__ import annotations

from common.errors import ArchiveTooLarge
from worker.archives.limits import ArchiveLimits


class Meter:
    """Counts the entries and bytes of one archive.

    Once a limit is exceeded, every ``count`` raises ``ArchiveTooLarge``.

    Args:
        limits: The limits on the archive.
    """

    def __init__(self, limits: ArchiveLimits) -> None:
        self.limits = limits
        self._entries = 0
        self._unpacked_bytes = 0
        # Bytes read from the archive's file.
        self.packed_bytes = 0

    def count_entry(self) -> None:
        """Count an entry, before it is processed."""
        self._entries += 1
        self.check_entries(self._entries)

    def check_entries(self, entries: int) -> None:
        """Check the number of entries that the archive declares."""
        if entries > self.limits.entries_max:
            raise ArchiveTooLarge(
                f"The archive has more than {self.limits.entries_max} entries; "
                "split it into smaller archives."
            )

    def count_packed(self, count: int) -> None:
        """Count bytes read from the archive's file."""
        self.packed_bytes += count

    def clamp(self, size: int) -> int:
        """Limit a number of bytes to unpack to one byte more than is still allowed."""
        return max(1, min(size, self.limits.bytes_max - self._unpacked_bytes + 1))

    def count_unpacked(self, count: int) -> None:
        """Count unpacked bytes, before they are used."""
        self._unpacked_bytes += count
        limits = self.limits
        if self._unpacked_bytes > limits.bytes_max:
            raise ArchiveTooLarge(
                f"The archive unpacks to more than {limits.bytes_max} bytes; "
                "split it into smaller archives."
            )
        ratio_bytes = max(limits.ratio_floor_bytes, limits.ratio_max * self.packed_bytes)
        if self._unpacked_bytes > ratio_bytes:
            raise ArchiveTooLarge(
                f"The archive unpacks to more than {limits.ratio_max} times its size; "
                "upload these pictures individually."
            )


class InnerMeter(Meter):
    """Counts an archive within an archive: against the limits of the outer one.

    Its packed bytes are unpacked bytes of the outer archive, so they do not raise its ratio.

    Args:
        outer: The meter of the outer archive.
    """

    def __init__(self, outer: Meter) -> None:
        super().__init__(outer.limits)
        self._outer = outer

    def count_entry(self) -> None:
        """Count an entry, before it is processed."""
        self._outer.count_entry()

    def clamp(self, size: int) -> int:
        """Limit a number of bytes to unpack to one byte more than is still allowed."""
        return self._outer.clamp(size)

    def count_unpacked(self, count: int) -> None:
        """Count unpacked bytes, before they are used."""
        self._outer.count_unpacked(count)
