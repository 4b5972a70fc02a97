"""Changes the rows of claimed images, in all collections."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

from common.claims.base import Claim, Claims
from common.contract import Change, ImageRecord, OutcomeState
from common.errors import GlimpseError, NotFound, ServiceError
from common.jobs.base import JobRecords
from worker.edits.change import changed
from worker.edits.photo import StoredPhotoInfo
from worker.late_writes.fence import Claimed, Fence
from worker.late_writes.settled import settled_jobs
from worker.stores.base import Row, VectorStore
from worker.stores.collections import Collections
from worker.stores.rows import check_rows
from worker.stores.written import note_written

# Pictures that are read at once: the blob store may be a bucket.
_READERS = 4


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of some images of a tenant.

    Attributes:
        id: Written into the rows as their job; the same when the edit is repeated.
        tenant: The owner of the images.
        owner: The owner of their claims.
        apply: Returns an image's record as changed; may raise ``Unprocessable``.
        refresh: Whether to read what the bytes say from them first.
    """

    id: str
    tenant: str
    owner: str
    apply: Callable[[ImageRecord], ImageRecord]
    refresh: bool = False

    @classmethod
    def of(cls, edit_id: str, tenant: str, owner: str, change: Change) -> Self:
        """Return the edit that makes the same change of each image."""
        return cls(edit_id, tenant, owner, partial(changed, change=change), change.refresh)


@dataclass(frozen=True, slots=True)
class Edited:
    """The result of an edit for one image.

    Attributes:
        state: Its outcome.
        row: The row that is in the store now; None if the image is not indexed.
        error: Why it failed.
    """

    state: OutcomeState
    row: Row | None = None
    error: GlimpseError | None = None


class Editor:
    """Edits rows, in such an order that an edit can be interrupted and repeated at any point.

    A row that an edit has written has the edit's id as its job, so that a repeated edit knows it,
    and a migration or a correction tells it from the row before. The rows of other models get the
    same record, and this model's row is written last: until then, it shows that the edit is
    unfinished.

    Args:
        store: The active model's rows.
        collections: The collections of other models.
        jobs: Records the outcomes of rows whose workers died before they did so.
        claims: The claims on images.
        fence: Keeps an edit that lost its claims from overwriting newer rows.
        photos: Reads what the bytes say.
    """

    def __init__(
        self,
        *,
        store: VectorStore,
        collections: Collections,
        jobs: JobRecords,
        claims: Claims,
        fence: Fence,
        photos: StoredPhotoInfo,
    ) -> None:
        self._store = store
        self._collections = collections
        self._jobs = jobs
        self._claims = claims
        self._fence = fence
        self._photos = photos

    def edit(self, edit: Edit, ids: Sequence[str]) -> dict[str, Edited]:
        """Edit claimed images; return the results of those whose claims held throughout.

        Raises:
            ServiceError: A part of the service is unavailable; repeat the edit.
        """
        rows = self._rows(edit, ids)
        fresh = [row for row in rows.values() if row.job_id != edit.id]
        results: dict[str, Edited] = {
            image_id: Edited("modified", row)
            for image_id, row in rows.items()
            if row.job_id == edit.id
        }
        results |= {
            image_id: Edited("failed", error=NotFound(f"There is no image {image_id}."))
            for image_id in ids
            if image_id not in rows
        }
        results |= self._results(edit, fresh)
        unwritten = [
            image_id
            for image_id, result in results.items()
            if result.row is None or result.row is rows[image_id]
        ]
        written = self._write(edit, rows, [results[i].row for i in results if i not in unwritten])
        held = written | self._held(edit, unwritten)
        return {image_id: result for image_id, result in results.items() if image_id in held}

    def written(self, edit: Edit, ids: Sequence[str]) -> dict[str, Edited]:
        """Return what an edit that was cancelled left of claimed images."""
        rows = self._store.rows(edit.tenant, ids)
        return {
            image_id: Edited(
                "modified"
                if image_id in rows and rows[image_id].job_id == edit.id
                else "cancelled",
                rows.get(image_id),
            )
            for image_id in ids
        }

    def release(self, edit: Edit, ids: Sequence[str], results: Mapping[str, Edited]) -> None:
        """Release claimed images; those with a row and a result are settled."""
        rows = {image_id: result.row for image_id, result in results.items() if result.row}
        self._claims.settle(
            edit.owner,
            edit.tenant,
            {image_id: row.job_id for image_id, row in rows.items()},
            {image_id: row.record.model_dump_json() for image_id, row in rows.items()},
        )
        rest = [image_id for image_id in ids if image_id not in rows]
        self._claims.give_back(edit.owner, edit.tenant, rest)

    def _rows(self, edit: Edit, ids: Sequence[str]) -> dict[str, Row]:
        """Return the images' rows, except those that other workers' amends are about to delete."""
        rows = self._store.rows(edit.tenant, ids)
        jobs = {image_id: row.job_id for image_id, row in rows.items()}
        stored = settled_jobs(self._claims, edit.tenant, jobs)
        return {image_id: rows[image_id] for image_id in stored}

    def _results(self, edit: Edit, rows: Sequence[Row]) -> dict[str, Edited]:
        """Return the results of rows if their changes could be written."""
        if not edit.refresh:
            found: Iterable[Edited] = [_result(edit, row) for row in rows]
        else:
            with ThreadPoolExecutor(_READERS) as threads:
                found = list(threads.map(lambda row: self._refreshed(edit, row), rows))
        return {row.record.id: result for row, result in zip(rows, found, strict=True)}

    def _refreshed(self, edit: Edit, row: Row) -> Edited:
        try:
            refreshed = self._photos.refreshed(edit.tenant, row.record)
        except ServiceError:
            raise
        except GlimpseError as error:
            return Edited("failed", row, error)
        return _result(edit, row, refreshed)

    def _write(self, edit: Edit, before: Mapping[str, Row], rows: Sequence[Row | None]) -> set[str]:
        """Write rows; return the ids of those whose claims held."""
        claimed = [
            Claimed(edit.owner, row, before[row.record.id])
            for row in rows
            if row is not None and row is not before[row.record.id]
        ]
        if not claimed:
            return set()
        note_written(self._jobs, self._store, [before[each.row.record.id] for each in claimed])
        held = self._fence.write(claimed, self._write_all)
        return {each.row.record.id for each, holds in zip(claimed, held, strict=True) if holds}

    def _write_all(self, rows: Sequence[Row]) -> None:
        new = {row.record.id: row for row in rows}
        for store in self._collections.others(self._store):
            theirs = store.rows(rows[0].tenant, list(new))
            store.upsert([replace(new[key], vector=row.vector) for key, row in theirs.items()])
        self._store.upsert(rows)

    def _held(self, edit: Edit, ids: Sequence[str]) -> set[str]:
        claims = [Claim(edit.owner, edit.tenant, image_id) for image_id in ids]
        held = self._claims.confirm(claims) if claims else []
        return {image_id for image_id, holds in zip(ids, held, strict=True) if holds}


def _result(edit: Edit, row: Row, refreshed: ImageRecord | None = None) -> Edited:
    """Return the result of a row whose photo info, if asked for, has been read."""
    try:
        record = edit.apply(refreshed or row.record)
        if record == row.record:
            return Edited("unchanged", row)
        new = replace(row, record=record, job_id=edit.id)
        check_rows([new], None)
    except GlimpseError as error:
        return Edited("failed", row, error)
    return Edited("modified", new)
