"""Claims an image for a caller who waits."""

from __future__ import annotations

import time

from common.claims.base import Claims, Verdict
from common.errors import ImagesBusy

# Seconds to wait for an image that another task has claimed: half of the API's timeout.
CLAIM_WAIT_S = 2.0
# Seconds between attempts to claim it.
_POLL_S = 0.05


def claim_soon(claims: Claims, owner: str, tenant: str, image_id: str, wait_s: float) -> None:
    """Claim an image for work that decodes nothing; lift its quarantine.

    Raises:
        ImagesBusy: Another task has claimed it and did not release it in time.
    """
    deadline = time.monotonic() + wait_s
    while True:
        # Isolation does not matter here: nothing is decoded that could kill the worker.
        (verdict,) = claims.take(owner, tenant, [image_id], alone=True)
        if verdict is Verdict.GRANTED:
            return
        if verdict is Verdict.QUARANTINED:
            claims.forget(tenant, [image_id])
        elif time.monotonic() > deadline:
            raise busy(image_id)
        else:
            time.sleep(_POLL_S)


def busy(image_id: str) -> ImagesBusy:
    """Return the error for an image that another task is processing."""
    return ImagesBusy(f"Image {image_id} is being processed; retry in a moment.")
