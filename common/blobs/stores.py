"""Opens the blob stores that the settings name: a folder, or a bucket of an object store."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from redis import Redis

from common.blobs.base import BlobStore
from common.blobs.folder import FolderBlobs
from common.blobs.mark import BlobMark, FolderMark
from common.errors import BlobsMisconfigured, BlobsUnavailable, BucketShared, ServiceError
from common.service_urls import bucket_of
from common.settings import Settings

if TYPE_CHECKING:
    from common.blobs.bucket import Bucket

log = logging.getLogger(__name__)

# Bytes to read at a time from an archive, which is read to its end.
_ARCHIVE_BLOCK_BYTES = 4 * 1024**2


@dataclass(frozen=True, slots=True)
class BlobStores:
    """The places of a service's bytes.

    Attributes:
        originals: Uploaded images and their renditions.
        archives: Uploaded archives that are not unpacked yet.
        queries: Query pictures, kept as long as their searches.
        mark: Identifies the store to workers.
        keep_owner: Keeps other services out of the store; raises ``BucketShared``.
    """

    originals: BlobStore
    archives: BlobStore
    queries: BlobStore
    mark: BlobMark
    keep_owner: Callable[[], None]


def open_blobs(settings: Settings, redis: Redis, *, marks: bool = False) -> BlobStores:
    """Open the stores; nothing is read or written yet.

    Args:
        settings: The settings.
        redis: A client that decodes responses.
        marks: Whether to mark the store before the first original is written, as the API does.

    Raises:
        BlobsMisconfigured: A package is missing.
    """
    folder = settings.blobs_folder
    if folder is None:
        return _in_bucket(settings, redis, marks=marks)
    mark = BlobMark(redis, FolderMark(folder))
    fsync = settings.blobs_fsync
    return BlobStores(
        originals=FolderBlobs(folder, mark.keep if marks else None, fsync=fsync),
        archives=FolderBlobs(folder / "archives", fsync=fsync),
        queries=FolderBlobs(folder / "queries"),
        mark=mark,
        keep_owner=lambda: None,
    )


def check_blobs(settings: Settings, redis: Redis) -> None:
    """Check when a process starts that it can use the store; does nothing for a folder.

    If the object store or Redis does not answer, calls will fail until it does.

    Raises:
        BlobsMisconfigured: The store cannot be used with these settings.
    """
    if settings.blobs_folder is not None:
        return
    try:
        try_blobs(settings)
    except BlobsUnavailable as error:
        log.warning("blobs.unreachable where=%s %s", settings.blobs_url, error)
    bucket = open_bucket(settings.blobs_url)
    from common.blobs.bucket_owner import BucketOwner

    try:
        BucketOwner(redis, bucket).check()
    except BucketShared as error:
        raise BlobsMisconfigured(str(error)) from error
    except ServiceError:
        # The first call reports it.
        return


def try_blobs(settings: Settings) -> None:
    """Use an object store once in every way; does nothing for a folder.

    Raises:
        BlobsMisconfigured: The store cannot be used with these settings; the message says why.
        BlobsUnavailable: It does not answer.
    """
    if settings.blobs_folder is None:
        bucket = open_bucket(settings.blobs_url)
        from common.blobs.bucket_check import check_bucket

        check_bucket(bucket)


def _in_bucket(settings: Settings, redis: Redis, *, marks: bool) -> BlobStores:
    bucket = open_bucket(settings.blobs_url)
    from common.blobs.bucket_mark import BucketMark
    from common.blobs.bucket_owner import BucketOwner
    from common.blobs.s3 import S3Blobs

    mark, owner = BlobMark(redis, BucketMark(bucket)), BucketOwner(redis, bucket)
    # Live workers renew a claim every third of a lease, so one lasts for two thirds at least.
    hold_s = max(1, settings.lease_s // 2)

    def begin() -> None:
        owner.keep()
        mark.keep()

    return BlobStores(
        originals=S3Blobs(bucket, "", begin if marks else None, hold_s=hold_s),
        archives=S3Blobs(bucket, "archives/", block_bytes=_ARCHIVE_BLOCK_BYTES),
        queries=S3Blobs(bucket, "queries/"),
        mark=mark,
        keep_owner=owner.check,
    )


def open_bucket(url: str) -> Bucket:
    """Return the bucket that a URL names; raises ``BlobsMisconfigured`` without its package."""
    try:
        from common.blobs.bucket import Bucket
    except ImportError as error:
        raise BlobsMisconfigured(
            "The package boto3 is missing, which reads object stores. Run: pip install"
            " 'glimpse[s3]', or use a folder."
        ) from error
    return Bucket(*bucket_of(url))
