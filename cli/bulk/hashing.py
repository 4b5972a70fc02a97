"""Computes the IDs of pictures, the SHA-256 of their bytes, before the upload."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass

from cli.bulk.daemon_pool import DaemonPool
from cli.bulk.pictures import Picture, Unreadable

# Number of pictures hashed ahead, so that a large picture does not block the other threads.
_AHEAD = 256


@dataclass(frozen=True, slots=True)
class Hashed:
    """A picture with its ID; the file may still change afterwards."""

    picture: Picture
    id: str
    bytes: int


def hash_pictures(
    pictures: Iterable[Picture], pool: DaemonPool, unreadable: list[Unreadable]
) -> Iterator[Hashed]:
    """Hash pictures concurrently and yield them in order.

    Args:
        pictures: Consumed lazily.
        pool: Reads the files.
        unreadable: Receives the files that cannot be read.
    """
    ahead: deque[Future[Hashed | Unreadable]] = deque()
    for picture in pictures:
        ahead.append(pool.submit(_hash, picture))
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
        # Check before opening: opening a named pipe blocks until another process writes to it.
        if not stat.S_ISREG(picture.path.stat().st_mode):
            return Unreadable(picture.name, "It is not a regular file.")
        with picture.path.open("rb", buffering=0) as file:
            digest = hashlib.file_digest(file, "sha256")
            return Hashed(picture, digest.hexdigest(), os.fstat(file.fileno()).st_size)
    except OSError as error:
        return Unreadable(picture.name, error.strerror or str(error))
