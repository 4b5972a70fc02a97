"""Reads a whole backup, without a service."""

from __future__ import annotations

from collections.abc import Iterable

from common.errors import BackupDamaged
from worker.backup import manifest as manifests
from worker.backup.manifest import Manifest
from worker.backup.objects import Objects, damage
from worker.backup.records import unpack_records
from worker.backup.repository import Repository
from worker.backup.shard import unpack
from worker.backup.threads import run_each
from worker.stores.migration import Show


def check(repository: Repository, name: str, show: Show) -> Manifest:
    """Verify every object that a backup needs; return its manifest.

    Raises:
        BackupDamaged: Some are missing or damaged; the message names them.
    """
    found, reading = manifests.read(repository, name), _Reading(repository)
    if (data := reading.get(found.records)) is not None:
        letters = {letter.id for letter in unpack_records(data).letters}
        reading.verify(letters - set(found.letters_missing))
    for number, each in enumerate(found.collections):
        advance = show(each.name, each.rows)
        for shard in each.shards:
            data = reading.get(shard.digest)
            rows = [] if data is None else unpack(data)
            # Nearly all images of other models are those of the active one.
            if number == 0:
                reading.verify({row.record.id for row in rows} - set(shard.missing))
            advance(shard.rows)
    if reading.lost:
        raise BackupDamaged(damage(repository, sorted(reading.lost)))
    return found


class _Reading:
    """Reads on when an object is missing or damaged.

    Args:
        repository: Holds the objects.
    """

    def __init__(self, repository: Repository) -> None:
        self._objects = Objects(repository)
        # The digests of missing and damaged objects.
        self.lost: set[str] = set()

    def get(self, digest: str) -> bytes | None:
        """Return an object's bytes; None if it is lost."""
        try:
            return self._objects.get(digest)
        except BackupDamaged:
            self.lost.add(digest)
            return None

    def verify(self, digests: Iterable[str]) -> None:
        """Read objects, and keep none in memory."""
        run_each(lambda digest: self.get(digest) is not None, sorted(digests))
