"""Removes what a load test uploaded."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from glimpse_client import Glimpse, GlimpseError

# Concurrent deletes.
_DELETES = 8
# Seconds to wait for images that workers have begun, and between polls.
_ENDING_S, _POLL_S = 120.0, 0.25


def clean_up(client: Glimpse, job_id: str, ids: Sequence[str]) -> int:
    """Cancel a job and delete images; return how many of them could not be deleted.

    An image that is still being indexed is deleted once it is, so that it does not come back.

    Args:
        client: The client.
        job_id: The job of the images.
        ids: The images, also those whose upload failed: its answer may have been lost.
    """
    try:
        client.cancel(job_id)
        _wait_for_outcomes(client, job_id)
        for item in client.items(job_id, state="failed"):
            client.forget(item.id)
    except GlimpseError:
        # Delete what can be deleted.
        pass
    failed = threading.Event()

    def is_left(image_id: str) -> bool:
        # After one has failed in spite of all retries, the others would take as long to fail.
        if not failed.is_set() and not _delete(client, image_id):
            failed.set()
        return failed.is_set()

    with ThreadPoolExecutor(_DELETES) as threads:
        return sum(threads.map(is_left, ids))


def _wait_for_outcomes(client: Glimpse, job_id: str) -> None:
    deadline = time.monotonic() + _ENDING_S
    while (job := client.job(job_id)).done < job.total and time.monotonic() < deadline:
        time.sleep(_POLL_S)


def _delete(client: Glimpse, image_id: str) -> bool:
    """Delete an image; return whether it is gone."""
    try:
        client.delete(image_id)
    except GlimpseError:
        return False
    return True
