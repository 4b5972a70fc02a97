"""Errors of the file system, translated into those of a blob store."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from common.errors import BlobsFull, BlobsUnavailable

# Errors of a full disk and of an exhausted quota.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def disk_errors(place: str = "The blob folder") -> Iterator[None]:
    """Translate errors of the file system, except a missing file, into ``BlobsUnavailable``.

    Args:
        place: The folder, as the subject of a sentence; without its path, which callers must not
            see.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if error.errno in _FULL:
            raise BlobsFull(
                f"{place} is full: {reason}. Free some space, then try again."
            ) from error
        raise BlobsUnavailable(f"{place} cannot be used: {reason}. Try again later.") from error


@contextmanager
def require_folder(place: str = "The blob folder") -> Iterator[None]:
    """Raise ``BlobsUnavailable`` if a file that this process has just written is missing."""
    try:
        yield
    except FileNotFoundError as error:
        raise BlobsUnavailable(
            f"{place} cannot be used: it has disappeared. Mount it again, or restart the service."
        ) from error
