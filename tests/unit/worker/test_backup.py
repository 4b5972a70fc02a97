"""Backups of a service in memory, and their restores."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from common.blobs.memory import MemoryBlobs
from common.errors import (
    BackupDamaged,
    BackupRefused,
    BlobsUnavailable,
    CopyDiffers,
    ModelMismatch,
    RestoreRefused,
    SchemaNewer,
)
from common.keys.token import issue
from common.settings import load_settings
from tests.support.backups import (
    IDENTITY,
    NAME,
    MemoryService,
    bytes_of,
    id_of,
    row_of,
)
from tests.support.letters import letter_about
from worker.backup import backup as module
from worker.backup import manifest as manifests
from worker.backup.backup import Backup
from worker.backup.check import check
from worker.backup.commands import back_up as back_up_to
from worker.backup.commands import check_backup
from worker.backup.manifest import Manifest
from worker.backup.memory import MemoryRepository
from worker.backup.rebuild import Rebuild
from worker.backup.restore import Restore
from worker.backup.shard import pack, unpack
from worker.encoders.hashing import HashingEncoder
from worker.stores.base import Row, VectorStore
from worker.stores.identity import Identity
from worker.stores.memory import MemoryStore

OTHER = "images__other"


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROWS_MAX", 8)
    monkeypatch.setattr(module, "_PAGE", 3)


@pytest.fixture
def service() -> MemoryService:
    """Forty images of two tenants, some of them embedded by a second model too, and records."""
    service = MemoryService()
    service.add(*range(30))
    service.add(*range(25, 35), tenant="acme")
    service.add(3, 4, name=OTHER)
    service.put("default", bytes_of(900))
    service.letters.put([letter_about(id_of(900), filename="broken.png")])
    for number, tenant in enumerate(("default", "acme", "acme")):
        _, key = issue(tenant, f"key {number}", ["read"], now=float(number))
        service.keys.add(key)
        service.keys.note_use(key.id, 7.0)
    service.keys.revoke(key.id, 9.0)
    service.quotas.put("acme", 100)
    service.models.adopt("ViT-B/32")
    return service


@pytest.fixture
def repository() -> MemoryRepository:
    return MemoryRepository()


def show(title: str, rows: int) -> Callable[[int], None]:
    return lambda _: None


def back_up(service: MemoryService, repository: MemoryRepository, **options: bool) -> Backup:
    backup = Backup(service.parts(), repository, show, **options)
    backup.run()
    return backup


def restored(
    repository: MemoryRepository, target: MemoryService, rebuild: Rebuild | None = None
) -> Manifest:
    name = manifests.find(repository, None)
    return Restore(target.parts(), repository, name, show, rebuild).run()


def newest(repository: MemoryRepository) -> Manifest:
    return manifests.read(repository, manifests.find(repository, None))


def test_everything_comes_back_as_it_was(
    service: MemoryService, repository: MemoryRepository
) -> None:
    back_up(service, repository)
    target = MemoryService(active=None)
    found = restored(repository, target)
    assert target.contents() == service.contents()
    assert (found.images, found.missing, found.active) == (40, 0, "hashing")
    assert target.note.get() is None
    assert check(repository, manifests.find(repository, None), show) == found


def test_a_later_backup_writes_only_what_is_new(
    service: MemoryService, repository: MemoryRepository
) -> None:
    first = back_up(service, repository)
    # Images of both tenants, a letter, the records; beside these the shards.
    assert first.objects.written > 35 + 2
    assert back_up(service, repository).objects.written == 0
    service.add(500)
    # The original, and the shard of its period and first digits.
    assert back_up(service, repository).objects.written == 2
    service.create(NAME, IDENTITY).upsert([row_of(500, job="2" * 32)])
    assert back_up(service, repository).objects.written == 1
    assert len(manifests.names(repository)) == 4
    target = MemoryService()
    restored(repository, target)
    assert target.contents() == service.contents()


def test_rows_of_unchanged_shards_are_not_read(
    service: MemoryService, repository: MemoryRepository
) -> None:
    class Unread(MemoryStore):
        def rows(self, tenant: str, ids: Sequence[str]) -> dict[str, Row]:
            raise AssertionError(f"No row has changed: {tenant} {ids}")

    back_up(service, repository)
    unread = [
        (name, identity, Unread(identity, service.create(name, identity)._collection))
        for name, identity, _ in service.stores()
    ]
    service.stores = lambda: unread  # type: ignore[method-assign]
    assert back_up(service, repository).objects.written == 0


def test_an_interrupted_backup_does_not_count_and_is_continued(
    service: MemoryService, repository: MemoryRepository
) -> None:
    repository.accepts = 20
    with pytest.raises(BlobsUnavailable):
        back_up(service, repository)
    with pytest.raises(RestoreRefused, match="no complete backup"):
        manifests.find(repository, None)
    already = len(repository.objects)
    assert already == 20
    repository.accepts = None
    written = back_up(service, repository).objects.written
    assert len(repository.objects) == already + written + 1
    target = MemoryService()
    restored(repository, target)
    assert target.contents() == service.contents()


def test_an_image_deleted_while_it_is_copied_is_in_no_shard(
    repository: MemoryRepository,
) -> None:
    service = MemoryService()

    class Deleting(MemoryBlobs):
        """Deletes an image, its row first, when its bytes are read."""

        def read(self, tenant: str, blob_id: str) -> bytes:
            if blob_id == id_of(2):
                service.create(NAME, IDENTITY).delete(tenant, [blob_id])
                self.delete(tenant, blob_id)
            return super().read(tenant, blob_id)

    service.blobs = Deleting()
    service.add(*range(5))
    back_up(service, repository)
    assert (newest(repository).images, newest(repository).missing) == (4, 0)
    target = MemoryService()
    restored(repository, target)
    assert target.contents() == service.contents()


def test_lost_and_damaged_originals_are_listed_and_do_not_stop_it(
    service: MemoryService, repository: MemoryRepository
) -> None:
    service.blobs.delete("default", id_of(1))
    service.put("default", b"other bytes", id_of(2))
    service.blobs.delete("default", id_of(900))
    back_up(service, repository)
    found = newest(repository)
    assert found.missing == 3
    assert found.letters_missing == [id_of(900)]
    target = MemoryService()
    restored(repository, target)
    assert target.create(NAME, IDENTITY).count() == 40
    assert target.letters.count() == 1
    # Once they are there again, the next backup has them.
    service.put("default", bytes_of(1))
    back_up(service, repository)
    assert newest(repository).missing == 2


def test_another_services_blobs_are_not_backed_up(
    service: MemoryService, repository: MemoryRepository
) -> None:
    service.is_here = False
    with pytest.raises(BackupRefused, match="GLIMPSE_BLOBS_DIR"):
        back_up(service, repository)
    assert repository.objects == {}


def test_a_flipped_bit_and_a_missing_object_are_found(repository: MemoryRepository) -> None:
    service = MemoryService()
    service.add(*range(3))
    back_up(service, repository)
    name = manifests.find(repository, None)
    for each, data in list(repository.objects.items()):
        for damage in (data[:-1] + bytes([data[-1] ^ 1]), data[:-1], None):
            if damage is None:
                del repository.objects[each]
            else:
                repository.objects[each] = damage
            with pytest.raises(BackupDamaged):
                check(repository, name, show)
            with pytest.raises(BackupDamaged):
                Restore(MemoryService().parts(), repository, name, show).run()
            repository.objects[each] = data
    check(repository, name, show)


def test_all_that_is_damaged_is_named_at_once(repository: MemoryRepository) -> None:
    service = MemoryService()
    service.add(*range(30))
    service.add(0, tenant="acme")
    back_up(service, repository)
    shard = newest(repository).collections[0].shards[0]
    lost = {shard.digest, *(id_of(number) for number in range(30))}
    for digest in lost:
        del repository.objects[f"objects/{digest[:2]}/{digest}"]
    with pytest.raises(BackupDamaged) as error:
        check(repository, manifests.find(repository, None), show)
    named = {digest for digest in lost if f"objects/{digest[:2]}/{digest}" in str(error.value)}
    # The originals of a lost shard are not known.
    more = int(re.findall(r" and (\d+) more\.", str(error.value))[0])
    assert len(named) == 20
    assert 0 < more <= len(lost) - 20


def test_a_damaged_object_is_written_again_once_it_is_deleted(
    service: MemoryService, repository: MemoryRepository
) -> None:
    back_up(service, repository)
    before = dict(repository.objects)
    for each in before:
        if each.startswith("objects/"):
            del repository.objects[each]
    back_up(service, repository)
    assert {key: repository.objects[key] for key in before} == before


FILLED: dict[str, Callable[[MemoryService], object]] = {
    "images": lambda target: target.create(NAME, IDENTITY).upsert([row_of(1)]),
    "originals": lambda target: target.put("default", b"bytes"),
    "API keys": lambda target: target.keys.add(issue("a", "b", ["read"], now=1.0)[1]),
    "quotas": lambda target: target.quotas.put("acme", 1),
    "dead letters": lambda target: target.letters.put([letter_about(id_of(1))]),
}


@pytest.mark.parametrize("what", FILLED)
def test_a_service_that_is_not_empty_is_left_as_it_is(
    what: str, service: MemoryService, repository: MemoryRepository
) -> None:
    back_up(service, repository)
    target = MemoryService()
    FILLED[what](target)
    before = target.contents()
    with pytest.raises(RestoreRefused, match=what):
        restored(repository, target)
    assert target.contents() == before
    assert target.note.get() is None


def test_a_service_with_another_model_is_refused(
    service: MemoryService, repository: MemoryRepository
) -> None:
    back_up(service, repository)
    target = MemoryService(active="ViT-L/14")
    with pytest.raises(RestoreRefused, match="GLIMPSE_MODEL=hashing"):
        restored(repository, target)
    assert target.keys.all() == []
    # An empty collection of the same model with other weights.
    target = MemoryService()
    target.create(NAME, replace(IDENTITY, revision="2"))
    with pytest.raises(ModelMismatch, match="revision 2"):
        restored(repository, target)
    assert target.keys.all() == []


def test_an_interrupted_restore_continues(
    service: MemoryService, repository: MemoryRepository
) -> None:
    back_up(service, repository)
    shard = newest(repository).collections[0].shards[3]
    path = f"objects/{shard.digest[:2]}/{shard.digest}"
    data = repository.objects.pop(path)
    target = MemoryService(active=None)
    with pytest.raises(BackupDamaged, match=f"Missing or damaged in memory: {path}"):
        restored(repository, target)
    assert 0 < target.create(NAME, IDENTITY).count() < 40
    repository.objects[path] = data

    earlier = target.note.get()
    service.add(600)
    back_up(service, repository)
    with pytest.raises(RestoreRefused, match=f"--at {earlier}"):
        restored(repository, target)
    assert earlier is not None
    Restore(target.parts(), repository, earlier, show).run()
    missing = {("default", id_of(600))}
    blobs = service.contents()["blobs"]
    assert isinstance(blobs, dict)
    assert target.contents()["blobs"] == {k: v for k, v in blobs.items() if k not in missing}
    assert target.create(NAME, IDENTITY).count() == 40


def test_what_the_store_does_not_keep_is_noticed(
    service: MemoryService, repository: MemoryRepository
) -> None:
    class Lossy(MemoryStore):
        def upsert(self, rows: Sequence[Row]) -> None:
            super().upsert(rows[1:])

    back_up(service, repository)
    target = MemoryService()

    def create(name: str, identity: Identity) -> VectorStore:
        return Lossy(identity, target.create(name, identity)._collection)

    name = manifests.find(repository, None)
    with pytest.raises(CopyDiffers):
        Restore(target.parts(create), repository, name, show).run()


def test_a_service_used_meanwhile_is_noticed(
    service: MemoryService, repository: MemoryRepository
) -> None:
    back_up(service, repository)
    target = MemoryService()

    def use(title: str, rows: int) -> Callable[[int], None]:
        target.add(700)
        return lambda _: None

    name = manifests.find(repository, None)
    with pytest.raises(CopyDiffers, match="used meanwhile"):
        Restore(target.parts(), repository, name, use).run()


def test_backups_of_newer_versions_are_refused(repository: MemoryRepository) -> None:
    back_up(MemoryService(), repository)
    found = newest(repository)
    later = manifests.write(
        repository, found.model_copy(update={"format": 2, "ended_at": "2030-01-01"})
    )
    with pytest.raises(RestoreRefused, match="newer"):
        manifests.read(repository, later)
    schema = manifests.write(
        repository, found.model_copy(update={"schema_number": 99, "ended_at": "2031-01-01"})
    )
    with pytest.raises(SchemaNewer):
        manifests.read(repository, schema)


def test_a_backup_is_named_by_the_beginning_of_its_time(
    service: MemoryService, repository: MemoryRepository
) -> None:
    back_up(service, repository)
    first = manifests.find(repository, None)
    service.add(800)
    back_up(service, repository)
    assert manifests.find(repository, first) == first
    assert manifests.find(repository, first[:4]) == manifests.find(repository, None) != first
    with pytest.raises(RestoreRefused, match=f"that begins with 1999. Its newest are: {first}"):
        manifests.find(repository, "1999")


@pytest.mark.parametrize("at", [None, "1999"])
def test_a_place_without_backups_is_named(at: str | None) -> None:
    with pytest.raises(RestoreRefused, match=r"has no complete backup\. Name the folder or"):
        manifests.find(MemoryRepository(), at)


def test_a_file_is_a_place_without_backups(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RestoreRefused, match="file has no complete backup"):
        check_backup(str(tmp_path / "file"), None, show)


def test_vectors_can_be_computed_instead_of_saved(
    service: MemoryService, repository: MemoryRepository
) -> None:
    service.blobs.delete("default", id_of(1))
    back_up(service, repository, vectors=False)
    with pytest.raises(RestoreRefused, match="--rebuild"):
        restored(repository, MemoryService())
    target, encoder = MemoryService(), HashingEncoder()
    rebuild = Rebuild(encoder, target.blobs, 1_000_000)
    restored(repository, target, rebuild)
    assert rebuild.failed == 1
    store = target.create(rebuild.name, rebuild.identity)
    assert store.count() == 39
    before = service.create(NAME, IDENTITY).rows("acme", [id_of(30)])[id_of(30)]
    found = store.rows("acme", [id_of(30)])[id_of(30)]
    assert (found.record, found.job_id) == (before.record, before.job_id)
    (again,) = Rebuild(encoder, service.blobs, 1_000_000).run([before])
    assert found.vector.tolist() == again.vector.tolist()


def test_a_shard_is_the_same_bytes_whatever_the_order_of_its_rows() -> None:
    rows = [row_of(number) for number in range(5)]
    data = pack(rows)
    assert pack(rows[::-1]) == data
    found = unpack(data)
    assert sorted(map(str, found)) == sorted(map(str, rows))
    assert [each.vector.shape for each in unpack(pack(rows, vectors=False))] == [(0,)] * 5


@pytest.mark.parametrize("damage", [b"", b"{}\n", b'{"rows": 2}\nx', b"\xff\n", b"[]\n\n"])
def test_what_is_no_shard_is_refused(damage: bytes) -> None:
    with pytest.raises(BackupDamaged):
        unpack(damage)


@pytest.mark.parametrize(
    ("blobs", "target"),
    [
        ("/srv/blobs", "/srv/blobs"),
        ("/srv/blobs", "file:///srv/blobs/backups"),
        ("s3://pictures", "s3://pictures/backups"),
        ("s3://pictures/glimpse", "s3://pictures/glimpse/"),
        ("/srv/blobs", "s3://a b"),
        ("/srv/blobs", "s4://backups"),
        ("/srv/blobs", "file://backups"),
        ("/srv/blobs", ""),
        ("s3://pictures", ""),
    ],
)
def test_places_that_are_no_place_for_a_backup_are_refused(blobs: str, target: str) -> None:
    name = "GLIMPSE_BLOBS_URL" if blobs.startswith("s3:") else "GLIMPSE_BLOBS_DIR"
    settings = load_settings({name: blobs})
    with pytest.raises(BackupRefused, match=r"place|address of a bucket"):
        back_up_to(settings, target, show, vectors=True)


def test_collections_in_memory_are_refused(tmp_path: Path) -> None:
    settings = load_settings({"GLIMPSE_MILVUS_URI": "memory://test"})
    with pytest.raises(BackupRefused, match="memory"):
        back_up_to(settings, str(tmp_path / "target"), show, vectors=True)
