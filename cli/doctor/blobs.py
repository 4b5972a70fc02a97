"""Checks the blob store: a blob is written, read and deleted; free space and clock."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from cli.doctor.clock import clock_finding
from common.blobs.base import BlobStore
from common.contract import DEFAULT_TENANT
from common.errors import BlobsUnavailable, SetupError
from common.findings import Finding, Part
from common.redis.time import Clock

_PART = Part("blobs")

# Size of the blob that is written.
_PROBE_BYTES = 64 * 1024
# Free space below which the disk may soon be full.
_FREE_BYTES_MIN = 2 * 1024**3


def look(
    blobs: BlobStore, folder: Path | None, clock: Clock, try_it: Callable[[], None]
) -> Iterator[Finding]:
    """Yield what there is to say about the blob store.

    Args:
        blobs: A store whose blobs nothing else depends on.
        folder: The folder of the blobs; None if they are in an object store.
        clock: Redis's clock.
        try_it: Raises the error with which a process of the service does not start.
    """
    where = f"the folder {folder}" if folder else "the object store"
    try:
        try_it()
        skew_s, ms = _round_trip(blobs, clock)
    except (BlobsUnavailable, SetupError) as error:
        yield _PART.error("works", str(error), f"Check {where} and the rights on it.")
        return
    yield _PART.ok("works", f"A blob was written to {where}, read and deleted in {ms:.0f} ms.")
    if skew_s is not None:
        yield clock_finding("blobs", f"The clock of {where}", skew_s)
    if folder is not None:
        yield _space(folder)


def _round_trip(blobs: BlobStore, clock: Clock) -> tuple[float | None, float]:
    """Write, read and delete a blob; return the clock's difference, and the milliseconds."""
    data = os.urandom(_PROBE_BYTES)
    blob_id = hashlib.sha256(data).hexdigest()
    started = time.perf_counter()
    writer = blobs.writer(DEFAULT_TENANT)
    try:
        writer.write(data)
        written_at = clock.now()
        writer.commit(blob_id)
        if blobs.read(DEFAULT_TENANT, blob_id) != data:
            raise BlobsUnavailable("The blob store returned other bytes than were written.")
        ms = 1000 * (time.perf_counter() - started)
        stored = {blob.id: blob.at for blob in blobs.stored(blob_id[:2])}
    finally:
        writer.discard()
        blobs.delete(DEFAULT_TENANT, blob_id)
    return (stored[blob_id] - written_at if blob_id in stored else None), ms


def _space(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    text = f"{free / 1024**3:,.1f} GiB are free in {folder}."
    if free < _FREE_BYTES_MIN:
        return _PART.warning("space", text, "Free some: uploads are refused on a full disk.")
    return _PART.ok("space", text)
