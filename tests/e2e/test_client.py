"""The client library against real processes: what it sends is found, whatever dies meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from glimpse_client import Glimpse, Patience
from tests.pictures import image_id, picture
from tests.services import Stack


@pytest.fixture
def glimpse(shared_stack: Stack, api_key: str) -> Iterator[Glimpse]:
    with Glimpse(shared_stack.api.url, api_key=api_key, patience=Patience(120)) as glimpse:
        yield glimpse


def test_what_is_uploaded_is_found(glimpse: Glimpse, tmp_path: Path) -> None:
    (tmp_path / "red.png").write_bytes(picture("red"))
    job = glimpse.wait(
        glimpse.upload(tmp_path / "red.png", ("blue.png", picture("blue")), tags=["plain"])
    )
    assert (job.state, job.indexed) == ("succeeded", 2)
    found = glimpse.search(picture=tmp_path / "red.png", filter={"tags": {"any": ["plain"]}})
    assert [hit.filename for hit in found.hits] == ["red.png", "blue.png"]
    assert glimpse.contact_sheet(found).startswith(b"\x89PNG")
    assert glimpse.content(image_id(picture("red"))) == picture("red")
    assert glimpse.delete(image_id(picture("red")))
    assert glimpse.check([image_id(picture("red"))]).known == ()


def test_an_api_that_is_killed_meanwhile_loses_and_doubles_nothing(
    glimpse: Glimpse, shared_stack: Stack
) -> None:
    """Each upload is one job, and each picture is there."""
    before = {job.id for job in glimpse.jobs()}
    pictures = [picture(f"#4400{n:02x}") for n in range(40)]

    def upload(number: int) -> str:
        job = glimpse.upload((f"{number}.png", pictures[number])).id
        if number == 10:
            shared_stack.api.kill()
            shared_stack.api.start()
        return job

    with ThreadPoolExecutor(4) as threads:
        ids = list(threads.map(upload, range(len(pictures))))
    jobs = [glimpse.wait(job_id) for job_id in ids]
    # An image whose task was sent before the kill, and its job not accepted any more, is there
    # when it is sent again.
    assert [job.indexed + job.duplicates for job in jobs] == [1] * len(pictures)
    assert [job.state for job in jobs] == ["succeeded"] * len(pictures)
    assert glimpse.check([image_id(data) for data in pictures]).missing == ()
    assert {job.id for job in glimpse.jobs()} - before == set(ids)
