"""Waiting for what happens in other processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

Found = TypeVar("Found")

# Seconds between two looks.
_POLL_S = 0.05


def wait_for(look: Callable[[], Found | None], timeout_s: float, what: str) -> Found:
    """Return what ``look`` finds as soon as it finds something.

    Raises:
        AssertionError: It found nothing in time; ``what`` says what was waited for.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s in vain for {what}"
        time.sleep(_POLL_S)


def finished_job(client: httpx.Client, location: str, timeout_s: float = 120) -> dict[str, Any]:
    """Return a job once it has ended."""

    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = client.get(location).raise_for_status().json()
        return job if job["finished_at"] else None

    return wait_for(look, timeout_s, f"the end of {location}")


def ready(client: httpx.Client, timeout_s: float = 60) -> None:
    """Return once the service says that it is ready."""
    wait_for(lambda: client.get("/readyz").status_code == 200, timeout_s, "readiness")
