"""A flood of uploads on a slow worker: refused past the limit, accepted later, none lost."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.conftest import require
from tests.support.pictures import picture
from tests.support.polling import finished_job, ready, wait_for
from tests.support.services import MilvusLite, SlowWorker, Stack, Valkey

# Seconds per picture in the slow model, and the maximum expected wait of an upload.
PICTURE_S, MAX_WAIT_S = 0.15, 2

SETTINGS = {
    "GLIMPSE_MODEL": "hashing",
    "GLIMPSE_MAX_WAIT_S": str(MAX_WAIT_S),
    "GLIMPSE_CHUNK_IMAGES": "4",
    "GLIMPSE_BATCH_MAX": "1",
    "GLIMPSE_WORKER_THREADS": "2",
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    require(Valkey)
    require(MilvusLite)
    folder = tmp_path_factory.mktemp("stack")
    stack = Stack(folder, SETTINGS)
    slow = SlowWorker(folder / "slow", stack.settings, PICTURE_S, folder / "embeddings")
    stack.ingest_worker = slow
    with stack:
        ready(stack.client)
        yield stack


def upload(client: httpx.Client, first: int, count: int) -> httpx.Response:
    numbers = range(first, first + count)
    files = [("file", (f"{n}.png", picture(f"#{n:06x}"))) for n in numbers]
    return client.post("/v1/images", files=files)


def refused(client: httpx.Client) -> int:
    """Check that an upload is refused; return its Retry-After in seconds."""
    response = upload(client, 0, 1)
    assert response.status_code == 503
    problem = response.json()
    assert problem["code"] == "overloaded"
    assert f"uploads are refused above {MAX_WAIT_S} s" in problem["detail"]
    return int(response.headers["Retry-After"])


def taken_again(client: httpx.Client, number: int) -> httpx.Response:
    def accepted() -> httpx.Response | None:
        response = upload(client, number, 1)
        return response if response.status_code == 202 else None

    return wait_for(accepted, 120, "room for another upload")


def test_a_flood_is_refused_and_what_was_accepted_is_not_lost(stack: Stack) -> None:
    client = stack.client
    accepted = [upload(client, 1000, 30)]
    few = refused(client)
    accepted.append(taken_again(client, 2000))
    for response in accepted:
        assert finished_job(client, response.headers["Location"])["state"] == "succeeded"
    # The queue is empty, so this is accepted as a whole, and the backlog is longer than before.
    accepted.append(upload(client, 3000, 90))
    many = refused(client)
    assert many > few >= 1
    accepted.append(taken_again(client, 4000))
    for response in accepted:
        assert response.status_code == 202
    jobs = [finished_job(client, response.headers["Location"]) for response in accepted]
    assert [(job["state"], job["indexed"]) for job in jobs] == [
        ("succeeded", count) for count in (30, 1, 90, 1)
    ]


def test_uploads_are_refused_together_and_never_fail_otherwise(stack: Stack) -> None:
    accepted = [upload(stack.client, 5000, 40)]
    answers = [upload(stack.client, 6000 + 4 * n, 4) for n in range(20)]
    assert {answer.status_code for answer in answers} <= {202, 503}
    assert answers[0].status_code == 503
    accepted += [answer for answer in answers if answer.status_code == 202]
    jobs = [finished_job(stack.client, answer.headers["Location"]) for answer in accepted]
    assert all(job["state"] == "succeeded" for job in jobs)
    assert sum(job["indexed"] for job in jobs) == sum(job["total"] for job in jobs)
