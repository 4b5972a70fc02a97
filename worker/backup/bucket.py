"""A repository in a bucket of an object store."""

from __future__ import annotations

from collections.abc import Iterator

from common.blobs.bucket import Bucket
from common.blobs.bucket_check import require_rights

# Says whose bucket it is; written once, which also shows that the credentials suffice.
_MARK = "glimpse-backups"


class BucketRepository:
    """Keeps objects in a bucket; it deletes none, so the right to delete is not needed.

    Args:
        bucket: The bucket and the prefix.
    """

    def __init__(self, bucket: Bucket) -> None:
        self.where = f"s3://{bucket.name}/{bucket.prefix}"
        self._bucket = bucket

    def prepare(self, *, writes: bool) -> None:
        """List, and write once if objects will be written."""
        steps = [("list (s3:ListBucket)", lambda: next(self._bucket.entries("backups/"), None))]
        if writes:
            steps += [("write (s3:PutObject)", lambda: self.put(_MARK, b"Backups of Glimpse.\n"))]
        require_rights(f"Backups cannot be kept in {self.where}", steps)

    def put(self, name: str, data: bytes) -> None:
        """Write an object."""
        self._bucket.put(name, data)

    def get(self, name: str) -> bytes | None:
        """Return an object's bytes."""
        found = self._bucket.get(name)
        return None if found is None else found.data

    def names(self, folder: str) -> Iterator[str]:
        """Iterate over the objects of a folder that are not empty."""
        prefix = f"{folder}/"
        for entry in self._bucket.entries(prefix):
            if entry.bytes:
                yield entry.key.removeprefix(prefix)

    def flush(self) -> None:
        """Do nothing: what an object store has accepted is stored."""
