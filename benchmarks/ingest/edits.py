"""Edits of all images in one job: alone, and beside an ingest."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from benchmarks.figures import Figure
from benchmarks.stack import WatchedStack

# Seconds between polls of the job, the maximum delay in noticing its end.
_POLL_S = 0.1


class EditFailed(RuntimeError):
    """The job did not change all images."""


def measure(stack: WatchedStack, first: int, count: int) -> dict[str, float]:
    """Edit all images, and edit them again beside an ingest; return the rates in images/s.

    Args:
        stack: A service with images.
        first: The first picture that it does not have.
        count: Pictures of each ingest.
    """
    ingest = stack.ingest(first, count).per_s
    edit = _edit(stack.client, "alone")
    with ThreadPoolExecutor(1) as thread:
        edited = thread.submit(_edit, stack.client, "beside")
        ingest_beside = stack.ingest(first + count, count).per_s
        edit_beside = edited.result()
    return {
        "ingest": ingest,
        "edit": edit,
        "ingest_beside": ingest_beside,
        "edit_beside": edit_beside,
    }


def _edit(client: httpx.Client, tag: str) -> float:
    """Add a tag to all images; return their number per second until the job's end."""
    started = time.perf_counter()
    body = {"filter": {}, "tags": {"add": [tag]}}
    job: dict[str, Any] = client.post("/v1/images/edits", json=body).raise_for_status().json()
    while job["state"] in ("queued", "running"):
        time.sleep(_POLL_S)
        job = client.get(f"/v1/jobs/{job['id']}").raise_for_status().json()
    if job["state"] != "succeeded" or not job["modified"]:
        raise EditFailed(f"The edit ended as {job}.")
    return float(job["modified"] / (time.perf_counter() - started))


def figures(rates: dict[str, float]) -> list[Figure]:
    """Return the rates of edits, and what each costs the other."""
    return [
        Figure("edit of all images", rates["edit"], "images/s"),
        Figure("edit / ingest", rates["edit"] / rates["ingest"], "times"),
        Figure("edit beside an ingest / alone", rates["edit_beside"] / rates["edit"], "times"),
        Figure("ingest beside an edit / alone", rates["ingest_beside"] / rates["ingest"], "times"),
    ]
