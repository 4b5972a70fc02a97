"""Backs up a service while it runs."""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from common.errors import BackupRefused, NotFound, StoreError
from common.ids import IMAGE_ID_DIGITS
from common.pages import pages
from worker.backup import manifest as manifests
from worker.backup.manifest import CollectionShards, Manifest, Shard
from worker.backup.objects import Objects
from worker.backup.records import Records, pack_records, read_records
from worker.backup.repository import Repository
from worker.backup.service import NamedStore, Service
from worker.backup.shard import digest_of, pack, version_of
from worker.backup.threads import run_each
from worker.stores.base import Row, VectorStore, Version
from worker.stores.migration import Show

log = logging.getLogger(__name__)

# Maximum rows of a shard; of 512 dimensions, one takes about 2.5 KB.
_ROWS_MAX = 4096
# Rows read per call.
_PAGE = 500
# Rows of different periods are in different shards, so that an upload changes none of earlier
# periods. In milliseconds: 30 days.
_PERIOD_MS = 30 * 86_400_000
_DIGITS = "0123456789abcdef"


class Backup:
    """Writes one backup.

    The records are read first and the rows before their originals, so that whatever a row needs is
    in the backup, and a letter that is replayed meanwhile is there as a letter, a row or both
    (decision 0053).

    Args:
        service: What to back up; it may be in use.
        repository: Where to.
        show: Shows the progress.
        vectors: Whether to keep vectors, which can be computed from the originals.
    """

    def __init__(
        self, service: Service, repository: Repository, show: Show, *, vectors: bool = True
    ) -> None:
        self._service = service
        self._repository = repository
        self._show = show
        self._vectors = vectors
        self.objects = Objects(repository)

    def run(self) -> tuple[str, Manifest]:
        """Write what the repository lacks, then the manifest; return its name, and itself.

        Raises:
            BackupRefused: The service has images, and this is not its blob store.
            ServiceError: The service or the repository is unavailable: what was written stays, and
                the next run continues.
        """
        started_at = _now()
        active = self._service.models.roles().active
        stores = _sorted(self._service.stores(), active)
        self._require_blobs(stores)
        self._repository.prepare(writes=True)
        before = manifests.latest(self._repository)
        records = read_records(self._service)
        letters_missing = self._copy_letters(records)
        collections = [self._collection(each, before) for each in stores]
        found = Manifest(
            glimpse=version("glimpse"),
            started_at=started_at,
            ended_at=_now(),
            active=active,
            vectors=self._vectors,
            records=self.objects.put(pack_records(records)),
            collections=collections,
            letters_missing=letters_missing,
        )
        self._repository.flush()
        name = manifests.write(self._repository, found)
        self._repository.flush()
        return name, found

    def _require_blobs(self, stores: Sequence[NamedStore]) -> None:
        """Refuse an empty mount point, in which all originals would be missing."""
        if any(store.count() for _, _, store in stores) and not self._service.is_here():
            raise BackupRefused(
                "This is not the blob store that the service writes to. Set GLIMPSE_BLOBS_DIR or"
                " GLIMPSE_BLOBS_URL as for its workers, and mount the folder. If Redis has lost its"
                " data, any upload makes the store known again."
            )

    def _copy_letters(self, records: Records) -> list[str]:
        by_tenant: dict[str, list[str]] = defaultdict(list)
        for letter in records.letters:
            by_tenant[letter.tenant].append(letter.id)
        return [each for tenant, ids in by_tenant.items() for each in self._copy(tenant, ids)]

    def _collection(self, named: NamedStore, before: Manifest | None) -> CollectionShards:
        name, identity, store = named
        known = manifests.by_versions(before, name, vectors=self._vectors)
        advance = self._show(name, store.count())
        shards = []
        for tenant, versions in _groups(store):
            earlier = known.get(f"{tenant} {digest_of(versions)}")
            shard = earlier and self._unchanged(earlier, versions)
            shard = shard or self._shard(store, tenant, list(versions))
            shards += [shard] if shard else []
            advance(len(versions))
        return CollectionShards(
            name=name,
            encoder=identity.encoder,
            revision=identity.revision,
            dim=identity.dim,
            shards=shards,
        )

    def _unchanged(self, shard: Shard, versions: Mapping[str, Version]) -> Shard | None:
        """Return a shard of an earlier backup if the repository has it; its rows are not read."""
        if not self.objects.has(shard.digest):
            return None
        missing = self._copy(shard.tenant, list(versions))
        return shard.model_copy(update={"missing": missing})

    def _shard(self, store: VectorStore, tenant: str, ids: Sequence[str]) -> Shard | None:
        """Write rows and their originals; return None if all were deleted meanwhile."""
        rows: dict[str, Row] = {}
        for page in pages(ids, _PAGE):
            rows |= store.rows(tenant, page)
        missing = self._copy(tenant, list(rows))
        if missing:
            # An image that is deleted loses its row first.
            left = store.known(tenant, missing)
            deleted = set(missing) - left.keys()
            missing = [image_id for image_id in missing if image_id in left]
            rows = {key: row for key, row in rows.items() if key not in deleted}
        if not rows:
            return None
        data = pack(list(rows.values()), vectors=self._vectors)
        return Shard(
            tenant=tenant,
            digest=self.objects.put(data),
            bytes=len(data),
            rows=len(rows),
            versions=digest_of({key: version_of(row) for key, row in rows.items()}),
            missing=missing,
        )

    def _copy(self, tenant: str, ids: Sequence[str]) -> list[str]:
        """Copy the originals that the repository lacks; return those that the service lacks."""
        wanted = [image_id for image_id in ids if not self.objects.has(image_id)]
        copied = run_each(lambda image_id: self._copy_one(tenant, image_id), wanted)
        return [image_id for image_id, done in zip(wanted, copied, strict=True) if not done]

    def _copy_one(self, tenant: str, image_id: str) -> bool:
        try:
            data = self._service.blobs.read(tenant, image_id)
        except NotFound:
            return False
        if hashlib.sha256(data).hexdigest() != image_id:
            log.warning("backup.original_damaged tenant=%s id=%s", tenant, image_id)
            return False
        self.objects.put(data)
        return True


def _sorted(stores: Sequence[NamedStore], active: str | None) -> list[NamedStore]:
    """Return the collections, the active model's first."""
    return sorted(stores, key=lambda each: (each[1].encoder != active, each[0]))


def _groups(store: VectorStore) -> Iterator[tuple[str, Mapping[str, Version]]]:
    """Yield the rows of each shard: a tenant, and versions by image id."""
    for slice_ in _slices(store, ""):
        groups: dict[tuple[str, int], dict[str, Version]] = defaultdict(dict)
        for (tenant, image_id), found in slice_.items():
            groups[tenant, found.indexed_at_ms // _PERIOD_MS][image_id] = found
        for tenant, period in sorted(groups):
            yield tenant, groups[tenant, period]


def _slices(store: VectorStore, prefix: str) -> Iterator[Mapping[tuple[str, str], Version]]:
    """Yield all rows' versions in slices of ids that begin with the same digits."""
    found = store.versions(prefix, _ROWS_MAX)
    if found is not None:
        yield found
        return
    if len(prefix) == IMAGE_ID_DIGITS:
        raise StoreError(f"More than {_ROWS_MAX} tenants have the image {prefix}.")
    for digit in _DIGITS:
        yield from _slices(store, prefix + digit)


def _now() -> str:
    """Return the time as it is in names: in milliseconds, without colons."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H%M%S.%f}"[:-3] + "Z"
