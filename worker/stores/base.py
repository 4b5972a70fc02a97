"""The interface of vector stores: Milvus in production, memory in tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from common.contract import NEWEST_FIRST, Hit, ImageRecord, Place, Sort
from common.filters.model import Filter
from common.read_marks.base import ReadMark


@dataclass(frozen=True, slots=True)
class Near:
    """A row found near a vector, with its score."""

    image_id: str
    # Cosine similarity, -1 to 1.
    score: float


@dataclass(frozen=True, slots=True)
class Row:
    """An image's row: its record, its vector, and the job that wrote it."""

    tenant: str
    record: ImageRecord
    # float32 [dim], of unit length.
    vector: NDArray[np.float32]
    job_id: str


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells whether two images are near-duplicates."""

    # float32 [dim], of unit length.
    vector: NDArray[np.float32]
    # As in ``ImageRecord``.
    perceptual_hash: str | None


@dataclass(frozen=True, slots=True)
class Named:
    """The job that wrote a row, and all file names of its image."""

    job_id: str
    # The current one first.
    filenames: Sequence[str]


@dataclass(frozen=True, slots=True)
class Version:
    """Tells apart what was written under one key: every upload writes another one."""

    job_id: str
    # Unix time in milliseconds.
    indexed_at_ms: int


@dataclass(frozen=True, slots=True)
class Writes:
    """How a store is written to fastest.

    Attributes:
        calls: Maximum concurrent calls.
        rows: Maximum rows of a call.
        rest: How long to let rows gather after a call, in times that it took.
    """

    calls: int
    rows: int
    rest: float = 0.0


# The methods of a store that call Milvus, for what wraps a store.
CALLS = (
    *("search", "nearest", "get", "page", "tags", "count", "count_matching"),
    *("vectors", "fingerprints", "rows", "known", "named", "versions"),
    *("upsert", "delete"),
)


class VectorStore(Protocol):
    """A collection of rows, searched by cosine similarity.

    The key of a row is its tenant and image id. Every method is thread-safe and
    sees all writes that returned before it was called; within ``reading_as_of``
    (``worker.stores.as_of``), those up to the time of the collection's read mark.

    Every method raises ``StoreUnavailable`` if the store does not answer (the
    same call may succeed later) and ``StoreError`` if it refuses permanently.
    """

    def open(self) -> None:
        """Connect, and create the collection if it does not exist.

        Raises:
            ModelMismatch: The collection holds vectors of another encoder.
        """
        ...

    def close(self) -> None:
        """Close the connection; a closed store may be opened again."""
        ...

    @property
    def writes(self) -> Writes:
        """How the store is written to fastest; known once it is open."""
        ...

    def ping(self) -> None:
        """Return if the store answers; fast, for health checks."""
        ...

    def upsert(self, rows: Sequence[Row]) -> None:
        """Write full rows, replacing those with the same keys. No key may occur twice.

        File names that are too long keep their ends. A row that cannot be stored
        raises an error before any row is written.
        """
        ...

    def search(
        self,
        tenant: str,
        vector: NDArray[np.float32],
        limit: int,
        offset: int = 0,
        wanted: Filter | None = None,
    ) -> list[Hit]:
        """Return a tenant's rows nearest to a unit vector [dim], best first.

        If there is a filter, only rows that match it by ``worker.stores.matching``.

        Raises:
            Unprocessable: ``offset`` + ``limit`` exceeds the maximum depth of a search.
        """
        ...

    def nearest(
        self,
        tenant: str,
        vector: NDArray[np.float32],
        limit: int,
        offset: int = 0,
        wanted: Filter | None = None,
    ) -> list[Near]:
        """Search, but return only ids and scores: much faster for many rows."""
        ...

    def get(self, tenant: str, ids: Sequence[str]) -> list[ImageRecord]:
        """Return the stored images' records, in the order of ``ids``."""
        ...

    def page(
        self,
        tenant: str,
        limit: int,
        tag: str | None = None,
        after: Place | None = None,
        wanted: Filter | None = None,
        sort: Sort = NEWEST_FIRST,
    ) -> tuple[list[ImageRecord], Place | None]:
        """Return up to ``limit`` records in order, and the place to continue after.

        Images of the same value are ordered by id, and those without one come last
        (``worker.stores.order``). Paging returns every image that exists throughout exactly
        once, even if others are written or deleted meanwhile.

        Args:
            tenant: The images' owner.
            limit: Maximum records in the page.
            tag: Only images with this tag.
            after: The last image of the previous page; None for the first page.
            wanted: Only images that match it by ``worker.stores.matching``.
            sort: The order. If it is by ``taken_at``, or if the store cannot express the filter, a
                page may be short.
        """
        ...

    def vectors(self, tenant: str, ids: Sequence[str]) -> Mapping[str, NDArray[np.float32]]:
        """Return the stored images' vectors, float32 [dim], by id."""
        ...

    def fingerprints(self, tenant: str, ids: Sequence[str]) -> Mapping[str, Fingerprint]:
        """Return the stored images' vectors and perceptual hashes by id; one call."""
        ...

    def rows(self, tenant: str, ids: Sequence[str]) -> Mapping[str, Row]:
        """Return the stored images' full rows, as they were written, by id."""
        ...

    def known(self, tenant: str, ids: Sequence[str]) -> Mapping[str, str]:
        """Return the jobs that wrote the stored images' rows, by image id."""
        ...

    def named(self, tenant: str, ids: Sequence[str]) -> Mapping[str, Named]:
        """Return the jobs and file names of the stored images, by image id; one call."""
        ...

    def versions(self, prefix: str, limit: int) -> Mapping[tuple[str, str], Version] | None:
        """Return the versions of all tenants' rows whose image ids begin with a prefix.

        Returns:
            The versions by tenant and image id; None if there are more than ``limit``.
        """
        ...

    def delete(self, tenant: str, ids: Sequence[str]) -> int:
        """Delete rows and return the number of rows that existed."""
        ...

    def count(self, tenant: str | None = None) -> int:
        """Return the number of rows of a tenant, or of all."""
        ...

    def count_matching(
        self, tenant: str, tag: str | None = None, wanted: Filter | None = None
    ) -> int | None:
        """Return the number of rows that ``page`` lists; None if only reading each would tell."""
        ...

    def tags(self, tenant: str) -> tuple[Counter[str], bool]:
        """Return the number of images by tag, and whether these are all images.

        A store that cannot read the tags of all images fast reads those of the newest ones.
        """
        ...

    def read_mark(self, *, fresh: bool = False) -> ReadMark | None:
        """Return a time as of which a read sees all upserts of this process that have returned.

        None if a store always sees all writes, or cannot read as of a time.

        Args:
            fresh: As of it, a read also sees all deletions, and all writes by other processes,
                that have returned or that this process has seen; takes a call.
        """
        ...

    def collection(self) -> str:
        """Return a unique identifier, different even from earlier collections of the same name."""
        ...
