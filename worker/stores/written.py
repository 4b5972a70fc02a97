"""Records the outcomes of rows that were written by workers that died before they did so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from common.contract import Outcome, OutcomeState
from common.errors import NotFound
from common.jobs.base import FINAL_STATES, JobRecords
from common.jobs.walk import walk
from worker.stores.base import Row, VectorStore

# What the job of a row ends with if it changed the row of an earlier upload.
_CHANGED = ".changed"


def changed_by(job_id: str) -> str:
    """Return the job of rows that an upload finds and changes.

    It differs from the upload's own id, so that a redelivered task tells its duplicates from the
    images that it has indexed.
    """
    return f"{job_id}{_CHANGED}"


def note_written(jobs: JobRecords, store: VectorStore, rows: Sequence[Row]) -> None:
    """Record in the rows' jobs that they wrote them, before the rows are deleted or replaced.

    Otherwise another run of a job's task would take them for rows that it has not written.

    Args:
        jobs: The job records.
        store: Holds the rows; provides the read mark.
        rows: Rows whose images are claimed.
    """
    written: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        written[row.job_id].add(row.record.id)
    for job_id, ids in written.items():
        try:
            _note(jobs, store, job_id, ids)
        except NotFound:
            # The job has expired, or there was none: no task of it can run again.
            continue


def _note(jobs: JobRecords, store: VectorStore, row_job_id: str, ids: set[str]) -> None:
    job_id = row_job_id.removesuffix(_CHANGED)
    changed = job_id != row_job_id
    job = jobs.get(job_id)
    if job.state in FINAL_STATES:
        return
    wrote: OutcomeState = "indexed" if job.kind == "ingest" else "modified"
    state: OutcomeState = "duplicate" if changed else wrote
    found = [
        Outcome(index=item.index, id=item.id, state=state, changed=changed)
        for item in walk(jobs, job_id, "queued")
        if item.id in ids
    ]
    jobs.record(job_id, found, store.read_mark(fresh=True))
