"""The mark of a bucket: an object."""

from __future__ import annotations

from common.blobs.bucket import Bucket
from common.blobs.mark import MARK


class BucketMark:
    """Where a bucket has the mark of its blob store.

    Args:
        bucket: The bucket.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def read(self) -> str | None:
        """Return the mark, or None if there is none."""
        found = self._bucket.get(MARK)
        return None if found is None else found.data.decode(errors="replace")

    def write(self, mark: str) -> None:
        """Write the mark."""
        self._bucket.put(MARK, mark.encode())
