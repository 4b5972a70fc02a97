"""What the server does not know yet, and so has to be sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cli.bulk.hashing import Hashed
from glimpse_client import Glimpse

# Ids in the first question, so that uploads begin soon, and at most: they double in between.
# The server takes 10,000; these are answered within a moment by the slowest store.
_IDS_MIN, _IDS_MAX = 100, 1600
# Bytes of the pictures in one question, at most: large ones are sent before many are hashed.
_BYTES_MAX = 256 * 1024**2


class Missing:
    """Tells which pictures have to be sent, each content once.

    Nothing is kept from one run to the next: the server is asked. What an
    earlier run had sent and no worker has indexed yet counts as missing, and is
    sent again; the server goes by content too and does nothing twice.

    Args:
        client: The server's.
    """

    def __init__(self, client: Glimpse) -> None:
        self._client = client
        # Ids as bytes, which take half as much: there may be a million of them.
        self._known: set[bytes] = set()
        self._others: set[bytes] = set()
        # Pictures with the bytes of an earlier one that the server does not know, by id.
        self._copies: dict[str, list[Hashed]] = {}
        # Pictures that were searchable before.
        self.known = 0

    @property
    def copies(self) -> int:
        """Pictures that need not be sent because their bytes are."""
        return sum(map(len, self._copies.values()))

    def among(self, pictures: Iterable[Hashed]) -> Iterator[Hashed]:
        """Return those pictures that have to be sent."""
        for asked in _questions(self._first_ones(pictures)):
            known = set(self._client.check([picture.id for picture in asked]).known)
            for picture_id in known:
                self._note_known(picture_id)
            yield from (picture for picture in asked if picture.id not in known)

    def another(self, picture_id: str) -> Hashed | None:
        """Return, and forget, a file with the bytes of one that could not be sent."""
        copies = self._copies.get(picture_id)
        return copies.pop(0) if copies else None

    def forget_copies(self, picture_id: str) -> list[Hashed]:
        """Return, and forget, all pictures that were not sent because this one was."""
        return self._copies.pop(picture_id, [])

    def _first_ones(self, pictures: Iterable[Hashed]) -> Iterator[Hashed]:
        for picture in pictures:
            content = bytes.fromhex(picture.id)
            if content in self._known:
                self.known += 1
            elif content in self._others:
                self._copies.setdefault(picture.id, []).append(picture)
            else:
                self._others.add(content)
                yield picture

    def _note_known(self, picture_id: str) -> None:
        content = bytes.fromhex(picture_id)
        self._others.discard(content)
        self._known.add(content)
        self.known += 1 + len(self._copies.pop(picture_id, ()))


def _questions(pictures: Iterable[Hashed]) -> Iterator[list[Hashed]]:
    """Divide pictures into questions of bounded size, small ones first."""
    asked: list[Hashed] = []
    size, limit = 0, _IDS_MIN
    for picture in pictures:
        asked.append(picture)
        size += picture.bytes
        if len(asked) >= limit or size >= _BYTES_MAX:
            yield asked
            asked, size, limit = [], 0, min(limit * 2, _IDS_MAX)
    if asked:
        yield asked
