"""Upload requests: each contains some pictures or one archive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from cli.bulk.archives import Archive
from cli.bulk.hashing import Hashed

# Maximum number of pictures and bytes in a request; a larger picture is sent alone.
# Small enough that a broken connection wastes little, and by default three whole ingest tasks.
_PICTURES_MAX, _BYTES_MAX = 96, 64 * 1024**2
# Maximum number of IDs that the server accepts in a request.
_IDS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class PictureSet:
    """The pictures of one upload request."""

    pictures: tuple[Hashed, ...]

    @property
    def files(self) -> int:
        """The number of files in the request."""
        return len(self.pictures)

    def halves(self) -> tuple[PictureSet, PictureSet]:
        """Split it into two, for a server that accepts only smaller requests."""
        middle = len(self.pictures) // 2
        return PictureSet(self.pictures[:middle]), PictureSet(self.pictures[middle:])


@dataclass(frozen=True, slots=True)
class KnownSet:
    """Pictures to tag that the server already has: only their IDs are sent."""

    ids: tuple[str, ...]
    # No file is sent.
    files: ClassVar[int] = 0


# The content of one upload request.
UploadRequest = PictureSet | Archive | KnownSet


def known_sets(ids: Iterable[str]) -> Iterator[KnownSet]:
    """Divide IDs into requests of bounded size."""
    rest = iter(ids)
    while page := tuple(islice(rest, _IDS_MAX)):
        yield KnownSet(page)


def pack(pictures: Iterable[Hashed]) -> Iterator[PictureSet]:
    """Divide pictures into requests of bounded size."""
    packed: list[Hashed] = []
    size = 0
    for picture in pictures:
        if packed and (len(packed) == _PICTURES_MAX or size + picture.bytes > _BYTES_MAX):
            yield PictureSet(tuple(packed))
            packed, size = [], 0
        packed.append(picture)
        size += picture.bytes
    if packed:
        yield PictureSet(tuple(packed))
