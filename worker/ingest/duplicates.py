"""Duplicates: images of an upload that are already indexed, and what the upload changes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from common.contract import ChunkItem, ImageRecord, IngestChunk, Outcome
from worker.edits.editor import Edit, Edited, Editor
from worker.edits.uploaded import Uploaded, adds_name, merged, replaced
from worker.ingest.outcomes import changed_outcome, outcome_of
from worker.stores.base import Named, Row
from worker.stores.rows import cut_filename
from worker.stores.written import changed_by


@dataclass(frozen=True, slots=True)
class Changed:
    """The outcome of a duplicate, and the row that it has now."""

    outcome: Outcome
    row: Row


class Duplicates:
    """Changes the rows of duplicates.

    Args:
        editor: Changes the rows of claimed images.
    """

    def __init__(self, editor: Editor) -> None:
        self._editor = editor

    def change(
        self, chunk: IngestChunk, owner: str, items: Mapping[str, ChunkItem]
    ) -> list[Changed]:
        """Change claimed images; idempotent.

        Args:
            chunk: The images' chunk.
            owner: The owner of their claims.
            items: The images by id.

        Returns:
            The outcomes of the images whose claims held throughout, and whose rows are still there.

        Raises:
            ServiceError: A part of the service is unavailable; repeat the call.
        """

        def apply(record: ImageRecord) -> ImageRecord:
            uploaded = _uploaded(chunk, items[record.id])
            act = replaced if chunk.on_duplicate == "replace" else merged
            return act(record, uploaded)

        edit = Edit(changed_by(chunk.job_id), chunk.tenant, owner, apply)
        results = self._editor.edit(edit, list(items))
        return [
            Changed(_outcome(items[image_id], result), result.row)
            for image_id, result in results.items()
            if result.row is not None
        ]


def is_to_change(chunk: IngestChunk, item: ChunkItem, row: Named) -> bool:
    """Return whether an upload may change an image, so that its row must be read.

    Not if its task wrote or changed the row in an earlier run.
    """
    if chunk.on_duplicate == "keep" or row.job_id in (chunk.job_id, changed_by(chunk.job_id)):
        return False
    if chunk.on_duplicate == "replace" or chunk.tags or chunk.metadata:
        return True
    return adds_name(row.filenames, _uploaded(chunk, item).filename or "")


def _uploaded(chunk: IngestChunk, item: ChunkItem) -> Uploaded:
    # A picture that was uploaded without a name has the start of its id as its name.
    is_named = item.filename != item.id[:12]
    filename = cut_filename(item.filename) if is_named else None
    return Uploaded(chunk.tags, chunk.metadata, filename)


def _outcome(item: ChunkItem, result: Edited) -> Outcome:
    if result.error is not None:
        return Outcome.failed(item.index, item.id, result.error)
    return changed_outcome(item) if result.state == "modified" else outcome_of(item, "duplicate")
