"""The mark of a blob store, which distinguishes it from an empty mount point."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol, cast

from redis import Redis

from common.blobs.disk_errors import disk_errors
from common.errors import BlobsUnavailable, BrokerUnavailable
from common.redis.client import broker_call

# The file or object in the blob store, and the key in Redis, that hold the same mark.
MARK, _KEY = "glimpse-blobs", "glimpse:blobs"

# Seconds between two checks of a mark.
_PAUSE_S = 10.0


class MarkPlace(Protocol):
    """Where a blob store has its mark. Its methods raise ``BlobsUnavailable``."""

    def read(self) -> str | None:
        """Return the mark, or None if there is none."""
        ...

    def write(self, mark: str) -> None:
        """Write the mark, as a whole."""
        ...


class FolderMark:
    """The mark of a blob folder: a file.

    Args:
        root: The blob folder.
    """

    def __init__(self, root: Path) -> None:
        self._path = root.expanduser() / MARK

    def read(self) -> str | None:
        """Return the mark, or None if there is none."""
        with disk_errors(), suppress(FileNotFoundError):
            return self._path.read_text()
        return None

    def write(self, mark: str) -> None:
        """Write the mark."""
        # Threads of a process may write the same mark concurrently, so each has its own draft.
        draft = self._path.with_name(f"{MARK}.{secrets.token_hex(8)}.draft")
        try:
            with disk_errors():
                self._path.parent.mkdir(parents=True, exist_ok=True)
                draft.write_text(mark)
                draft.replace(self._path)
        except FileNotFoundError as error:
            raise BlobsUnavailable(
                "The blob folder cannot be used: it has disappeared. Try again later."
            ) from error


class BlobMark:
    """Identifies the blob store: the API writes the mark, and workers check it.

    If a folder is not mounted, all blobs seem to be missing. The mark proves to a worker that it
    reads the store that the API writes. If Redis loses its data, the API restores the mark, or a
    worker that has seen store and Redis agree.

    Args:
        redis: A client that decodes responses.
        place: Where the blob store has its mark.
        now: Returns the time of a monotonic clock, in seconds.
    """

    def __init__(
        self, redis: Redis, place: MarkPlace, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis = redis
        self._place = place
        self._now = now
        # The mark that this process proposes if there is none yet.
        self._proposal = secrets.token_hex(16)
        # Whether this process has found or chosen a mark; it never chooses a second one.
        self._is_settled = False
        # The mark that was last seen in both Redis and the store.
        self._agreed: str | None = None
        self._checked_at = -math.inf

    def keep(self) -> None:
        """Call ``put``, unless it was called within the last few seconds."""
        if self._is_due():
            self.put()
            self._checked_at = self._now()

    @broker_call
    def put(self) -> None:
        """Write the mark to the store, unless Redis holds the mark of another store.

        Raises:
            BrokerUnavailable: Redis does not answer.
            BlobsUnavailable: The store cannot be read or written.
        """
        mark = self._place.read()
        if mark is not None:
            self._redis.set(_KEY, mark, nx=True)
        elif not self._is_settled:
            self._choose()
        # Otherwise the folder is no longer mounted, and its mount point must not be marked.
        self._is_settled = True

    @broker_call
    def is_here(self) -> bool:
        """Return whether this is the store that the API writes; raises ``BrokerUnavailable``."""
        mark = cast("str | None", self._redis.get(_KEY))
        try:
            here = self._place.read()
        except BlobsUnavailable:
            return False
        if here is None:
            return False
        if mark is None and here == self._agreed:
            # Redis has lost the mark: restore it, unless another process has written one.
            self._redis.set(_KEY, here, nx=True)
            mark = cast("str | None", self._redis.get(_KEY))
        if mark != here:
            return False
        self._agreed = here
        return True

    @broker_call
    def is_elsewhere(self) -> bool:
        """Return whether the API has marked another store.

        Raises:
            BrokerUnavailable: Redis does not answer.
            BlobsUnavailable: The store cannot be read.
        """
        mark = self._redis.get(_KEY)
        return mark is not None and self._place.read() != mark

    def note(self) -> None:
        """Remember the mark once it is in Redis and in the store, in case Redis loses it."""
        if self._agreed is None and self._is_due():
            self._checked_at = self._now()
            with suppress(BrokerUnavailable):
                self.is_here()

    def _is_due(self) -> bool:
        return self._now() - self._checked_at >= _PAUSE_S

    def _choose(self) -> None:
        """Choose a mark.

        If several processes start at once, the first to write to Redis wins. If Redis already
        holds a mark, this is not the store, unless the mark is the one that this process
        proposed and then failed to write.
        """
        is_first = self._redis.set(_KEY, self._proposal, nx=True)
        if is_first or self._redis.get(_KEY) == self._proposal:
            self._place.write(self._proposal)
