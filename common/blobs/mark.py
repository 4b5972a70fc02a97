"""The mark of a blob store: it tells the one of the service from an empty folder in its place."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import cast

from redis import Redis

from common.errors import BlobsUnavailable, BrokerUnavailable
from common.redis_client import broker_call

# The file in the blob folder, and the key in Redis, that hold the same mark.
_FILE, _KEY = "glimpse-blobs", "glimpse:blobs"

# Seconds between two looks at a mark that is not missed.
_PAUSE_S = 10.0


class BlobMark:
    """Written by the API where it stores its first blob, and looked for by workers.

    A folder that is not mounted looks as if all of its blobs were gone. With the mark
    a worker knows that it looks where the API stores. Redis may lose its data, and learns the
    mark again: from the API, or from a worker that has seen both agree.

    Args:
        redis: A client that decodes responses.
        root: The blob folder.
        now: Tells the time, in seconds.
    """

    def __init__(self, redis: Redis, root: Path, now: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._path = root.expanduser() / _FILE
        self._now = now
        # What this process proposes where there is no mark yet.
        self._proposal = secrets.token_hex(16)
        # Whether this process has found or chosen a mark; it chooses no second one.
        self._is_begun = False
        # The mark of which Redis and the folder have once agreed.
        self._agreed: str | None = None
        self._looked_at = -math.inf

    def keep(self) -> None:
        """Mark the folder as ``put`` does, unless that was done a moment ago."""
        if self._is_due():
            self.put()
            self._looked_at = self._now()

    @broker_call
    def put(self) -> None:
        """Mark the folder, unless Redis knows of another one.

        Raises:
            BrokerUnavailable: Redis does not answer.
            BlobsUnavailable: The folder cannot be read or written.
        """
        try:
            mark = self._read()
            if mark is not None:
                self._redis.set(_KEY, mark, nx=True)
            elif not self._is_begun:
                self._choose()
            # Else the folder is not mounted any more, and the place where it should be gets none.
            self._is_begun = True
        except OSError as error:
            # Without the path, which is nothing to callers.
            reason = error.strerror or type(error).__name__
            raise BlobsUnavailable(f"The blob folder cannot be used: {reason}.") from error

    @broker_call
    def is_here(self) -> bool:
        """Tell whether this is the folder where the API stores; raises ``BrokerUnavailable``."""
        mark = cast("str | None", self._redis.get(_KEY))
        try:
            here = self._read()
        except OSError:
            return False
        if here is None:
            return False
        if mark is None and here == self._agreed:
            # Redis has lost it. Unless somebody was quicker with another one:
            self._redis.set(_KEY, here, nx=True)
            mark = cast("str | None", self._redis.get(_KEY))
        if mark != here:
            return False
        self._agreed = here
        return True

    def note(self) -> None:
        """Remember the mark while it is to be seen, so that Redis may lose it."""
        if self._agreed is None and self._is_due():
            self._looked_at = self._now()
            with suppress(BrokerUnavailable):
                self.is_here()

    def _is_due(self) -> bool:
        return self._now() - self._looked_at >= _PAUSE_S

    def _choose(self) -> None:
        """Choose a mark.

        Redis chooses among processes that begin at once. Where it has chosen before, this is
        the place where the folder should be mounted, unless this very process was chosen and
        could not write.
        """
        is_first = self._redis.set(_KEY, self._proposal, nx=True)
        if is_first or self._redis.get(_KEY) == self._proposal:
            self._write(self._proposal)

    def _read(self) -> str | None:
        try:
            return self._path.read_text()
        except FileNotFoundError:
            return None

    def _write(self, mark: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Threads of one process write the same mark at once: each has a draft of its own.
        draft = self._path.with_name(f"{_FILE}.{secrets.token_hex(8)}.draft")
        draft.write_text(mark)
        draft.replace(self._path)
