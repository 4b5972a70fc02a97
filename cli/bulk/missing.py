"""Determines which pictures the server does not have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cli.bulk.hashing import Hashed
from glimpse_client import Glimpse
from glimpse_client.glimpse import OnDuplicate

# Number of IDs in the first check, small so that uploads start soon, and the maximum; it doubles
# with each check. The server accepts 10,000, but the slowest store answers this many quickly.
_IDS_MIN, _IDS_MAX = 100, 1600
# Maximum bytes of the pictures in a check, so that uploads of large pictures start soon, too.
_BYTES_MAX = 256 * 1024**2


class Missing:
    """Determines which pictures to upload, one file for each content.

    It stores nothing between runs; the server knows which images it has, and which
    are in the jobs that this run resumes. Pictures of another job that are not yet
    indexed count as missing and are uploaded again, which is harmless: an image's ID
    is a hash of its content.

    Args:
        client: Connects to the server.
        on_duplicate: What to do with pictures that the server already has; None is its default.
    """

    def __init__(self, client: Glimpse, on_duplicate: OnDuplicate | None = None) -> None:
        self._client = client
        self._on_duplicate = on_duplicate
        # IDs as bytes, which need half the memory of text: there may be a million.
        self._known: set[bytes] = set()
        self._missing: set[bytes] = set()
        # IDs of the pictures that earlier runs have sent to jobs that have not ended: those that
        # these have not indexed, and those that they have, which may be gone or renamed since.
        self.sent_before: set[bytes] = set()
        self.indexed_before: set[bytes] = set()
        # Pictures with the same bytes as an earlier one that the server does not have, by ID.
        self._copies: dict[str, list[Hashed]] = {}
        # Number of pictures that the server already has, besides those that a job counts.
        self.known = 0

    @property
    def copies(self) -> int:
        """The number of pictures not uploaded because another file has the same bytes."""
        return sum(map(len, self._copies.values()))

    def among(self, pictures: Iterable[Hashed]) -> Iterator[Hashed]:
        """Yield the pictures to upload."""
        for batch in _batches(self._without_copies(pictures)):
            known = self._unchanged(batch)
            for picture_id in known:
                self._add_known(picture_id)
            yield from (picture for picture in batch if picture.id not in known)

    def _unchanged(self, batch: Sequence[Hashed]) -> set[str]:
        """Return the IDs of the pictures that need not be uploaded.

        Renamed ones are uploaded, so that the server keeps their new name beside the old one.
        """
        if self._on_duplicate == "replace":
            # A job that this run resumes has replaced what is stored with these.
            batch = [each for each in batch if bytes.fromhex(each.id) in self.indexed_before]
            if not batch:
                return set()
        ids = [picture.id for picture in batch]
        if self._on_duplicate == "keep":
            return set(self._client.check(ids).known)
        found = self._client.check(ids, [picture.picture.name for picture in batch])
        return set(found.known).difference(found.renamed)

    @property
    def known_ids(self) -> Iterator[str]:
        """The IDs of the pictures that the server already has."""
        return (content.hex() for content in self._known)

    def pop_copy(self, picture_id: str) -> Hashed | None:
        """Remove and return another file with the same bytes, if there is one."""
        copies = self._copies.get(picture_id)
        return copies.pop(0) if copies else None

    def pop_copies(self, picture_id: str) -> list[Hashed]:
        """Remove and return all other files with the same bytes."""
        return self._copies.pop(picture_id, [])

    def _without_copies(self, pictures: Iterable[Hashed]) -> Iterator[Hashed]:
        for picture in pictures:
            content = bytes.fromhex(picture.id)
            if content in self._known:
                self.known += 1
            elif content in self._missing:
                self._copies.setdefault(picture.id, []).append(picture)
            else:
                self._missing.add(content)
                if content not in self.sent_before:
                    yield picture

    def _add_known(self, picture_id: str) -> None:
        content = bytes.fromhex(picture_id)
        self._missing.discard(content)
        self._known.add(content)
        self.known += (content not in self.indexed_before) + len(self._copies.pop(picture_id, ()))


def _batches(pictures: Iterable[Hashed]) -> Iterator[list[Hashed]]:
    """Divide pictures into batches of bounded and increasing size."""
    batch: list[Hashed] = []
    size, limit = 0, _IDS_MIN
    for picture in pictures:
        batch.append(picture)
        size += picture.bytes
        if len(batch) >= limit or size >= _BYTES_MAX:
            yield batch
            batch, size, limit = [], 0, min(limit * 2, _IDS_MAX)
    if batch:
        yield batch
