"""A complete and exact vector store in memory, for tests."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from common.contract import NEWEST_FIRST, Hit, ImageRecord, Place, Sort
from common.errors import StoreUnavailable
from common.filters.model import Filter
from common.read_marks.base import ReadMark
from common.rfc3339 import milliseconds
from worker.stores.base import Fingerprint, Named, Near, Row, Version, Writes
from worker.stores.hits import cosine, to_hit
from worker.stores.identity import Identity
from worker.stores.matching import matches
from worker.stores.order import Order
from worker.stores.rows import check_rows, cut_filename
from worker.stores.window import check_window


@dataclass(slots=True)
class MemoryCollection:
    """A collection that stores of one process share, as clients share one in Milvus."""

    # The encoder whose vectors it holds; None until a store has opened it.
    identity: Identity | None = None
    # Rows by tenant, then by image id.
    rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    # Set to simulate an outage: every call raises StoreUnavailable.
    away: bool = False
    # A unique identifier.
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    lock: threading.RLock = field(default_factory=threading.RLock)


class MemoryStore:
    """The store for tests: brute force over numpy arrays.

    Args:
        identity: The encoder whose vectors it accepts; None accepts any vectors.
        collection: Holds the rows; default: a new collection.
    """

    # A lock allows one call at a time.
    writes = Writes(calls=1, rows=64)

    def __init__(
        self, identity: Identity | None = None, collection: MemoryCollection | None = None
    ) -> None:
        self._identity = identity
        self._collection = MemoryCollection() if collection is None else collection

    def open(self) -> None:
        """Claim the collection for this encoder; see ``VectorStore.open``."""
        self.ping()

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def ping(self) -> None:
        """Return, unless the collection simulates an outage."""
        with self._present():
            pass

    def upsert(self, rows: Sequence[Row]) -> None:
        """Write full rows, replacing those with the same keys."""
        with self._present() as collection:
            check_rows(rows, self._identity.dim if self._identity else None)
            for row in rows:
                filename = cut_filename(row.record.filename)
                record = row.record.model_copy(update={"filename": filename})
                kept = Row(row.tenant, record, row.vector.copy(), row.job_id)
                collection.rows.setdefault(row.tenant, {})[record.id] = kept

    def search(
        self,
        tenant: str,
        vector: NDArray[np.float32],
        limit: int,
        offset: int = 0,
        wanted: Filter | None = None,
    ) -> list[Hit]:
        """Return a tenant's rows nearest to a unit vector [dim], best first."""
        near = self.nearest(tenant, vector, limit, offset, wanted)
        rows = self._rows(tenant)
        return [to_hit(each, rows[each.image_id].record) for each in near]

    def nearest(
        self,
        tenant: str,
        vector: NDArray[np.float32],
        limit: int,
        offset: int = 0,
        wanted: Filter | None = None,
    ) -> list[Near]:
        """Return the ids and scores of the nearest rows, best first."""
        check_window(limit, offset)
        rows = [row for row in self._rows(tenant).values() if _is_wanted(row, wanted)]
        if not rows:
            return []
        scores = np.stack([row.vector for row in rows]) @ vector  # [rows]
        # Rows with equal scores are ordered by id, so that pages do not overlap.
        order = sorted(range(len(rows)), key=lambda at: (-scores[at], rows[at].record.id))
        return [
            Near(rows[at].record.id, cosine(float(scores[at])))
            for at in order[offset : offset + limit]
        ]

    def get(self, tenant: str, ids: Sequence[str]) -> list[ImageRecord]:
        """Return the stored images' records, in the order of ``ids``."""
        rows = self._rows(tenant)
        return [rows[image_id].record for image_id in ids if image_id in rows]

    def page(
        self,
        tenant: str,
        limit: int,
        tag: str | None = None,
        after: Place | None = None,
        wanted: Filter | None = None,
        sort: Sort = NEWEST_FIRST,
    ) -> tuple[list[ImageRecord], Place | None]:
        """Return records in order, and the place to continue after."""
        rows, order = self._rows(tenant), Order.of(sort)
        keys = {
            order.key_of(row.record)
            for row in rows.values()
            if _is_wanted(row, wanted) and (tag is None or tag in row.record.tags)
        }
        found = order.arranged(keys)
        if after is not None:
            last = order.key_at(after)
            whole = order.arranged({*keys, last})
            found = whole[whole.index(last) + 1 :]
        shown = found[:limit]
        following = order.place(shown[-1]) if len(found) > limit else None
        return [rows[image_id].record for _, image_id in shown], following

    def vectors(self, tenant: str, ids: Sequence[str]) -> Mapping[str, NDArray[np.float32]]:
        """Return the stored images' vectors, float32 [dim], by id."""
        rows = self._rows(tenant)
        return {image_id: rows[image_id].vector.copy() for image_id in ids if image_id in rows}

    def fingerprints(self, tenant: str, ids: Sequence[str]) -> Mapping[str, Fingerprint]:
        """Return the stored images' vectors and perceptual hashes by id."""
        return {
            image_id: Fingerprint(row.vector.copy(), row.record.perceptual_hash)
            for image_id, row in self.rows(tenant, ids).items()
        }

    def rows(self, tenant: str, ids: Sequence[str]) -> Mapping[str, Row]:
        """Return the stored images' full rows by id."""
        rows = self._rows(tenant)
        return {image_id: rows[image_id] for image_id in ids if image_id in rows}

    def known(self, tenant: str, ids: Sequence[str]) -> Mapping[str, str]:
        """Return the jobs that wrote the stored images' rows, by image id."""
        rows = self._rows(tenant)
        return {image_id: rows[image_id].job_id for image_id in ids if image_id in rows}

    def named(self, tenant: str, ids: Sequence[str]) -> Mapping[str, Named]:
        """Return the jobs and file names of the stored images, by image id."""
        rows = self._rows(tenant)
        found = {image_id: rows[image_id] for image_id in ids if image_id in rows}
        return {
            image_id: Named(row.job_id, (row.record.filename, *row.record.earlier_filenames))
            for image_id, row in found.items()
        }

    def versions(self, prefix: str, limit: int) -> Mapping[tuple[str, str], Version] | None:
        """Return the versions of rows by tenant and image id; None if there are too many."""
        with self._present() as collection:
            found = {
                (tenant, image_id): Version(row.job_id, milliseconds(row.record.indexed_at))
                for tenant, rows in collection.rows.items()
                for image_id, row in rows.items()
                if image_id.startswith(prefix)
            }
        return found if len(found) <= limit else None

    def delete(self, tenant: str, ids: Sequence[str]) -> int:
        """Delete rows and return the number of rows that existed."""
        with self._present() as collection:
            rows = collection.rows.get(tenant, {})
            return sum(rows.pop(image_id, None) is not None for image_id in ids)

    def count(self, tenant: str | None = None) -> int:
        """Return the number of rows of a tenant, or of all."""
        with self._present() as collection:
            return sum(
                len(rows) for owner, rows in collection.rows.items() if tenant in (None, owner)
            )

    def count_matching(
        self, tenant: str, tag: str | None = None, wanted: Filter | None = None
    ) -> int | None:
        """Return the number of rows that ``page`` lists."""
        return sum(
            _is_wanted(row, wanted) and (tag is None or tag in row.record.tags)
            for row in self._rows(tenant).values()
        )

    def tags(self, tenant: str) -> tuple[Counter[str], bool]:
        """Return the number of images by tag, and True: these are all images."""
        rows = self._rows(tenant).values()
        return Counter(tag for row in rows for tag in set(row.record.tags)), True

    def read_mark(self, *, fresh: bool = False) -> ReadMark | None:  # noqa: ARG002
        """Return None: every read sees all writes."""
        return None

    def collection(self) -> str:
        """Return the collection's unique identifier."""
        with self._present() as collection:
            return collection.mark

    def _rows(self, tenant: str) -> dict[str, Row]:
        with self._present() as collection:
            return dict(collection.rows.get(tenant, {}))

    @contextmanager
    def _present(self) -> Iterator[MemoryCollection]:
        """Lock the collection, after checking that it is available and of this encoder."""
        collection = self._collection
        with collection.lock:
            if collection.away:
                raise StoreUnavailable("The store in memory simulates an outage.")
            if self._identity is not None:
                if collection.identity is None:
                    collection.identity = self._identity
                collection.identity.require(self._identity)
            yield collection


def _is_wanted(row: Row, wanted: Filter | None) -> bool:
    return wanted is None or matches(wanted, row.record)
