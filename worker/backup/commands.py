"""What `python -m worker backup` and `restore` do."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from common.blobs.stores import open_bucket
from common.errors import BackupRefused
from common.service_urls import BlobsUrl, bucket_of, folder_of, is_bucket
from common.settings import Settings
from worker.backup import manifest as manifests
from worker.backup.backup import Backup
from worker.backup.check import check
from worker.backup.folder import FolderRepository
from worker.backup.manifest import Manifest
from worker.backup.rebuild import Rebuild
from worker.backup.repository import Repository
from worker.backup.restore import Restore
from worker.backup.service import Service, open_service
from worker.stores.migration import Show

_URL: TypeAdapter[str] = TypeAdapter(BlobsUrl)


def back_up(settings: Settings, target: str, show: Show, *, vectors: bool) -> tuple[str, int]:
    """Back up the service in the settings.

    Args:
        settings: Those of a worker.
        target: A folder, or the address of a bucket.
        show: Shows the progress.
        vectors: Whether to keep vectors.

    Returns:
        What was done, and the number of originals that are missing.

    Raises:
        BackupRefused: The target is invalid or among the service's own blobs.
    """
    _require_apart(settings, target)
    repository = open_repository(target)
    backup = Backup(open_service(settings, writes=False), repository, show, vectors=vectors)
    name, found = backup.run()
    written = f"{backup.objects.written:,} objects, {backup.objects.written_bytes / 1e6:,.1f} MB"
    done = f"{repository.where} has the backup {name} of {found.images:,} images; new: {written}."
    if found.missing:
        done += (
            f" The originals of {found.missing:,} images were missing or damaged in the service;"
            " the manifest lists them."
        )
    return done, found.missing


def restore(
    settings: Settings, source: str, at: str | None, show: Show, *, rebuild: bool
) -> tuple[str, int]:
    """Restore a backup into the service in the settings.

    Returns:
        What was done, and the number of images that could not be embedded.
    """
    repository, name = _found(source, at)
    service = open_service(settings, writes=True)
    rebuilt = _rebuild(settings, service) if rebuild else None
    found = Restore(service, repository, name, show, rebuilt).run()
    failed = rebuilt.failed if rebuilt else 0
    done = f"Restored {found.images - failed:,} images of the backup {name}, and compared all rows."
    if failed:
        done += f" {failed:,} could not be embedded; the log names them."
    return f"{done} Jobs are not in a backup: upload again what was in progress.", failed


def check_backup(source: str, at: str | None, show: Show) -> str:
    """Verify a backup; return what was done."""
    repository, name = _found(source, at)
    found: Manifest = check(repository, name, show)
    return f"The backup {name} of {found.images:,} images is whole."


def open_repository(place: str) -> Repository:
    """Return the repository in a folder or a bucket; raises ``BackupRefused``."""
    if not is_bucket(place):
        return FolderRepository(_folder(place))
    try:
        bucket = open_bucket(_URL.validate_python(place))
    except ValidationError as error:
        raise BackupRefused(
            f"{place} is not the address of a bucket. Write s3://BUCKET/PREFIX."
        ) from error
    from worker.backup.bucket import BucketRepository

    return BucketRepository(bucket)


def _folder(place: str) -> Path:
    if place.startswith("file:///"):
        return folder_of(place).expanduser().absolute()
    if "://" in place or not place:
        raise BackupRefused(
            f"{place!r} is neither a folder nor the address of a bucket. Write a path, or"
            " s3://BUCKET/PREFIX."
        )
    return Path(place).expanduser().absolute()


def _found(source: str, at: str | None) -> tuple[Repository, str]:
    repository = open_repository(source)
    repository.prepare(writes=False)
    return repository, manifests.find(repository, at)


def _require_apart(settings: Settings, target: str) -> None:
    """Refuse a target among the service's own blobs, with which it would be lost."""
    blobs = settings.blobs_folder
    if blobs is not None and not is_bucket(target):
        inside = _folder(target).is_relative_to(blobs.absolute())
    elif blobs is None and is_bucket(target):
        (bucket, prefix), (own, beyond) = bucket_of(target), bucket_of(settings.blobs_url)
        inside = bucket == own and prefix.startswith(beyond)
    else:
        inside = False
    if inside:
        raise BackupRefused(
            f"{target} is in the service's own blob store, and would be lost with it. Name another"
            " place."
        )


def _rebuild(settings: Settings, service: Service) -> Rebuild:
    """Load the model that is active, or the one in the settings if none is."""
    from worker.encoders.registry import load_encoder

    model = service.models.roles().active or settings.model
    encoder = load_encoder(settings.model_copy(update={"model": model}), bulk=True)
    return Rebuild(encoder, service.blobs, settings.image_pixels_max)
