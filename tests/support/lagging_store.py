"""A fake Milvus server whose replicas lag behind its log: the complete fake of ``VectorStore``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from common.contract import NEWEST_FIRST, Hit, ImageRecord, Place, Sort
from common.filters.model import Filter
from common.read_marks.base import ReadMark
from worker.stores.as_of import time_of
from worker.stores.base import Fingerprint, Named, Near, Row, Writes
from worker.stores.memory import MemoryCollection, MemoryStore

# Changes a replica.
Write = Callable[[MemoryStore], object]

_KEY = "lagging"


@dataclass
class Replica:
    """A copy of the rows, as of some time."""

    rows: MemoryStore
    # Writes of the log that it has applied.
    applied: int = 0


@dataclass
class LaggingServer:
    """A log of writes, and replicas that apply it late.

    Attributes:
        replicas: The replicas.
        choose: Returns the index of the replica that answers the next read.
    """

    replicas: list[Replica] = field(
        default_factory=lambda: [Replica(MemoryStore(collection=MemoryCollection())) for _ in "12"]
    )
    choose: Callable[[], int] = lambda: 0
    # Writes with their times, which rise.
    log: list[tuple[int, Write]] = field(default_factory=list)
    # The clock: each time is given once.
    clock: int = 2**62

    def now(self) -> int:
        """Return a new time."""
        self.clock += 1
        return self.clock

    def write(self, write: Write) -> int:
        """Append a write to the log, and return its time; no replica has applied it."""
        at = self.now()
        self.log.append((at, write))
        return at

    def apply(self, index: int, count: int) -> None:
        """Let a replica apply its next writes."""
        replica = self.replicas[index]
        for _, write in self.log[replica.applied :][:count]:
            write(replica.rows)
            replica.applied += 1

    def read(self, as_of: int | None) -> MemoryStore:
        """Return a replica that has applied all writes up to a time; None means up to now."""
        index = self.choose()
        due = sum(as_of is None or at <= as_of for at, _ in self.log)
        self.apply(index, due - self.replicas[index].applied)
        return self.replicas[index].rows


class LaggingStore:
    """One process's client of the server."""

    def __init__(self, server: LaggingServer) -> None:
        self.writes = Writes(calls=1, rows=64)
        self._server = server
        self._written = 0

    def open(self) -> None:
        """Do nothing: there is no connection."""

    def close(self) -> None:
        """Do nothing."""

    def ping(self) -> None:
        """Do nothing: the server always answers."""

    def upsert(self, rows: Sequence[Row]) -> None:
        kept = list(rows)
        self._written = self._server.write(lambda replica: replica.upsert(kept))

    def search(
        self,
        tenant: str,
        vector: NDArray[np.float32],
        limit: int,
        offset: int = 0,
        wanted: Filter | None = None,
    ) -> list[Hit]:
        return self._read().search(tenant, vector, limit, offset, wanted)

    def nearest(
        self,
        tenant: str,
        vector: NDArray[np.float32],
        limit: int,
        offset: int = 0,
        wanted: Filter | None = None,
    ) -> list[Near]:
        return self._read().nearest(tenant, vector, limit, offset, wanted)

    def get(self, tenant: str, ids: Sequence[str]) -> list[ImageRecord]:
        return self._read().get(tenant, ids)

    def page(
        self,
        tenant: str,
        limit: int,
        tag: str | None = None,
        after: Place | None = None,
        wanted: Filter | None = None,
        sort: Sort = NEWEST_FIRST,
    ) -> tuple[list[ImageRecord], Place | None]:
        return self._read().page(tenant, limit, tag, after, wanted, sort)

    def vectors(self, tenant: str, ids: Sequence[str]) -> Mapping[str, NDArray[np.float32]]:
        return self._read().vectors(tenant, ids)

    def fingerprints(self, tenant: str, ids: Sequence[str]) -> Mapping[str, Fingerprint]:
        return self._read().fingerprints(tenant, ids)

    def rows(self, tenant: str, ids: Sequence[str]) -> Mapping[str, Row]:
        return self._read().rows(tenant, ids)

    def known(self, tenant: str, ids: Sequence[str]) -> Mapping[str, str]:
        return self._read().known(tenant, ids)

    def named(self, tenant: str, ids: Sequence[str]) -> Mapping[str, Named]:
        return self._read().named(tenant, ids)

    def delete(self, tenant: str, ids: Sequence[str]) -> int:
        existing = list(self.known(tenant, ids))
        self._server.write(lambda replica: replica.delete(tenant, existing))
        return len(existing)

    def tags(self, tenant: str) -> tuple[Counter[str], bool]:
        return self._read().tags(tenant)

    def count(self) -> int:
        return self._read().count()

    def read_mark(self, *, fresh: bool = False) -> ReadMark:
        at = self._server.now() if fresh else self._written
        return ReadMark(_KEY, f"{at:020}")

    def collection(self) -> str:
        return _KEY

    def _read(self) -> MemoryStore:
        at = time_of(_KEY)
        return self._server.read(None if at is None else int(at))
