"""Runs ``catalog.edit``: changes one image while the caller waits."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable

from common.claims.base import Claims
from common.contract import CatalogEdited, EditRequest
from common.errors import NotFound, WorkerUnavailable
from common.read_marks.base import ReadMarks
from worker.catalog.claiming import CLAIM_WAIT_S, busy, claim_soon
from worker.edits.editor import Edit, Edited, Editor
from worker.stores.base import VectorStore

log = logging.getLogger(__name__)


class ImageEdit:
    """Changes one image.

    Args:
        editor: Changes claimed images.
        store: Provides the read mark.
        claims: The claims on images.
        marks: The read marks, which an edit raises.
        wait_s: Seconds to wait for a claimed image; must be less than the API's timeout.
    """

    def __init__(
        self,
        editor: Editor,
        store: VectorStore,
        claims: Claims,
        marks: ReadMarks,
        wait_s: float = CLAIM_WAIT_S,
    ) -> None:
        self._editor = editor
        self._store = store
        self._claims = claims
        self._marks = marks
        self._wait_s = wait_s

    def run(
        self, request: EditRequest, is_wanted: Callable[[], bool] = lambda: True
    ) -> CatalogEdited:
        """Change an image and return it; reads that are sent afterwards see the change.

        Args:
            request: The image and the change.
            is_wanted: Returns whether the caller still waits. A caller that timed out was
                asked to retry, and may have changed the image otherwise since.

        Raises:
            Unprocessable: The image would exceed the limits on uploads.
            ImagesBusy: Another task has claimed the image and did not release it in time.
            WorkerUnavailable: The caller no longer waits.
            ServiceError: A part of the service is unavailable. Retry in these three cases.
        """
        edit = Edit.of(uuid.uuid4().hex, request.tenant, uuid.uuid4().hex, request.change)
        claim_soon(self._claims, edit.owner, edit.tenant, request.id, self._wait_s)
        results: dict[str, Edited] = {}
        try:
            # Checked under the claim: any edit that is answered from here on is newer than this.
            if not is_wanted():
                raise WorkerUnavailable("The edit started after the request timed out; retry.")
            results = self._editor.edit(edit, [request.id])
        finally:
            self._editor.release(edit, [request.id], results)
        if request.id not in results:
            raise busy(request.id)
        return self._answer(results[request.id])

    def _answer(self, result: Edited) -> CatalogEdited:
        if isinstance(result.error, NotFound):
            return CatalogEdited()
        if result.error is not None:
            raise result.error
        # Also for an unchanged one: an edit that was interrupted may have written it.
        mark = self._store.read_mark(fresh=True)
        self._marks.advance([] if mark is None else [mark])
        return CatalogEdited(image=None if result.row is None else result.row.record)
