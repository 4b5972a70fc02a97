"""Parcels: what one upload request carries, some pictures or one archive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cli.bulk.archives import Archive
from cli.bulk.hashing import Hashed

# Pictures, and bytes of them, in one request at most; a larger picture goes alone.
# Small enough that little is sent again after a broken connection.
_PICTURES_MAX, _BYTES_MAX = 100, 64 * 1024**2


@dataclass(frozen=True, slots=True)
class Parcel:
    """Some pictures."""

    pictures: tuple[Hashed, ...]

    @property
    def files(self) -> int:
        """How many files it carries."""
        return len(self.pictures)

    def halves(self) -> tuple[Parcel, Parcel]:
        """Divide it, for a server that takes only smaller ones."""
        middle = len(self.pictures) // 2
        return Parcel(self.pictures[:middle]), Parcel(self.pictures[middle:])


# What one request may carry.
Load = Parcel | Archive


def pack(pictures: Iterable[Hashed]) -> Iterator[Parcel]:
    """Divide pictures into parcels of bounded size."""
    packed: list[Hashed] = []
    size = 0
    for picture in pictures:
        if packed and (len(packed) == _PICTURES_MAX or size + picture.bytes > _BYTES_MAX):
            yield Parcel(tuple(packed))
            packed, size = [], 0
        packed.append(picture)
        size += picture.bytes
    if packed:
        yield Parcel(tuple(packed))
