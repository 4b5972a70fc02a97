"""Waiting for conditions in other processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from tests.support.pictures import picture

Found = TypeVar("Found")

# Seconds between polls, and at most between those of a job: by then it takes seconds, and each
# poll takes CPU time of the test, the API and Redis.
_POLL_S, _JOB_POLL_S = 0.05, 0.25
# Factor by which the pauses grow.
_GROWTH = 1.2


def wait_for(
    look: Callable[[], Found | None], timeout_s: float, what: str, poll_s_max: float = _POLL_S
) -> Found:
    """Poll ``look``, less and less often if wanted, and return its first truthy result.

    Raises:
        AssertionError: No truthy result in time; the message names ``what``.
    """
    deadline, poll_s = time.monotonic() + timeout_s, _POLL_S
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s in vain for {what}"
        time.sleep(poll_s)
        poll_s = min(_GROWTH * poll_s, poll_s_max)


def finished_job(client: httpx.Client, location: str, timeout_s: float = 120) -> dict[str, Any]:
    """Wait until a job is finished and return it."""
    job: dict[str, Any] = {}

    def job_if_finished() -> dict[str, Any] | None:
        job.update(client.get(location).raise_for_status().json())
        return job if job["finished_at"] else None

    try:
        return wait_for(job_if_finished, timeout_s, f"the end of {location}", _JOB_POLL_S)
    except AssertionError as error:
        error.add_note(f"It is {job}.")
        raise


def ready(client: httpx.Client, timeout_s: float = 60) -> None:
    """Wait until the service is ready."""
    wait_for(lambda: client.get("/readyz?for=all").status_code == 200, timeout_s, "readiness")


def index_and_find_a_picture(client: httpx.Client) -> None:
    """Check that an empty service indexes a picture and finds it."""
    response = client.post("/v1/images", files={"file": ("red.png", picture("red"))})
    job = finished_job(client, response.headers["Location"])
    assert (job["state"], job["indexed"]) == ("succeeded", 1)
    answer = client.post("/v1/searches", json={"text": "red"}, headers={"Prefer": "wait=30"})
    assert [hit["filename"] for hit in answer.json()["hits"]] == ["red.png"]
