"""Ids of pictures: the SHA-256 of their bytes, found out before anything is sent."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass

from cli.bulk.daemon_pool import Crew
from cli.pictures import Picture, Unreadable

# Pictures that are hashed ahead of their turn, so that no thread waits for another's large one.
_AHEAD = 256


@dataclass(frozen=True, slots=True)
class Hashed:
    """A picture whose id is known, unless the file changes now."""

    picture: Picture
    id: str
    bytes: int


def hash_pictures(
    pictures: Iterable[Picture], crew: Crew, unreadable: list[Unreadable]
) -> Iterator[Hashed]:
    """Hash pictures side by side, and return them in their order.

    Args:
        pictures: Gone through no faster than their hashes are taken.
        crew: Reads the files.
        unreadable: Takes the files that turn out to be unreadable.
    """
    ahead: deque[Future[Hashed | Unreadable]] = deque()
    for picture in pictures:
        ahead.append(crew.submit(_hash, picture))
        if len(ahead) >= _AHEAD:
            yield from _readable(ahead.popleft(), unreadable)
    while ahead:
        yield from _readable(ahead.popleft(), unreadable)


def _readable(
    future: Future[Hashed | Unreadable], unreadable: list[Unreadable]
) -> Iterator[Hashed]:
    result = future.result()
    if isinstance(result, Hashed):
        yield result
    else:
        unreadable.append(result)


def _hash(picture: Picture) -> Hashed | Unreadable:
    try:
        # Before it is opened: a pipe would wait for somebody who writes to it.
        if not stat.S_ISREG(picture.path.stat().st_mode):
            return Unreadable(picture.name, "It is not a file of bytes.")
        with picture.path.open("rb", buffering=0) as file:
            digest = hashlib.file_digest(file, "sha256")
            return Hashed(picture, digest.hexdigest(), os.fstat(file.fileno()).st_size)
    except OSError as error:
        return Unreadable(picture.name, error.strerror or str(error))
