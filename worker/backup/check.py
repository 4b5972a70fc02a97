"""Reads a whole backup, without a service."""

from __future__ import annotations

from worker.backup import manifest as manifests
from worker.backup.manifest import Manifest
from worker.backup.objects import Objects
from worker.backup.records import unpack_records
from worker.backup.repository import Repository
from worker.backup.shard import unpack
from worker.backup.threads import run_each
from worker.stores.migration import Show


def check(repository: Repository, name: str, show: Show) -> Manifest:
    """Verify every object that a backup needs; return its manifest.

    Raises:
        BackupDamaged: One is missing or damaged; the message names it.
    """
    found, objects = manifests.read(repository, name), Objects(repository)
    records = unpack_records(objects.get(found.records))
    letters = {letter.id for letter in records.letters} - set(found.letters_missing)
    run_each(lambda digest: len(objects.get(digest)), sorted(letters))
    for number, each in enumerate(found.collections):
        advance = show(each.name, each.rows)
        for shard in each.shards:
            rows = unpack(objects.get(shard.digest))
            # Nearly all images of other models are those of the active one.
            if number == 0:
                ids = {row.record.id for row in rows} - set(shard.missing)
                run_each(lambda digest: len(objects.get(digest)), sorted(ids))
            advance(shard.rows)
    return found
