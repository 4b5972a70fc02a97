"""What every vector store offers: Milvus in earnest, memory in tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from common.contract import Hit, ImageRecord, Place
from common.filters.model import Filter


@dataclass(frozen=True, slots=True)
class Near:
    """A row near to a vector: which, and how near."""

    image_id: str
    # Cosine similarity, -1 to 1.
    score: float


@dataclass(frozen=True, slots=True)
class Row:
    """One image as it is written: its record, its vector, and the job that brought it."""

    tenant: str
    record: ImageRecord
    # float32 [dim], of unit length.
    vector: NDArray[np.float32]
    job_id: str


class VectorStore(Protocol):
    """A collection of rows, searched by cosine similarity.

    The key of a row is its tenant and image id. Every method is safe to call
    from several threads and sees all writes that returned before it was called.

    Every method raises ``StoreUnavailable`` when the store does not answer
    (the same call may succeed later) and ``StoreError`` when it refuses for good.
    """

    def open(self) -> None:
        """Connect, and make the collection if it is not there.

        Raises:
            ModelMismatch: The collection holds vectors of another encoder.
        """
        ...

    def close(self) -> None:
        """Give up the connection; a closed store may be opened again."""
        ...

    def ping(self) -> None:
        """Return when the store answers; quick, for health checks."""
        ...

    def upsert(self, rows: Sequence[Row]) -> None:
        """Write full rows, replacing those of the same key. No key may occur twice.

        Of a filename that is too long its end is kept. A row that cannot be
        stored is told before any row is written.
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

        Of these only such as meet a filter, by the meaning of ``worker.stores.matching``.

        Raises:
            Unprocessable: ``offset`` and ``limit`` reach deeper than any search does.
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
        """Do what ``search`` does, but tell nothing of the rows: much quicker for many."""
        ...

    def get(self, tenant: str, ids: Sequence[str]) -> list[ImageRecord]:
        """Return the records of those ids that are stored, in the order asked."""
        ...

    def page(
        self, tenant: str, limit: int, tag: str | None = None, after: Place | None = None
    ) -> tuple[list[ImageRecord], Place | None]:
        """Return up to ``limit`` records, the newest first, and the place to go on behind.

        Images of one millisecond come in the order of their ids. Going on from page to
        page, every image that is there all the while comes exactly once, whatever is
        written and deleted meanwhile.

        Args:
            tenant: Whose images.
            limit: Records in the page, at most.
            tag: Only images that carry it.
            after: The last image of the page before; None for the first page.
        """
        ...

    def vectors(self, tenant: str, ids: Sequence[str]) -> Mapping[str, NDArray[np.float32]]:
        """Return the stored vectors, float32 [dim], of those ids that are stored."""
        ...

    def rows(self, tenant: str, ids: Sequence[str]) -> Mapping[str, Row]:
        """Return the whole rows, as they were written, of those ids that are stored."""
        ...

    def known(self, tenant: str, ids: Sequence[str]) -> Mapping[str, str]:
        """Return, for those ids that are stored, the job that brought each."""
        ...

    def delete(self, tenant: str, ids: Sequence[str]) -> int:
        """Remove rows; return how many there were."""
        ...

    def count(self) -> int:
        """Return the number of rows of all tenants."""
        ...

    def collection(self) -> str:
        """Return what tells the collection from all others, and from earlier ones of its name."""
        ...
