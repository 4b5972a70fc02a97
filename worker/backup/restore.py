"""Restores a backup into an empty service."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from common.errors import BackupDamaged, CopyDiffers, RestoreRefused
from common.pages import pages
from worker.backup import manifest as manifests
from worker.backup.manifest import CollectionShards, Manifest, Shard
from worker.backup.objects import Objects
from worker.backup.rebuild import Rebuild
from worker.backup.records import Records, unpack_records, write_records
from worker.backup.repository import Repository
from worker.backup.service import Service
from worker.backup.shard import unpack
from worker.backup.threads import run_each
from worker.stores.base import Row, VectorStore
from worker.stores.copy import equal
from worker.stores.migration import Show

# Rows written and read back at a time.
_PAGE = 500


class Restore:
    """Fills an empty service with one backup, or continues to do so.

    Originals come before their rows, a shard at a time, so that no search finds an image without
    bytes, and the upkeep does not take an original without a row for an orphan.

    Args:
        service: The service to fill.
        repository: Where the backups are.
        name: The backup.
        show: Shows the progress.
        rebuild: Computes the vectors again; None restores them.
    """

    def __init__(
        self,
        service: Service,
        repository: Repository,
        name: str,
        show: Show,
        rebuild: Rebuild | None = None,
    ) -> None:
        self._service = service
        self._name = name
        self._show = show
        self._rebuild = rebuild
        self._objects = Objects(repository)
        self._manifest = manifests.read(repository, name)
        self._resumes = False
        # The active model's collection, whose originals have been restored.
        self._first: VectorStore | None = None

    def run(self) -> Manifest:
        """Restore everything, and compare it with the backup.

        Raises:
            RestoreRefused: The service is not empty, or not of the backup's model.
            ModelMismatch: Its collection holds vectors of another encoder.
            BackupDamaged: An object of the backup is missing or damaged; what was restored stays.
            CopyDiffers: The service does not hold what was restored.
            ServiceError: A part of the service is unavailable: run it again to continue.
        """
        found, active = self._manifest, self._active()
        self._require_fit(active)
        self._resumes = self._begin()
        records = unpack_records(self._objects.get(found.records))
        write_records(self._service, records, active)
        self._restore_letters(records)
        for each in found.collections[: 1 if self._rebuild else None]:
            self._restore(each)
        self._service.note.clear()
        return found

    def _active(self) -> str | None:
        """Return the model that is to be active."""
        return self._rebuild.identity.encoder if self._rebuild else self._manifest.active

    def _require_fit(self, wanted: str | None) -> None:
        if not self._manifest.vectors and self._rebuild is None:
            raise RestoreRefused(
                f"The backup {self._name} has no vectors. Add --rebuild to compute them."
            )
        active = self._service.models.roles().active
        if wanted is not None and active not in (None, wanted):
            raise RestoreRefused(
                f"The active model of the service is {active}, and that of the backup is {wanted}."
                f" Start an empty service with GLIMPSE_MODEL={wanted}, or add --rebuild to compute"
                f" the vectors of {active}."
            )
        present = {name: identity for name, identity, _ in self._service.stores()}
        for each in [] if self._rebuild else self._manifest.collections:
            if each.name in present:
                present[each.name].require(each.identity)

    def _begin(self) -> bool:
        """Note what is restored; return whether an interrupted restore of it continues.

        Raises:
            RestoreRefused: The service is not empty, or holds a part of another backup.
        """
        earlier = self._service.note.get()
        if earlier == self._name:
            return True
        if earlier is not None:
            raise RestoreRefused(
                f"A restore of {earlier} was interrupted. Continue it with --at {earlier}, or begin"
                " again with an empty Redis, Milvus and blob store."
            )
        for what, present in self._contents():
            if present:
                raise RestoreRefused(
                    f"The service already has {what}. Restore into an empty service: an empty"
                    " Redis, Milvus and blob store."
                )
        self._service.note.set(self._name)
        return False

    def _contents(self) -> list[tuple[str, bool]]:
        service = self._service
        return [
            ("images", any(store.count() for _, _, store in service.stores())),
            ("originals", next(iter(service.blobs.stored()), None) is not None),
            ("API keys", service.keys.exist()),
            ("quotas", bool(service.quotas.all())),
            ("dead letters", service.letters.count() > 0),
        ]

    def _restore_letters(self, records: Records) -> None:
        missing = set(self._manifest.letters_missing)
        by_tenant: dict[str, list[str]] = defaultdict(list)
        for letter in records.letters:
            if letter.id not in missing:
                by_tenant[letter.tenant].append(letter.id)
        for tenant, ids in by_tenant.items():
            self._copy(tenant, ids)
        for page in pages(records.letters, _PAGE):
            self._service.letters.put(page)

    def _restore(self, backed_up: CollectionShards) -> None:
        name, identity = backed_up.name, backed_up.identity
        if self._rebuild is not None:
            name, identity = self._rebuild.name, self._rebuild.identity
        store = self._service.create(name, identity)
        advance = self._show(name, backed_up.rows)
        for shard in backed_up.shards:
            self._restore_shard(shard, store)
            advance(shard.rows)
        self._first = self._first or store
        failed = self._rebuild.failed if self._rebuild else 0
        if store.count() != backed_up.rows - failed:
            raise CopyDiffers(
                f"The collection {name} has {store.count():,} images, and the backup"
                f" {backed_up.rows - failed:,}. Was the service used meanwhile? Let nobody use it"
                " until the restore has ended."
            )
        if (mark := store.read_mark(fresh=True)) is not None:
            self._service.marks.advance([mark])

    def _restore_shard(self, shard: Shard, store: VectorStore) -> None:
        rows = unpack(self._objects.get(shard.digest))
        if len(rows) != shard.rows or any(row.tenant != shard.tenant for row in rows):
            raise BackupDamaged(f"The shard {shard.digest} is not the one in the manifest.")
        if self._resumes:
            present = store.known(shard.tenant, [row.record.id for row in rows])
            rows = [row for row in rows if row.record.id not in present]
        self._copy_originals(shard, rows)
        for page in pages(rows, _PAGE):
            self._write(page if self._rebuild is None else self._rebuild.run(page), store)

    def _copy_originals(self, shard: Shard, rows: Sequence[Row]) -> None:
        """Restore the originals of rows, except those that are there with the first collection."""
        ids = {row.record.id for row in rows} - set(shard.missing)
        if ids and self._first is not None:
            ids -= self._first.known(shard.tenant, list(ids)).keys()
        self._copy(shard.tenant, sorted(ids))

    def _copy(self, tenant: str, ids: Sequence[str]) -> None:
        run_each(lambda image_id: self._copy_one(tenant, image_id), ids)

    def _copy_one(self, tenant: str, image_id: str) -> None:
        data = self._objects.get(image_id)
        writer = self._service.blobs.writer(tenant)
        try:
            writer.write(data)
            writer.commit(image_id)
        finally:
            writer.discard()

    def _write(self, rows: Sequence[Row], store: VectorStore) -> None:
        """Write rows of a tenant, and read them back."""
        if not rows:
            return
        store.upsert(rows)
        stored = store.rows(rows[0].tenant, [row.record.id for row in rows])
        for row in rows:
            if row.record.id not in stored or not equal(row, stored[row.record.id]):
                raise CopyDiffers(
                    f"Image {row.record.id} of tenant {row.tenant} was not stored as it is in the"
                    " backup. Empty the service and restore again."
                )
