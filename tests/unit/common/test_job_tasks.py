"""Tasks of a job: their payloads, and one form of task id for every sender."""

from __future__ import annotations

from common.contract import IngestArchive
from common.jobs.base import Item, Job
from common.jobs.tasks import archive_task_id, chunk_tasks

ITEMS = [Item(index, f"{index:064x}", f"{index}.jpg") for index in (3, 4, 7)]


def test_a_job_is_cut_into_chunks_named_after_their_first_images() -> None:
    job = Job("job", "someone", 8, created_at=0.0, tags=("dog",), metadata={"year": 2026})
    first, last = chunk_tasks(job, ITEMS, 2)
    assert (first[0], last[0]) == ("job.3", "job.7")
    assert [(item.index, item.id, item.filename) for item in first[1].items] == [
        (item.index, item.id, item.filename) for item in ITEMS[:2]
    ]
    for _, chunk in (first, last):
        assert (chunk.job_id, chunk.tenant) == ("job", "someone")
        assert (chunk.tags, chunk.metadata) == (["dog"], {"year": 2026})


def test_images_of_an_archive_are_sent_as_those_of_its_job() -> None:
    archive = IngestArchive(
        job_id="job",
        tenant="someone",
        id="0" * 64,
        format="tar",
        filename="a.tar",
        tags=["dog"],
        metadata={"year": 2026},
    )
    job = Job("job", "someone", 8, created_at=0.0, tags=("dog",), metadata={"year": 2026})
    assert list(chunk_tasks(archive, ITEMS, 2)) == list(chunk_tasks(job, ITEMS, 2))


def test_without_images_there_is_no_task() -> None:
    assert list(chunk_tasks(Job("job", "someone", 0, created_at=0.0), [], 2)) == []


def test_an_archive_has_an_id_of_its_own_form() -> None:
    assert archive_task_id("job") == "job.archive"
