"""Open jobs of the client, against the whole of Glimpse in one process."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from glimpse_client import FileUnreadable, Glimpse, RequestRefused
from tests.support.inline import Inline
from tests.support.pictures import picture

RED, BLUE = ("red.png", picture("red")), ("blue.png", picture("blue"))


@pytest.fixture
def glimpse(inline: Inline) -> Iterator[Glimpse]:
    with Glimpse("http://127.0.0.1", transport=httpx.WSGITransport(inline.app)) as glimpse:
        yield glimpse


def test_uploads_fill_one_job(glimpse: Glimpse) -> None:
    with glimpse.open_job("Crete", tags="sea", metadata={"year": 2026}) as job:
        assert job.upload(RED).open
        assert job.upload(BLUE, RED).total == 2
        found = glimpse.find_open_job("Crete")
        assert found is not None
        assert found.id == job.id
    done = glimpse.wait(job.id)
    assert (done.name, done.open, done.state, done.indexed) == ("Crete", False, "succeeded", 2)
    assert {image.filename for image in glimpse.images(tag="sea")} == {"red.png", "blue.png"}
    assert glimpse.find_open_job("Crete") is None
    with pytest.raises(RequestRefused) as refused:
        job.upload(RED)
    assert refused.value.code == "job_complete"


def test_a_job_stays_open_after_an_error(glimpse: Glimpse) -> None:
    with pytest.raises(FileUnreadable), glimpse.open_job() as job:
        job.upload("/nowhere/at/all.png")
    assert glimpse.job(job.id).open
    job.upload(RED)
    assert job.complete().total == 1
