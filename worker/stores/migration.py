"""Migrates all models' collections to another Milvus while the service runs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from urllib.parse import urlsplit

from common.errors import MigrationRefused
from common.settings import Settings
from worker.stores.base import VectorStore
from worker.stores.copy import Copy, Pass
from worker.stores.registry import is_memory

log = logging.getLogger(__name__)

# Passes after which a migration gives up to reach the source; each finds what the one before it
# missed, so that even under a constant load they get short.
_PASSES_MAX = 8

# Called at the start of a pass with its title and the number of rows; returns what to call with
# rows that were compared.
Show = Callable[[str, int], Callable[[int], None]]


def migrate(settings: Settings, to: str, token: str, *, finish: bool, show: Show) -> int:
    """Copy all collections to another Milvus until passes find nothing new.

    Args:
        settings: Name the source, and how to lay out the target.
        to: Address of the target.
        token: Its token.
        finish: Require that nothing changes, and mark the copies as finished.
        show: Shows the progress.

    Returns:
        The number of images in the target.

    Raises:
        MigrationRefused: The target is in use, or with ``finish`` the source still changes.
        CopyDiffers: A row of the target differs from its original.
    """
    if is_memory(settings.milvus_uri) or is_memory(to):
        raise MigrationRefused("Collections in memory cannot be migrated.")
    from worker.stores.milvus.collections import MilvusCollections
    from worker.stores.milvus.copies import MilvusCopies
    from worker.stores.milvus.definition import Definition

    definition = Definition.of(settings)
    copies = MilvusCopies(to, token, definition)
    sources = MilvusCollections(settings.milvus_uri, settings.milvus_token, definition).named()
    rows = 0
    for name, identity, source in sources:
        target = copies.begin(name, identity)
        rows += _copy(source, target, name, finish=finish, show=show)
    if finish:
        for name, _, _ in sources:
            copies.finish(name)
    return rows


def _copy(source: VectorStore, target: VectorStore, name: str, *, finish: bool, show: Show) -> int:
    """Copy one collection; return its rows."""
    before: Pass | None = None
    for number in range(1, _PASSES_MAX + 1):
        copy = Copy(source, target, show(f"{name}, pass {number}", source.count()))
        found = copy.run()
        log.info("migrate.pass collection=%s number=%d found=%s", name, number, found)
        if not found.changes:
            return found.rows
        # While uploads continue, some rows are always new: the rest is left to the last run.
        if not finish and before is not None and found.changes >= before.changes:
            return found.rows
        before = found
    if finish:
        raise MigrationRefused(
            f"The collection {name} still changes; stop all workers, then run this again."
        )
    return found.rows


def advice(images: int, to: str, *, finish: bool) -> str:
    """Return what a migration has done, and what to do next."""
    address = urlsplit(to)._replace(netloc=urlsplit(to).netloc.rpartition("@")[2]).geturl()
    if finish:
        return (
            f"{address} has all {images:,} images. Set GLIMPSE_MILVUS_URI={address} and start the"
            " service; keep the old data until you have seen it work."
        )
    return (
        f"{address} has {images:,} images. The service still uses the old Milvus: stop"
        " `glimpse up`, or all workers, and run the same command with --finish. It copies what was"
        " written since and then says how to change over."
    )
