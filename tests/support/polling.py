"""Waiting for conditions in other processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from tests.support.pictures import picture

Found = TypeVar("Found")

# Seconds between polls.
_POLL_S = 0.05


def wait_for(look: Callable[[], Found | None], timeout_s: float, what: str) -> Found:
    """Poll ``look`` and return its first truthy result.

    Raises:
        AssertionError: No truthy result in time; the message names ``what``.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s in vain for {what}"
        time.sleep(_POLL_S)


def finished_job(client: httpx.Client, location: str, timeout_s: float = 120) -> dict[str, Any]:
    """Wait until a job is finished and return it."""

    def job_if_finished() -> dict[str, Any] | None:
        job: dict[str, Any] = client.get(location).raise_for_status().json()
        return job if job["finished_at"] else None

    return wait_for(job_if_finished, timeout_s, f"the end of {location}")


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
