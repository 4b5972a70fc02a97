"""A repository in this process's memory: the complete fake for tests."""

from __future__ import annotations

from collections.abc import Iterator

from common.errors import BlobsUnavailable


class MemoryRepository:
    """Keeps objects for the lifetime of the object."""

    where = "memory"

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        # Number of further objects that it accepts before it simulates an outage.
        self.accepts: int | None = None

    def prepare(self, *, writes: bool) -> None:
        """Do nothing: memory is always usable."""
        del writes

    def put(self, name: str, data: bytes) -> None:
        """Write an object."""
        if self.accepts is not None:
            if not self.accepts:
                raise BlobsUnavailable("MemoryRepository simulates an outage.")
            self.accepts -= 1
        self.objects[name] = data

    def get(self, name: str) -> bytes | None:
        """Return an object's bytes."""
        return self.objects.get(name)

    def names(self, folder: str) -> Iterator[str]:
        """Iterate over the objects of a folder that are not empty."""
        prefix = f"{folder}/"
        for name, data in list(self.objects.items()):
            if name.startswith(prefix) and data:
                yield name.removeprefix(prefix)

    def flush(self) -> None:
        """Do nothing."""
