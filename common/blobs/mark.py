"""The mark of a blob store: it tells the one of the service from an empty folder in its place."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import cast

from redis import Redis

from common.errors import BlobsUnavailable
from common.redis_client import broker_call

# The file in the blob folder, and the key in Redis, that hold the same mark.
_FILE, _KEY = "glimpse-blobs", "glimpse:blobs"


class BlobMark:
    """Written by the API where it stores its first blob, and looked for by workers.

    A folder that is not mounted looks as if all of its blobs were gone. With the mark
    a worker knows that it looks where the API stores.

    Args:
        redis: A client that decodes responses.
        root: The blob folder.
    """

    def __init__(self, redis: Redis, root: Path) -> None:
        self._redis = redis
        self._path = root.expanduser() / _FILE

    @broker_call
    def put(self) -> None:
        """Mark the folder, unless Redis knows of another one.

        Raises:
            BrokerUnavailable: Redis does not answer.
            BlobsUnavailable: The folder cannot be written.
        """
        try:
            if self._path.exists():
                self._redis.set(_KEY, self._path.read_text(), nx=True)
                return
            mark = secrets.token_hex(16)
            # Redis chooses among processes that begin at once. Where it has chosen before,
            # this is the place where the folder should be mounted.
            if self._redis.set(_KEY, mark, nx=True):
                self._write(mark)
        except OSError as error:
            # Without the path, which is nothing to callers.
            reason = error.strerror or type(error).__name__
            raise BlobsUnavailable(f"The blob folder cannot be used: {reason}.") from error

    @broker_call
    def is_here(self) -> bool:
        """Tell whether this is the folder where the API stores; raises ``BrokerUnavailable``."""
        mark = cast("str | None", self._redis.get(_KEY))
        try:
            return mark is not None and self._path.read_text() == mark
        except OSError:
            return False

    def _write(self, mark: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".draft")
        draft.write_text(mark)
        draft.replace(self._path)
