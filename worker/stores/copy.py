"""Copies one collection to another, while the first may change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from common.errors import CopyDiffers, StoreError
from common.ids import IMAGE_ID_DIGITS
from common.pages import pages
from common.rfc3339 import milliseconds
from worker.stores.base import Row, VectorStore, Version

# Maximum rows whose versions are compared at once; about 200 bytes each.
_VERSIONS_MAX = 4096
# Rows copied at once; of 512 dimensions, one takes 2.5 KB.
_ROWS_MAX = 500
# Unchanged rows of each slice that are read from both collections and compared.
_SAMPLED = 20
_DIGITS = "0123456789abcdef"
# Largest difference of a number in a copied vector: an index may store vectors scaled to length 1.
_DIFFERENCE_MAX = 1e-5

# A tenant and an image's id.
Key = tuple[str, str]


@dataclass(slots=True)
class Pass:
    """What one pass found.

    Attributes:
        rows: Rows of the source.
        copied: Rows that the target did not have, or had in another version.
        deleted: Rows of the target that the source no longer has.
    """

    rows: int = 0
    copied: int = 0
    deleted: int = 0

    @property
    def changes(self) -> int:
        """Rows that were changed in the target."""
        return self.copied + self.deleted


class Copy:
    """Makes a collection equal to another one, in passes over both.

    A pass compares the versions of all rows, so that an interrupted copy resumes where it ended,
    and a row that was written, replaced or deleted meanwhile is found by the next pass. Each
    copied row is read back.

    Args:
        source: The collection to copy.
        target: Its copy, which nothing else writes to.
        advance: Called with the number of rows of the source that were compared.
    """

    def __init__(
        self, source: VectorStore, target: VectorStore, advance: Callable[[int], None]
    ) -> None:
        self._source = source
        self._target = target
        self._advance = advance

    def run(self) -> Pass:
        """Run one pass.

        Raises:
            CopyDiffers: A row of the target differs from its original.
        """
        found = Pass()
        self._walk("", found)
        return found

    def _walk(self, prefix: str, found: Pass) -> None:
        """Compare the slice of all rows whose image ids begin with a prefix."""
        source = self._source.versions(prefix, _VERSIONS_MAX)
        target = self._target.versions(prefix, _VERSIONS_MAX)
        if source is not None and target is not None:
            self._compare(source, target, found)
            return
        if len(prefix) == IMAGE_ID_DIGITS:
            raise StoreError(f"More than {_VERSIONS_MAX} tenants have the image {prefix}.")
        for digit in _DIGITS:
            self._walk(prefix + digit, found)

    def _compare(
        self, source: Mapping[Key, Version], target: Mapping[Key, Version], found: Pass
    ) -> None:
        same = [key for key, version in source.items() if target.get(key) == version]
        for tenant, ids in _by_tenant(target.keys() - source.keys()):
            found.deleted += self._target.delete(tenant, ids)
        for tenant, ids in _by_tenant(source.keys() - same):
            for page in pages(ids, _ROWS_MAX):
                found.copied += self._copy(tenant, page)
        for tenant, ids in _by_tenant(same[:_SAMPLED]):
            self._check(tenant, self._source.rows(tenant, ids))
        found.rows += len(source)
        self._advance(len(source))

    def _copy(self, tenant: str, ids: list[str]) -> int:
        """Copy rows and read them back; return how many still existed."""
        rows = self._source.rows(tenant, ids)
        self._target.upsert(list(rows.values()))
        if self._check(tenant, rows) < len(rows):
            raise CopyDiffers("A copied row is missing or of another version; copy it again.")
        return len(rows)

    def _check(self, tenant: str, rows: Mapping[str, Row]) -> int:
        """Compare rows with those of the target; return how many are of the same version."""
        stored = self._target.rows(tenant, list(rows))
        pairs = [
            (row, stored[image_id])
            for image_id, row in rows.items()
            if image_id in stored and _version(stored[image_id]) == _version(row)
        ]
        for row, other in pairs:
            if not equal(row, other):
                raise CopyDiffers(
                    f"Image {row.record.id} of tenant {tenant} differs from its original; drop the"
                    " copy and start again."
                )
        return len(pairs)


def _by_tenant(keys: Iterable[Key]) -> list[tuple[str, list[str]]]:
    found = defaultdict(list)
    for tenant, image_id in keys:
        found[tenant].append(image_id)
    return list(found.items())


def _version(row: Row) -> Version:
    return Version(row.job_id, milliseconds(row.record.indexed_at))


def equal(row: Row, other: Row) -> bool:
    """Return whether a row was read as it was written, up to the scaling of its vector."""
    near = np.allclose(row.vector, other.vector, rtol=0, atol=_DIFFERENCE_MAX)
    return bool(near) and row.record == other.record
