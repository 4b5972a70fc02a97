"""Runs ``images.edit``: changes the images of a job, a page at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from common.claims.base import Claim, Claims, Verdict
from common.contract import Done, EditImages, Outcome
from common.errors import ImagesBusy, NotFound, Quarantined, StoreError
from common.jobs.base import FINAL_STATES, Item, JobRecords
from common.jobs.walk import walk
from common.pages import pages
from worker.edits.editor import Edit, Edited, Editor
from worker.ingest.deliveries import Interrupted, OthersFirst
from worker.ingest.isolation import Isolation
from worker.late_writes.amends import Amends
from worker.stores.base import VectorStore

# Images claimed together: few enough to be done before a caller who waits for one of them gives up.
_PAGE = 64
# Images added to the job at once.
_FOUND_PAGE = 1000
# Seconds after which the task goes to the end of its queue, so that a large job does not occupy a
# thread that uploads need.
_TURN_S = 10.0


class JobEdit:
    """Changes the images of a job.

    First it adds the images to the job, which grows until then; then it changes those without
    an outcome. It can be interrupted at any point: images that the job has are not added again,
    and images with an outcome are not changed again.

    Args:
        editor: Changes claimed images.
        store: Finds the images.
        jobs: The job records.
        claims: The claims on images, and on the job.
        isolation: Shared by all tasks of this process.
        amends: The images awaiting correction, which wait.
        closing: Returns whether the worker is shutting down.
        turn_s: Seconds after which others come first.
    """

    def __init__(
        self,
        *,
        editor: Editor,
        store: VectorStore,
        jobs: JobRecords,
        claims: Claims,
        isolation: Isolation,
        amends: Amends,
        closing: Callable[[], bool],
        turn_s: float = _TURN_S,
    ) -> None:
        self._editor = editor
        self._store = store
        self._jobs = jobs
        self._claims = claims
        self._isolation = isolation
        self._amends = amends
        self._closing = closing
        self._turn_s = turn_s

    def run(self, task: EditImages, owner: str) -> Done:
        """Change a job's images; idempotent.

        Args:
            task: The job and its change.
            owner: The owner of the claims; the same when the task is retried.

        Raises:
            ImagesBusy: Other tasks have claimed some of the images, or the job.
            Interrupted: The worker is shutting down.
            OthersFirst: The job has had its turn.
            ServiceError: A part of the service is unavailable; in all cases, retry.
        """
        is_over = self._is_over(task.job_id)
        if self._claims.deaths(task.tenant, task.job_id):
            self._release_ended(task, is_over=is_over)
        if is_over:
            return Done()
        self._claim(task, owner)
        try:
            self._jobs.begin(task.job_id, [])
            if self._jobs.get(task.job_id).growing:
                self._add_images(task, owner)
            self._edit_all(task, owner)
        except BaseException:
            self._claims.give_back(owner, task.tenant, [task.job_id])
            raise
        # No row has a job's key.
        self._claims.settle(owner, task.tenant, {task.job_id: ""})
        return Done()

    def give_up(self, task: EditImages) -> Done:
        """End a job that keeps failing; images that it has changed stay changed."""
        self._jobs.complete(task.job_id)
        error = StoreError("The worker failed on this edit; see its log.")
        try:
            for items in pages(list(walk(self._jobs, task.job_id, "queued")), _FOUND_PAGE):
                failed = [Outcome.failed(item.index, item.id, error) for item in items]
                self._jobs.record(task.job_id, failed)
        except NotFound:
            pass
        return Done()

    def _release_ended(self, task: EditImages, *, is_over: bool) -> None:
        """Release the images that an earlier worker ended, and the job if it is over.

        A worker may have died between the outcomes of a page and the release of its images, and
        nothing else would release them: no later run claims ended images.
        """
        dead = self._claims.holder(task.tenant, task.job_id)
        if dead is None:
            return
        edit = Edit.of(task.job_id, task.tenant, dead, task.change)
        with suppress(NotFound):
            ended = (item for item in walk(self._jobs, task.job_id) if item.state != "queued")
            for items in pages(list(ended), _FOUND_PAGE):
                claims = [Claim(dead, task.tenant, item.id) for item in items]
                confirmed = zip(claims, self._claims.confirm(claims), strict=True)
                ids = [claim.id for claim, held in confirmed if held]
                self._editor.release(edit, ids, self._editor.written(edit, ids))
        if is_over:
            self._claims.settle(dead, task.tenant, {task.job_id: ""})

    def _is_over(self, job_id: str) -> bool:
        try:
            return self._jobs.get(job_id).state in FINAL_STATES
        except NotFound:
            # It was never accepted, or expired.
            return True

    def _claim(self, task: EditImages, owner: str) -> None:
        (verdict,) = self._claims.take(owner, task.tenant, [task.job_id], alone=True)
        if verdict is Verdict.QUARANTINED:
            # A picture that kills workers is quarantined itself; the job is not at fault.
            self._claims.forget(task.tenant, [task.job_id])
        if verdict is not Verdict.GRANTED:
            raise ImagesBusy("Another worker is running this job.")

    def _check(self, task: EditImages, owner: str) -> None:
        if self._closing():
            raise Interrupted("The worker is shutting down.")
        if self._claims.confirm([Claim(owner, task.tenant, task.job_id)]) != [True]:
            raise ImagesBusy("Another worker is running this job.")

    def _add_images(self, task: EditImages, owner: str) -> None:
        """Add the images that the job lacks, and end its growth."""
        known = {bytes.fromhex(item.id) for item in walk(self._jobs, task.job_id)}
        index = len(known)
        for found in self._found(task):
            new = [each for each in found if bytes.fromhex(each[0]) not in known]
            self._check(task, owner)
            if self._jobs.extend(task.job_id, index, new) < len(new):
                # Cancelled, or another worker has added images.
                raise ImagesBusy("The job has changed meanwhile.")
            known.update(bytes.fromhex(image_id) for image_id, _ in new)
            index += len(new)
        self._jobs.complete(task.job_id)

    def _found(self, task: EditImages) -> Iterator[list[tuple[str, str]]]:
        """Yield pages of the ids and file names of the images to change."""
        if task.ids is not None:
            for ids in pages(list(dict.fromkeys(task.ids)), _FOUND_PAGE):
                names = {each.id: each.filename for each in self._store.get(task.tenant, ids)}
                yield [(image_id, names.get(image_id, image_id[:12])) for image_id in ids]
            return
        after = None
        while True:
            records, after = self._store.page(
                task.tenant, _FOUND_PAGE, after=after, wanted=task.filter
            )
            yield [(record.id, record.filename) for record in records]
            if after is None:
                return

    def _edit_all(self, task: EditImages, owner: str) -> None:
        until = time.monotonic() + self._turn_s
        busy = False
        following: int | None = 0
        while following is not None:
            items, following = self._jobs.items(task.job_id, "queued", _PAGE, following)
            self._check(task, owner)
            busy |= not self._edit_page(task, owner, items)
            if following is not None and time.monotonic() >= until:
                raise OthersFirst("Other tasks come first.")
        if busy:
            raise ImagesBusy("Other tasks are processing some of the images.")

    def _edit_page(self, task: EditImages, owner: str, items: Sequence[Item]) -> bool:
        """Change a page's images; return whether all of them have their outcomes."""
        if self._amends.concern(task.tenant, [item.id for item in items]):
            return False
        is_on = self._jobs.begin(task.job_id, [item.index for item in items])
        edit = Edit.of(task.job_id, task.tenant, owner, task.change)
        # Reading a picture's bytes may kill the worker; changing its row does not.
        decodes = is_on and task.change.refresh
        with self._isolation.together():
            verdicts = self._take(edit, items, alone=not decodes)
            granted = [item for item, verdict in verdicts if verdict is Verdict.GRANTED]
            ended = self._edit(edit, granted, is_on=is_on)
        for item, verdict in verdicts:
            if verdict is Verdict.SUSPECT:
                ended += self._edit_alone(edit, item)
            elif verdict is Verdict.QUARANTINED:
                ended += self._refuse(edit, item) if decodes else self._forget(edit, item)
        return ended == len(items)

    def _take(
        self, edit: Edit, items: Sequence[Item], *, alone: bool
    ) -> list[tuple[Item, Verdict]]:
        ids = [item.id for item in items]
        found = self._claims.take(edit.owner, edit.tenant, ids, alone=alone)
        return list(zip(items, found, strict=True))

    def _edit_alone(self, edit: Edit, item: Item) -> int:
        """Change an image whose earlier worker died, while this process does nothing else."""
        with self._isolation.alone():
            ((_, verdict),) = self._take(edit, [item], alone=True)
            if verdict is Verdict.GRANTED:
                return self._edit(edit, [item], is_on=True)
        return 0

    def _edit(self, edit: Edit, items: Sequence[Item], *, is_on: bool) -> int:
        """Change claimed images, record their outcomes and release them; return their number."""
        ids, results = [item.id for item in items], dict[str, Edited]()
        try:
            # An earlier run may have ended some of them, and others may have changed them since.
            ended = self._jobs.outcomes(edit.id, {item.index: item.id for item in items})
            left = [item for item in items if item.index not in ended]
            act = self._editor.edit if is_on else self._editor.written
            results = act(edit, [item.id for item in left]) if left else {}
            found = [item for item in left if item.id in results]
            self._record(edit, [_outcome(item, results[item.id]) for item in found])
            return len(ended) + len(found)
        finally:
            self._editor.release(edit, ids, results)

    def _record(self, edit: Edit, outcomes: Sequence[Outcome]) -> None:
        # The store's clock is asked, because a worker that died may have written some of the rows.
        mark = self._store.read_mark(fresh=True) if outcomes else None
        self._jobs.record(edit.id, outcomes, mark)

    def _refuse(self, edit: Edit, item: Item) -> int:
        error = Quarantined("Workers died each time they read this image; delete it.")
        self._jobs.record(edit.id, [Outcome.failed(item.index, item.id, error)])
        return 1

    def _forget(self, edit: Edit, item: Item) -> int:
        """Lift a quarantine, which is about decoding; the image is changed in the next pass."""
        self._claims.forget(edit.tenant, [item.id])
        return 0


def _outcome(item: Item, result: Edited) -> Outcome:
    if result.error is not None:
        return Outcome.failed(item.index, item.id, result.error)
    return Outcome(index=item.index, id=item.id, state=result.state)
