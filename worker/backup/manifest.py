"""Manifests: what a backup consists of; written last, so that an interrupted backup has none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pydantic import Field, ValidationError

from common import schema
from common.contract import Message
from common.errors import BackupDamaged, RestoreRefused
from common.ids import ImageId
from worker.backup.repository import Repository
from worker.stores.identity import Identity

# The form of a backup that this version writes, and the newest that it reads.
FORMAT = 1

_FOLDER = "backups"
# Digits of a manifest's own digest in its name, and names in an error.
_DIGITS, _NAMED = 16, 5


class Shard(Message):
    """An object with rows of one tenant (``worker/backup/shard.py``)."""

    tenant: str
    # The object's digest and size.
    digest: ImageId
    bytes: int
    rows: int
    # Of the rows' versions (``digest_of``): equal if the rows are.
    versions: ImageId
    # Images whose original was missing or damaged in the service.
    missing: list[ImageId] = Field(default=[])


class CollectionShards(Message):
    """A model's collection."""

    name: str
    encoder: str
    revision: str
    dim: int
    shards: list[Shard]

    @property
    def identity(self) -> Identity:
        """The encoder whose vectors it holds."""
        return Identity(self.encoder, self.revision, self.dim)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(shard.rows for shard in self.shards)


class Manifest(Message):
    """A backup. Shards name their images, whose ids name the originals."""

    format: int = FORMAT
    # The version of Glimpse, and the schema of its data.
    glimpse: str
    schema_number: int = schema.WRITES
    # In UTC, as in the name: 2026-01-31T120000.125Z.
    started_at: str
    ended_at: str
    # The model that ran searches.
    active: str | None
    # Whether shards have vectors.
    vectors: bool = True
    # The digest of the object with keys, quotas, models and dead letters.
    records: ImageId
    # The active model's first.
    collections: list[CollectionShards]
    # Dead letters whose original was missing.
    letters_missing: list[ImageId] = Field(default=[])

    @property
    def images(self) -> int:
        """Number of images of the active model."""
        return self.collections[0].rows if self.collections else 0

    @property
    def missing(self) -> int:
        """Number of originals of the active model, and of dead letters, that were missing."""
        shards = self.collections[0].shards if self.collections else []
        return sum(len(shard.missing) for shard in shards) + len(self.letters_missing)


def write(repository: Repository, manifest: Manifest) -> str:
    """Write a manifest; return its name, which begins with its time and ends with its digest."""
    data = manifest.model_dump_json(indent=1).encode()
    name = f"{manifest.ended_at}-{_digest(data)}"
    repository.put(_path(name), data)
    return name


def names(repository: Repository) -> list[str]:
    """Return the names of all backups, the oldest first."""
    found = repository.names(_FOLDER)
    return sorted(name.removesuffix(".json") for name in found if name.endswith(".json"))


def find(repository: Repository, at: str | None) -> str:
    """Return the name of the newest backup, or of the newest that begins with ``at``.

    Raises:
        RestoreRefused: There is none.
    """
    every = names(repository)
    matching = [name for name in every if name.startswith(at or "")]
    if not matching:
        if every:
            which = f" that begins with {at}. Its newest are: {', '.join(every[-_NAMED:])}."
        else:
            which = ". Name the folder or the bucket that `glimpse backup` has written to."
        raise RestoreRefused(f"{repository.where} has no complete backup{which}")
    return matching[-1]


def read(repository: Repository, name: str) -> Manifest:
    """Return a backup's manifest.

    Raises:
        BackupDamaged: It is missing, or not as it was written.
        RestoreRefused: A newer version of Glimpse wrote it.
        SchemaNewer: Likewise.
    """
    data = repository.get(_path(name))
    if data is None or not name.endswith(_digest(data)):
        raise BackupDamaged(
            f"The manifest {name} in {repository.where} is missing or damaged. Restore another"
            " backup with --at."
        )
    try:
        found = Manifest.model_validate_json(data)
    except ValidationError as error:
        raise RestoreRefused(
            f"This version of Glimpse cannot read the manifest {name}; use a newer one."
        ) from error
    if found.format > FORMAT:
        raise RestoreRefused(
            f"Glimpse {found.glimpse} wrote the backup {name} in a form that this version cannot"
            " read. Use that version, or a newer one."
        )
    schema.require(found.schema_number, f"The backup {name}")
    return found


def latest(repository: Repository) -> Manifest | None:
    """Return the newest readable manifest, from which unchanged shards are taken over."""
    for name in reversed(names(repository)):
        try:
            return read(repository, name)
        except (BackupDamaged, RestoreRefused):
            continue
    return None


def by_versions(manifest: Manifest | None, name: str, *, vectors: bool) -> dict[str, Shard]:
    """Return a collection's shards in an earlier backup, by tenant and versions.

    Args:
        manifest: The earlier backup.
        name: The collection.
        vectors: Whether the shards must have vectors; empty if the backup differs in that.
    """
    if manifest is None or manifest.vectors != vectors:
        return {}
    shards: Sequence[Shard] = [
        shard for each in manifest.collections if each.name == name for shard in each.shards
    ]
    return {f"{shard.tenant} {shard.versions}": shard for shard in shards}


def _path(name: str) -> str:
    return f"{_FOLDER}/{name}.json"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:_DIGITS]
